"""A CRM base in which every kind of record is there, with low numbers, for tests that call every operation."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from syncengine.core.plan import LineKind, Place, dump_lines, fingerprint, line
from syncengine.model import (
    AttachedDocument,
    CycleKind,
    GenericRule,
    GenericTiers,
    Integration,
    Opportunity,
    Plan,
    RunRequest,
    RunState,
    Side,
)
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from tests.syncengine import inbox, records
from tests.syncengine.conftest import NOW
from tests.syncengine.tied import Tied


def seeded(session: Session) -> Tied:
    """A linked Company with everything; two without tiers, an orphan, an error, a conflict, a cycle, a plan, a run, a sale."""
    made = inbox.agreed(session)
    integration = session.get_one(Integration, made.integration)
    records.account(session, integration, code="ORPHAN", name="Orphelin")
    for name in ("Société sans tiers", "Autre"):
        records.company(session, name=name, code=None)
    cycle_id = inbox.cycle(session, made)
    inbox.parked(session, made, "name", "BIJOU SA", "BIJOU SARL", cycle_id=cycle_id)
    for key in ("C1", "C2"):
        inbox.error(session, made.integration, key, payload=inbox.xml(code=key), last_cycle_id=cycle_id)
    journal = inbox.journal(session, made, cycle_id)
    journal.value(Entity.COMPANY, made.company, "BIJOU", "name", "BIJOU", "BIJOU SA", Rule.ERP_CHANGED)
    journal.flush()
    plan_id = planned(session, made)
    session.add(
        RunRequest(
            integration_id=made.integration,
            order={},
            preview=True,
            state=RunState.DONE,
            asked_at=NOW,
            ended_at=NOW,
            plan_id=plan_id,
        )
    )
    sale(session, made)
    session.flush()
    return made


def planned(session: Session, made: Tied) -> int:
    """A plan of one line that was not applied."""
    place = Place(Side.CRM.value, "company", "BIJOU", "BIJOU SA", "name")
    lines = [line(LineKind.CHANGE, place, "BIJOU SA", "BIJOU", Rule.ERP_CHANGED.value)]
    plan = Plan(
        integration_id=made.integration,
        kind=CycleKind.DIFFERENTIAL,
        fingerprint=fingerprint(lines),
        counts={},
        lines=dump_lines(lines),
        made_at=NOW,
    )
    session.add(plan)
    session.flush()
    return plan.id


def sale(session: Session, made: Tied) -> int:
    """An opportunity with a quote that counts, and a generic tiers beside it."""
    stamps = {"created_at": NOW, "updated_at": NOW}
    opportunity = Opportunity(company_id=made.company, title="Vitrine", stage="open", currency="EUR", **stamps)
    generic = GenericTiers(
        integration_id=made.integration, rule=GenericRule.NAME, value="A-F", erp_key="BIJOU", created_at=NOW
    )
    session.add_all((opportunity, generic))
    session.flush()
    quote = AttachedDocument(
        opportunity_id=opportunity.id,
        integration_id=made.integration,
        type="DE",
        number="DE00001",
        tiers="BIJOU",
        date=date(2026, 11, 2),
        total_before_tax=Decimal("1500.50"),
        currency="EUR",
        read_at=NOW,
    )
    session.add(quote)
    session.flush()
    return opportunity.id
