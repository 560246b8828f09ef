"""How the integrations stand: state, last cycle, progress, what is in the base, what is in error."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, union
from sqlalchemy.orm import Session

from syncengine.desk.conflicts import count_conflicts
from syncengine.desk.plans import PlanSummary, list_plans
from syncengine.integration_record import IntegrationRecord
from syncengine.integrations import listed
from syncengine.model import (
    Account,
    Cursor,
    Cycle,
    CycleKind,
    CycleStatus,
    ErpState,
    Integration,
    Link,
    LinkState,
    Outbox,
    OutboxState,
    Side,
    SyncError,
)
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING


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
    """One integration: the record, its last cycle, how far each entity set was read, accounts, and what is to be done.

    ``waiting`` are tiers whose changes in the CRM wait to be sent, those to be created included. ``errors`` by the side that
    refused the record: the CRM what was pulled, the ERP what was sent.
    """

    integration: IntegrationRecord
    running: bool
    last_cycle: CycleSummary | None
    at_end: dict[str, bool]
    accounts: int
    waiting: int
    open_conflicts: int
    open_errors: int
    errors: dict[Side, int]
    last_plan: PlanSummary | None


def overview(session: Session, *, at: datetime) -> list[IntegrationStatus]:
    """How every integration stands, by name."""
    return [_status(session, record, at) for record in listed(session)]


def last_cycles(session: Session, integration_id: int, *, count: int = 20) -> list[CycleSummary]:
    """The last cycles of an integration, the newest first."""
    query = select(Cycle).where(Cycle.integration_id == integration_id).order_by(Cycle.id.desc()).limit(count)
    return [summary_of(cycle) for cycle in session.scalars(query)]


def _status(session: Session, record: IntegrationRecord, at: datetime) -> IntegrationStatus:
    cycles = last_cycles(session, record.id, count=1)
    errors = _errors(session, record.id)
    cursors = session.execute(select(Cursor.entity_set, Cursor.at_end).where(Cursor.integration_id == record.id))
    return IntegrationStatus(
        integration=record,
        running=_holds_lease(session, record.id, at),
        last_cycle=cycles[0] if cycles else None,
        at_end={row.entity_set: row.at_end for row in cursors},
        accounts=_count(session, select(func.count(Account.id)).where(Account.integration_id == record.id)),
        waiting=_waiting(session, record.id),
        open_conflicts=count_conflicts(session, record.id),
        open_errors=sum(errors.values()),
        errors=errors,
        last_plan=next(iter(list_plans(session, record.id, limit=1)), None),
    )


def _errors(session: Session, integration_id: int) -> dict[Side, int]:
    mine = (SyncError.integration_id == integration_id, SyncError.state.in_(STANDING))
    found = session.execute(select(SyncError.side, func.count(SyncError.id)).where(*mine).group_by(SyncError.side))
    return dict.fromkeys(Side, 0) | {row.side: row[1] for row in found}


def _waiting(session: Session, integration_id: int) -> int:
    marked = select(Link.local_id).where(
        Link.integration_id == integration_id,
        Link.changed_at.is_not(None),
        Link.entity == Entity.ACCOUNT.value,
        Link.state.in_((LinkState.LINKED, LinkState.VANISHED)),
    )
    awaited = select(Account.id).where(Account.integration_id == integration_id, Account.erp_state == ErpState.AWAITED)
    under_way = select(Outbox.account_id).where(
        Outbox.integration_id == integration_id, Outbox.state.in_((OutboxState.PENDING, OutboxState.SENT))
    )
    return _count(session, select(func.count()).select_from(union(marked, awaited, under_way).subquery()))


def _holds_lease(session: Session, integration_id: int, at: datetime) -> bool:
    held = select(Integration.id).where(Integration.id == integration_id, Integration.lease_until > at)
    return session.scalar(held) is not None


def _count(session: Session, query: Any) -> int:
    return int(session.scalar(query) or 0)


def summary_of(cycle: Cycle) -> CycleSummary:
    """The cycle as a value."""
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
