"""How the integrations stand: state, last cycle, progress, what is in the base, what is in error."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.integrations import IntegrationRecord, listed
from syncengine.model import Account, Cursor, Cycle, CycleKind, CycleStatus, Integration, SyncError, SyncErrorState


@dataclass(frozen=True, kw_only=True)
class CycleSummary:
    """One cycle, with its progress while it runs (CRM-10). ``total`` is None while it is not known."""

    id: int
    kind: CycleKind
    status: CycleStatus
    started_at: datetime
    ended_at: datetime | None
    phase: str | None
    done: int
    total: int | None
    counts: dict[str, Any]
    error_code: str | None
    error_message: str | None
    error_remedy: str | None
    log_file: str | None


@dataclass(frozen=True, kw_only=True)
class IntegrationStatus:
    """One integration: the record, its last cycle, how far each entity set was read, accounts and open errors."""

    integration: IntegrationRecord
    running: bool
    last_cycle: CycleSummary | None
    at_end: dict[str, bool]
    accounts: int
    open_errors: int


@dataclass(frozen=True, kw_only=True)
class ErrorSummary:
    """One record in error (CRM-49)."""

    entity: str
    erp_key: str
    code: str
    field: str | None
    message: str
    remedy: str | None
    attempts: int
    state: SyncErrorState
    first_at: datetime
    last_at: datetime


def overview(session: Session, *, at: datetime) -> list[IntegrationStatus]:
    """How every integration stands, by name."""
    return [_status(session, record, at) for record in listed(session)]


def last_cycles(session: Session, integration_id: int, *, count: int = 20) -> list[CycleSummary]:
    """The last cycles of an integration, the newest first."""
    query = select(Cycle).where(Cycle.integration_id == integration_id).order_by(Cycle.id.desc()).limit(count)
    return [_summary(cycle) for cycle in session.scalars(query)]


def sync_errors(
    session: Session, integration_id: int, *, state: SyncErrorState = SyncErrorState.OPEN, count: int = 100
) -> list[ErrorSummary]:
    """The records in error of an integration, the latest first."""
    query = (
        select(SyncError)
        .where(SyncError.integration_id == integration_id, SyncError.state == state)
        .order_by(SyncError.last_at.desc(), SyncError.id.desc())
        .limit(count)
    )
    return [_error(error) for error in session.scalars(query)]


def _status(session: Session, record: IntegrationRecord, at: datetime) -> IntegrationStatus:
    cycles = last_cycles(session, record.id, count=1)
    cursors = session.execute(select(Cursor.entity_set, Cursor.at_end).where(Cursor.integration_id == record.id))
    return IntegrationStatus(
        integration=record,
        running=_holds_lease(session, record.id, at),
        last_cycle=cycles[0] if cycles else None,
        at_end={row.entity_set: row.at_end for row in cursors},
        accounts=_count(session, select(func.count(Account.id)).where(Account.integration_id == record.id)),
        open_errors=_count(
            session,
            select(func.count(SyncError.id)).where(
                SyncError.integration_id == record.id, SyncError.state == SyncErrorState.OPEN
            ),
        ),
    )


def _holds_lease(session: Session, integration_id: int, at: datetime) -> bool:
    held = select(Integration.id).where(Integration.id == integration_id, Integration.lease_until > at)
    return session.scalar(held) is not None


def _count(session: Session, query: Any) -> int:
    return int(session.scalar(query) or 0)


def _summary(cycle: Cycle) -> CycleSummary:
    return CycleSummary(
        id=cycle.id,
        kind=cycle.kind,
        status=cycle.status,
        started_at=cycle.started_at,
        ended_at=cycle.ended_at,
        phase=cycle.phase,
        done=cycle.progress_done,
        total=cycle.progress_total,
        counts=cycle.counts or {},
        error_code=cycle.error_code,
        error_message=cycle.error_message,
        error_remedy=cycle.error_remedy,
        log_file=cycle.log_file,
    )


def _error(error: SyncError) -> ErrorSummary:
    return ErrorSummary(
        entity=error.entity,
        erp_key=error.erp_key,
        code=error.code,
        field=error.field,
        message=error.message,
        remedy=error.remedy,
        attempts=error.attempts,
        state=error.state,
        first_at=error.first_at,
        last_at=error.last_at,
    )
