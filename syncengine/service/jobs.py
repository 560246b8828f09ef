"""Jobs: what the service does for integrations by itself, each with the column that says when it is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, and_, literal, true
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import SQLCoreOperations

from syncengine.auditing import audit
from syncengine.cycle import lease as leases
from syncengine.cycle.audit import AGAIN, may_be_audited
from syncengine.cycle.progress import Progress
from syncengine.cycle.run import Order
from syncengine.engine import Engine
from syncengine.errors import Interrupted
from syncengine.model import Integration, RunRequest
from syncengine.service.run_requests import carry_out, may_be_carried_out
from syncengine.service.ticket import JobKind, Ticket
from syncengine.sync import read_turnover, synchronise

Stopping: TypeAlias = Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Job:
    """``due`` says when; ``possible`` narrows that at an instant; ``run`` does it and moves ``due`` on.

    A claim puts ``due`` off by ``claimed_for``: so long after, what failed or was lost with its worker is tried again.
    ``integration`` and ``token`` are what the ticket of a row says; ``row`` finds the row of a ticket again.
    """

    due: InstrumentedAttribute[datetime | None]
    claimed_for: timedelta
    run: Callable[[Engine, Ticket, Stopping], None]
    possible: Callable[[datetime], ColumnElement[bool]] = lambda _at: true()
    # Made by functions: as plain defaults they would be taken for descriptors.
    integration: SQLCoreOperations[int] = field(default_factory=lambda: Integration.id)
    token: SQLCoreOperations[int] = field(default_factory=lambda: literal(0))
    row: Callable[[Ticket], ColumnElement[bool]] = lambda ticket: Integration.id == ticket.integration_id

    @property
    def table(self) -> Any:
        """Whose rows are claimed: a mapped class."""
        return self.due.class_


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


def _run(engine: Engine, ticket: Ticket, stopping: Stopping) -> None:
    """What somebody asked for: a cycle, or the plan of one."""
    carry_out(engine, ticket.token, stopping)


def _same_cycle(ticket: Ticket) -> ColumnElement[bool]:
    return and_(Integration.id == ticket.integration_id, Integration.lease_token == ticket.token)


_CLAIMED_FOR: Final = timedelta(seconds=40)
"""Longer than a lease: who died in mid-cycle holds it until then, and is followed within a minute."""

JOBS: Final[Mapping[JobKind, Job]] = {
    # Before the others: somebody waits for it.
    JobKind.RUN: Job(
        due=RunRequest.claimed_until,
        possible=may_be_carried_out,
        claimed_for=_CLAIMED_FOR,
        run=_run,
        integration=RunRequest.integration_id,
        token=RunRequest.id,
        row=lambda ticket: RunRequest.id == ticket.token,
    ),
    JobKind.CYCLE: Job(
        due=Integration.due_at,
        possible=leases.is_free,
        claimed_for=_CLAIMED_FOR,
        run=_cycle,
        token=Integration.lease_token,
        row=_same_cycle,
    ),
    # Where reading fails, it is tried again when the claim ends.
    JobKind.TURNOVER: Job(due=Integration.turnover_due_at, claimed_for=timedelta(minutes=15), run=_turnover),
    JobKind.AUDIT: Job(due=Integration.audit_due_at, possible=may_be_audited, claimed_for=AGAIN, run=_audit),
}
