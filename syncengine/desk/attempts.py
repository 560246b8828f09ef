"""What was tried for a record in error: each write to Sage 100 that was refused, and when it came and came again (CRM-49)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.model import Outbox, OutboxState, Side, SyncError


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt; ``message`` None means that only its beginning or end is known, not its own words."""

    at: datetime
    cycle_id: int | None
    code: str | None
    message: str | None


def attempts(session: Session, error: SyncError) -> list[Attempt]:
    """The attempts that are known, the latest first: of what was sent each, of what came the first and the last."""
    sent = _sent(session, error) if error.side is Side.ERP and error.local_id is not None else []
    if sent:
        return sent
    found = [Attempt(at=error.last_at, cycle_id=error.last_cycle_id, code=error.code, message=error.message)]
    if error.attempts > 1:
        found.append(Attempt(at=error.first_at, cycle_id=error.first_cycle_id, code=None, message=None))
    return found


def _sent(session: Session, error: SyncError) -> list[Attempt]:
    """The refused writes since the error first arose: those before are of another one."""
    mine = (Outbox.account_id == error.local_id, Outbox.state == OutboxState.REFUSED)
    query = select(Outbox).where(*mine, Outbox.ended_at >= error.first_at).order_by(Outbox.id.desc())
    return [
        Attempt(
            at=row.ended_at or row.created_at, cycle_id=row.cycle_id, code=row.error_code, message=row.error_message
        )
        for row in session.scalars(query)
    ]
