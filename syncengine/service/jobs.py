"""Jobs: what the service does for integrations by itself, each with the column that says when it is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import InstrumentedAttribute

from syncengine.auditing import audit
from syncengine.cycle import lease as leases
from syncengine.cycle.audit import AGAIN, may_be_audited
from syncengine.cycle.progress import Progress
from syncengine.cycle.run import Order
from syncengine.engine import Engine
from syncengine.errors import Interrupted
from syncengine.model import Integration
from syncengine.service.ticket import JobKind, Ticket
from syncengine.sync import read_turnover, synchronise

Stopping: TypeAlias = Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Job:
    """``due`` says when; ``possible`` narrows that at an instant; ``run`` does it and moves ``due`` on.

    A claim puts ``due`` off by ``claimed_for``: so long after, what failed or was lost with its worker is tried again.
    """

    due: InstrumentedAttribute[datetime | None]
    claimed_for: timedelta
    run: Callable[[Engine, Ticket, Stopping], None]
    possible: Callable[[datetime], ColumnElement[bool]] = lambda _at: true()


def _cycle(engine: Engine, ticket: Ticket, stopping: Stopping) -> None:
    """The differences, or what is due in their place; ends after the page under way when the service stops."""

    def heed(_progress: Progress) -> None:
        if stopping():
            raise Interrupted("the service was stopped")

    synchronise(engine, ticket.integration_id, watch=heed, screen=False, order=Order(due_at=ticket.due_at))


def _turnover(engine: Engine, ticket: Ticket, _stopping: Stopping) -> None:
    """The turnover of all tiers; read to its end, it is due again the next day (CRM-48)."""
    read_turnover(engine, ticket.integration_id)


def _audit(engine: Engine, ticket: Ticket, _stopping: Stopping) -> None:
    """One portion, a matter of seconds; it says itself when the next one is due."""
    audit(engine, ticket.integration_id)


JOBS: Final[Mapping[JobKind, Job]] = {
    # Longer than a lease: who died in mid-cycle holds it until then, and is followed within a minute.
    JobKind.CYCLE: Job(due=Integration.due_at, possible=leases.is_free, claimed_for=timedelta(seconds=40), run=_cycle),
    # Where reading fails, it is tried again when the claim ends.
    JobKind.TURNOVER: Job(due=Integration.turnover_due_at, claimed_for=timedelta(minutes=15), run=_turnover),
    JobKind.AUDIT: Job(due=Integration.audit_due_at, possible=may_be_audited, claimed_for=AGAIN, run=_audit),
}
