"""Every integration at a glance, a page of them in a few grouped queries: how fresh it is, what waits, what is in error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select, union_all
from sqlalchemy.orm import Session

from syncengine.desk.freshness import Freshness, Pulse, freshness
from syncengine.model import (
    Account,
    Conflict,
    ConflictState,
    Cycle,
    CycleStatus,
    ErpState,
    Integration,
    IntegrationState,
    Link,
    LinkState,
    Outbox,
    OutboxState,
    SyncError,
)
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING

LIMIT: Final = 25
_WELL: Final = (CycleStatus.SUCCESS, CycleStatus.WARNING)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one integration stands. ``waiting`` are tiers with changes of the CRM's to be sent, the oldest since ``oldest_at``.

    ``well_at`` is when the last cycle that ended well began: what both sides had then, both have. ``failures`` are in a row;
    a cycle was asked for that has not begun while ``requested_number`` is above ``handled_number``.
    """

    id: int
    name: str
    company: str
    freshness: Freshness
    last_status: CycleStatus | None
    last_at: datetime | None
    last_error: str | None
    well_at: datetime | None
    due_at: datetime | None
    live: bool
    waiting: int
    oldest_at: datetime | None
    errors: int
    conflicts: int
    connected: bool
    failures: int
    requested_number: int
    handled_number: int


def standings(
    session: Session,
    *,
    at: datetime,
    integration_id: int | None = None,
    text: str | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> list[Standing]:
    """Integrations by name, those behind ``after``; or the one of that id. ``text`` is a part of the name or the company."""
    query = select(Integration).order_by(Integration.name).limit(limit)
    if after is not None:
        query = query.where(Integration.name > after)
    if integration_id is not None:
        query = query.where(Integration.id == integration_id)
    if text:
        words = (
            Integration.name.icontains(text, autoescape=True),
            Integration.company.icontains(text, autoescape=True),
        )
        query = query.where(or_(*words))
    rows = list(session.scalars(query))
    found = _Found(session, [row.id for row in rows])
    return [_standing(row, found, at) for row in rows]


class _Found:
    """What the base says of some integrations, by their ids."""

    def __init__(self, session: Session, ids: Sequence[int]) -> None:
        self._session = session
        self.last = self._cycles(ids, Cycle.id.is_not(None))
        self.well = self._cycles(ids, Cycle.status.in_(_WELL))
        self.waiting = self._pairs(_waiting(ids))
        self.errors = self._counts(
            SyncError.integration_id, SyncError.integration_id.in_(ids), SyncError.state.in_(STANDING)
        )
        self.conflicts = self._counts(
            Conflict.integration_id, Conflict.integration_id.in_(ids), Conflict.state == ConflictState.OPEN
        )

    def _cycles(self, ids: Iterable[int], which: ColumnElement[bool]) -> dict[int, Cycle]:
        """The last cycle of each; one look into the index for each integration."""
        last = select(func.max(Cycle.id)).where(Cycle.integration_id == Integration.id, which)
        numbers = select(last.correlate(Integration).scalar_subquery()).where(Integration.id.in_(ids))
        rows = self._session.scalars(select(Cycle).where(Cycle.id.in_(numbers)))
        return {row.integration_id: row for row in rows}

    def _counts(self, by: Any, *which: ColumnElement[bool]) -> dict[int, int]:
        rows = self._session.execute(select(by, func.count()).where(*which).group_by(by))
        return {row[0]: row[1] for row in rows}

    def _pairs(self, query: Select[Any]) -> dict[int, tuple[int, datetime | None]]:
        return {row[0]: (row[1], row[2]) for row in self._session.execute(query)}


def _waiting(ids: Sequence[int]) -> Select[Any]:
    """Marks, writes without a result and creations; a tiers that has several of them counts once."""
    marked = select(Link.integration_id, Link.local_id.label("account_id"), Link.changed_at.label("since")).where(
        Link.integration_id.in_(ids),
        Link.changed_at.is_not(None),
        Link.entity == Entity.ACCOUNT.value,
        Link.state.in_((LinkState.LINKED, LinkState.VANISHED)),
    )
    awaited = select(Account.integration_id, Account.id, Account.updated_at).where(
        Account.integration_id.in_(ids), Account.erp_state == ErpState.AWAITED
    )
    under_way = select(
        Outbox.integration_id, Outbox.account_id, func.coalesce(Outbox.edited_at, Outbox.created_at)
    ).where(Outbox.integration_id.in_(ids), Outbox.state.in_((OutboxState.PENDING, OutboxState.SENT)))
    every = union_all(marked, awaited, under_way).subquery()
    counted = func.count(every.c.account_id.distinct())
    return select(every.c.integration_id, counted, func.min(every.c.since)).group_by(every.c.integration_id)


def _standing(row: Integration, found: _Found, at: datetime) -> Standing:
    last, well = found.last.get(row.id), found.well.get(row.id)
    waiting, oldest_at = found.waiting.get(row.id, (0, None))
    return Standing(
        id=row.id,
        name=row.name,
        company=row.company,
        freshness=freshness(_pulse(row, last, well, at), at),
        last_status=last.status if last else None,
        last_at=last.started_at if last else None,
        last_error=last.error_code if last else None,
        well_at=well.started_at if well else None,
        due_at=row.due_at,
        live=row.live,
        waiting=waiting,
        oldest_at=oldest_at,
        errors=found.errors.get(row.id, 0),
        conflicts=found.conflicts.get(row.id, 0),
        connected=row.connected,
        failures=row.failures,
        requested_number=row.requested_number,
        handled_number=row.handled_number,
    )


def _pulse(row: Integration, last: Cycle | None, well: Cycle | None, at: datetime) -> Pulse:
    return Pulse(
        active=row.state is IntegrationState.ACTIVE,
        connected=row.connected,
        running=row.lease_until is not None and row.lease_until > at,
        failures=row.failures,
        interval_min=row.interval_min,
        due_at=row.due_at,
        last=last.status if last else None,
        well_at=well.started_at if well else None,
    )
