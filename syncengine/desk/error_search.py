"""Records in error, looked for by state, side, code, field, tiers and day: counted, listed, named for an order (CRM-49, CRM-50)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session

from syncengine.core.fold import fold, folded, searchable
from syncengine.desk.error_sheet import Action, ErrorSummary, actions_for, summary_of
from syncengine.model import Account, Link, Side, SyncError, SyncErrorState
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING


@dataclass(frozen=True, kw_only=True)
class ErrorFilter:
    """Which records in error; without ``state`` those that stand. ``text`` is in the code or name of the tiers.

    ``field`` is as in the error, '' for those without one; ``first_from`` to ``first_until`` is when they were refused first.
    """

    state: SyncErrorState | None = None
    side: Side | None = None
    code: str | None = None
    field: str | None = None
    text: str | None = None
    first_from: datetime | None = None
    first_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class FoundError:
    """One of them; ``name`` is that of its Account, where the CRM has one."""

    error: ErrorSummary
    name: str | None


def find_errors(
    session: Session,
    integration_id: int,
    chosen: ErrorFilter = ErrorFilter(),
    *,
    limit: int = 100,
    after: tuple[datetime, int] | None = None,
) -> list[FoundError]:
    """The records in error, the latest first; ``after`` is the last instant and id of the page before."""
    place = (SyncError.last_at, SyncError.id)
    query = select(SyncError, _NAME).where(*_wanted(integration_id, chosen))
    if after is not None:
        query = query.where(tuple_(*place) < after)
    rows = session.execute(query.order_by(*(column.desc() for column in place)).limit(limit))
    return [FoundError(error=summary_of(error), name=name) for error, name in rows]


def count_errors(session: Session, integration_id: int, chosen: ErrorFilter = ErrorFilter()) -> int:
    """How many there are."""
    counted = select(func.count(SyncError.id)).where(*_wanted(integration_id, chosen))
    return int(session.scalar(counted) or 0)


def errors_for(session: Session, integration_id: int, chosen: ErrorFilter, action: Action) -> Sequence[int]:
    """The numbers of those an order can be carried out for now."""
    query = select(SyncError).where(*_wanted(integration_id, chosen)).order_by(SyncError.id)
    return [error.id for error in session.scalars(query) if action in actions_for(error)]


_LINKED: Final[Any] = (
    select(Account.name)
    .join(Link, (Link.local_id == Account.id) & (Link.entity == Entity.ACCOUNT.value))
    .where(Link.integration_id == SyncError.integration_id, Link.erp_key == SyncError.erp_key)
    .correlate(SyncError)
    .scalar_subquery()
)
_SENT: Final[Any] = select(Account.name).where(Account.id == SyncError.local_id).correlate(SyncError).scalar_subquery()
_NAME: Final[Any] = func.coalesce(_SENT, _LINKED)
"""The name of the tiers: by its row for what was sent, by its code for what came."""


def _wanted(integration_id: int, chosen: ErrorFilter) -> list[ColumnElement[bool]]:
    state = SyncError.state == chosen.state if chosen.state is not None else SyncError.state.in_(STANDING)
    wanted = [SyncError.integration_id == integration_id, state]
    if chosen.side is not None:
        wanted.append(SyncError.side == chosen.side)
    if chosen.code is not None:
        wanted.append(SyncError.code == chosen.code)
    if chosen.field is not None:
        wanted.append(func.coalesce(SyncError.field, "") == chosen.field)
    if chosen.first_from is not None:
        wanted.append(SyncError.first_at >= chosen.first_from)
    if chosen.first_until is not None:
        wanted.append(SyncError.first_at < chosen.first_until)
    if chosen.text:
        wanted += [_contains(word) for word in searchable(chosen.text, "text").split()]
    return wanted


def _contains(word: str) -> ColumnElement[bool]:
    looked_in = folded(SyncError.erp_key + " " + func.coalesce(_NAME, ""))
    return looked_in.contains(fold(word), autoescape=True)
