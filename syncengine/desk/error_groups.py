"""Records in error, grouped by what is wrong: what is to be done, instead of four hundred lines (CRM-49, CRM-51)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.model import Side, SyncError, SyncErrorState
from syncengine.model.sync_error import STANDING


@dataclass(frozen=True, kw_only=True)
class ErrorGroup:
    """Records that one side refused for one reason; ``latest_id`` is the error of the latest, with its ``message``."""

    side: Side
    code: str
    field: str | None
    count: int
    first_at: datetime
    last_at: datetime
    latest_id: int
    message: str
    remedy: str | None


def error_groups(session: Session, integration_id: int, *, state: SyncErrorState | None = None) -> list[ErrorGroup]:
    """The groups of an integration, the largest first; without ``state`` those that stand."""
    mine = [SyncError.integration_id == integration_id]
    mine.append(SyncError.state == state if state is not None else SyncError.state.in_(STANDING))
    alike = (SyncError.side, SyncError.code, SyncError.field)
    counted = select(
        *alike,
        func.count(SyncError.id).label("count"),
        func.min(SyncError.first_at).label("first_at"),
        func.max(SyncError.last_at).label("last_at"),
        func.max(SyncError.id).label("latest_id"),
    )
    rows = session.execute(counted.where(*mine).group_by(*alike)).all()
    of = select(SyncError).where(SyncError.id.in_([row.latest_id for row in rows]))
    latest = {error.id: error for error in session.scalars(of)}
    groups = [
        ErrorGroup(**row._mapping, message=latest[row.latest_id].message, remedy=latest[row.latest_id].remedy)
        for row in rows
    ]
    return sorted(groups, key=lambda one: (-one.count, one.side, one.code, one.field or ""))
