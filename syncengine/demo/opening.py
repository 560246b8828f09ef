"""The first acts: an integration, the first synchronisation, a day's work in the ERP, what it became in the CRM."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Unreachable
from syncengine import integrations
from syncengine.connection import Target, first_failure, run_connection_test
from syncengine.core.labels import label_of
from syncengine.core.policies import Policy
from syncengine.cycle.run import Report, utc_now
from syncengine.demo.erp_side import COMPANY, USER, GatewaySide
from syncengine.demo.stage import PERSON, Stage, shown
from syncengine.desk.history import lines_of_cycle
from syncengine.engine import Engine
from syncengine.integration_draft import IntegrationDraft
from syncengine.model import Account, Company, FreeFieldDefinition, Link, User
from syncengine.model.link import Entity

POLICIES: Final = {"account.web_site": Policy.CRM_WINS.value, "account.contact_person": Policy.ASK.value}
"""Of every other field Sage 100's value wins, unless the integration says otherwise (NEW-03)."""


def make_integration(engine: Engine, url: str, password: SecretStr, console: Console) -> int:
    """Test the connection step by step, then create and activate the integration; its id."""
    draft = IntegrationDraft(url=url, company=COMPANY, erp_user=USER, erp_password=password, policies=POLICIES)
    target = Target(url=url, user=USER, password=password, company=COMPANY, timeout_s=draft.timeout_s)
    results = run_connection_test(target)
    for step in results:
        mark = {"ok": "[green]✓[/]", "failed": "[red]✗[/]"}.get(step.status.value, "–")
        console.print(f"  {mark} {step.name}" + (f" [dim]({escape(step.detail)})[/]" if step.detail else ""))
    if failed := first_failure(results):
        raise Unreachable(f"{failed.name}: {failed.detail}", remedy=failed.remedy)
    with engine.store.writing() as session:
        session.add(User(login=PERSON, name="Service commercial", created_at=utc_now()))
        record = integrations.create(session, draft, secrets=engine.secrets, multi=False, at=utc_now())
        integrations.activate(session, record.id, at=utc_now())
    console.print(f"integration {record.name!r} activated")
    others = ", ".join(
        f"{label_of(name.partition('.')[2])}: {Policy(policy).label}" for name, policy in POLICIES.items()
    )
    console.print(f"  where both sides change one field: {Policy.ERP_WINS.label}", highlight=False)
    console.print(f"  but {others}", highlight=False)
    return record.id


def first_synchronisation(stage: Stage, tiers: int) -> None:
    """Everything comes; every record that does not has a reason."""
    stage.begin("3 · First synchronisation")
    counts = stage.long_cycle().counts
    stage.console.print(
        f"  {counts.arrived} arrived + {counts.refused} refused with a reason = {tiers} tiers in the ERP"
    )
    stage.expect("tiers accounted for", counts.arrived + counts.refused, tiers)


def day_in_the_erp(stage: Stage, erp: GatewaySide) -> None:
    """Somebody works a day in the ERP, and a differential cycle brings exactly that."""
    stage.begin("4 · A day's work in the ERP")
    changes = json.loads(erp.command("demo-changes", str(erp.base), "--json"))
    for line in changes["lines"]:
        stage.say("Sage 100", line)
    stage.begin("5 · Differential synchronisation")
    report = stage.long_cycle()
    with stage.engine.store.reading() as session:
        _show_changes(stage, session, changes)
        _show_journal(stage, session, report)
    stage.seen |= {changes[name] for name in ("edited", "owner", "created")} | set(changes["valued"])


def _show_changes(stage: Stage, session: Session, changes: dict[str, Any]) -> None:
    """What each change of the ERP became in the CRM, read back from the CRM base."""
    rows = [
        (f"{what} {code}", _company(session, code))
        for what, code in (("edited", changes["edited"]), ("new", changes["created"]), ("deleted", changes["deleted"]))
        if code
    ]
    free = changes["free_field"]
    names = session.scalars(select(FreeFieldDefinition.name).where(FreeFieldDefinition.name == free)).all()
    stage.expect("the new information libre in the CRM", names, [free])
    rows.append((f"free field {free}", f"in the metadata: {', '.join(names)}"))
    for code in changes["valued"]:
        account = _account(session, code)
        value = (account.free_values or {}).get(free) if account else None
        rows.append((f"its value on {code}", shown(value)))
    stage.table(("Sage 100", "CRM"), rows)


def _show_journal(stage: Stage, session: Session, report: Report) -> None:
    """The Company's own lines are left out: they are the Account's again."""
    lines = [line for line in lines_of_cycle(session, report.cycle_id, limit=50) if line.entity != Entity.COMPANY.value]
    stage.told("Journal of the cycle:", "every value replaced, with the one before")
    rows = [(line.code or "", line.label, line.before or "", line.after or "") for line in lines[:12]]
    stage.table(("tiers", "Champ", "avant", "après"), rows)


def _account(session: Session, code: str) -> Account | None:
    query = select(Account).join(Link, (Link.local_id == Account.id) & (Link.entity == "account"))
    return session.scalar(query.where(Link.erp_key == code))


def _company(session: Session, code: str) -> str:
    account = _account(session, code)
    if account is None:
        return "not there"
    company = session.get(Company, account.company_id) if account.company_id else None
    name = company.name if company else account.name
    return f"{name} · {account.status.value} · in the ERP: {account.erp_state.value}"
