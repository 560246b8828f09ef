"""``syncengine company``: its tiers created, coded, parted, linked; who is likely the same (CRM-20..26, CRM-30, CRM-31)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from syncengine import integrations
from syncengine.commands import sync
from syncengine.commands.answers import tell
from syncengine.commands.errors import show_error
from syncengine.commands.options import (
    As,
    AsJson,
    OfIntegration,
    Tiers,
    Which,
    Yes,
    acting,
    confirm,
    named,
)
from syncengine.commands.words import ERP_STATES, REASONS
from syncengine.core.account_code import says_nothing
from syncengine.crm import creation, linking, names
from syncengine.crm.companies import company_view
from syncengine.crm.company_code import set_code
from syncengine.crm.company_sheet import CompanyView
from syncengine.crm.duplicates import Duplicate, likely_duplicates
from syncengine.crm.linking import Linked
from syncengine.cycle.run import Report
from syncengine.desk.error_sheet import ErrorSummary, sync_errors
from syncengine.engine import opened
from syncengine.model import Side
from syncengine.screen import show_json, show_table

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class Created:
    """A creation that was ordered, how the synchronisation that carries it out ended, and why Sage 100 refused it.

    ``report`` is None when none was started.
    """

    company: CompanyView
    report: Report | None
    error: ErrorSummary | None


@app.command("create-tiers")
def create_tiers(
    which: Which,
    *,
    no_sync: Annotated[bool, typer.Option("--no-sync", help="Leave it to the next cycle.")] = False,
    integration: OfIntegration = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """'Créer le tiers': create the company's tiers in Sage 100, at once unless --no-sync."""
    report = None
    with opened() as engine:
        with engine.store.writing() as session:
            act = acting(session, as_)
            found = integrations.find(session, integration)
            number = names.company_id(session, named(which))
            multi = engine.settings.multi_integration
            account = creation.create_tiers(session, number, integration_id=found.id, at=act.at, by=act.by, multi=multi)
        if not no_sync:
            report = sync.run(engine, found.id)
        with engine.store.reading() as session:
            errors = sync_errors(session, found.id, side=Side.ERP)
            error = next((one for one in errors if one.local_id == account), None)
            made = Created(company=company_view(session, number), report=report, error=error)
    if as_json:
        show_json(made)
    else:
        tiers = made.company.tiers
        state = "" if tiers is None else ERP_STATES[tiers.erp_state]
        typer.echo(f"Société n° {number} · tiers {made.company.code or ''} · {state}")
        if error is not None:
            show_error(error)
    if report is not None:
        sync.end(report, shown=as_json)


@app.command("cancel-creation")
def cancel_creation(which: Which, *, as_: As = None, as_json: AsJson = False) -> None:
    """Withdraw a creation that was not sent, or that Sage 100 refused; the company stays as it is."""
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        number = names.company_id(session, named(which))
        creation.cancel_creation(session, number, at=act.at, by=act.by)
    tell({"company_id": number}, f"Société n° {number} : création du tiers annulée", as_json=as_json)


@app.command("set-code")
def set_company_code(
    which: Which,
    code: Annotated[str, typer.Argument(help="The code comptable; '' makes it wait again.")],
    *,
    integration: OfIntegration = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Enter the code comptable of a company that Sage 100 does not have yet: capitals and the suffix are added."""
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        of = None if integration is None else integrations.find(session, integration).id
        number = names.company_id(session, named(which))
        made = set_code(session, number, code, at=act.at, by=act.by, integration_id=of)
    words = f"{made} (à saisir)" if says_nothing(made) else made
    tell({"company_id": number, "code": made}, f"Société n° {number} : code comptable {words}", as_json=as_json)


@app.command("break-link")
def break_link(which: Which, *, as_: As = None, as_json: AsJson = False) -> None:
    """'Rompre le lien': part a company from its tiers, which stays as an orphan and goes on following Sage 100."""
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        broken = linking.break_link(session, names.company_id(session, named(which)), at=act.at, by=act.by)
    words = f"Société n° {broken.company_id} : lien rompu ; tiers orphelin id:{broken.account_id}"
    tell(broken, words, as_json=as_json)


@app.command()
def link(
    which: Which,
    tiers: Tiers,
    *,
    yes: Yes = False,
    integration: OfIntegration = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """'Lier à un tiers déjà existant': the company takes the tiers' data; the company it had before is removed."""
    with opened() as engine:
        confirm(f"Link {which} to the tiers {tiers}? Its former company is removed.", yes=yes)
        with engine.store.writing() as session:
            act = acting(session, as_)
            of = None if integration is None else integrations.find(session, integration).id
            account = names.account_id(session, named(tiers), of)
            linked = linking.link_company(
                session, names.company_id(session, named(which)), account, at=act.at, by=act.by
            )
    _show_linked(linked, as_json=as_json)


@app.command()
def reassign(
    linked: Annotated[str, typer.Argument(metavar="LINKED", help="The company that has the tiers; it is removed.")],
    which: Which,
    *,
    yes: Yes = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """'Réaffecter une autre société au tiers': as link, told by the company that has the tiers now."""
    with opened() as engine:
        confirm(f"Give the tiers of {linked} to {which}, and remove {linked}?", yes=yes)
        with engine.store.writing() as session:
            act = acting(session, as_)
            former, company = (names.company_id(session, named(one)) for one in (linked, which))
            found = linking.reassign_company(session, former, company, at=act.at, by=act.by)
    _show_linked(found, as_json=as_json)


@app.command()
def duplicates(
    which: Which,
    *,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at most.")] = 10,
    as_json: AsJson = False,
) -> None:
    """List the companies that are likely the same as one, the likeliest first, and why."""
    with opened() as engine, engine.store.reading() as session:
        number = names.company_id(session, named(which))
        found = likely_duplicates(session, company_id=number, limit=limit)
    if as_json:
        show_json(found)
    else:
        _show_duplicates(found)


def _show_linked(linked: Linked, *, as_json: bool) -> None:
    if as_json:
        show_json(linked)
        return
    former = f" ; société n° {linked.former_company_id} supprimée" if linked.former_company_id else ""
    typer.echo(f"Société n° {linked.company_id} liée au tiers id:{linked.account_id}{former}")
    joint = linked.joint
    for label, added, joined in (
        ("Adresses", joint.addresses_added, joint.addresses_joined),
        ("Contacts", joint.contacts_added, joint.contacts_joined),
    ):
        if added or joined:
            typer.echo(f"{label} : {len(added)} ajoutés, {len(joined)} réunis")
    if linked.duplicates:
        typer.echo("Doublons probables :")
        _show_duplicates(linked.duplicates)


def _show_duplicates(found: tuple[Duplicate, ...]) -> None:
    rows = (
        (one.company_id, one.code, one.name, f"{one.score} %", ", ".join(REASONS[reason] for reason in one.reasons))
        for one in found
    )
    show_table(("N°", "Code comptable", "Société", "Score", "En commun"), rows)
