"""The cycles of an integration, a page at a time, and one of them by number (CRM-10)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.desk.history import unknown_cycle
from syncengine.desk.status import CycleSummary, summary_of
from syncengine.model import Cycle, CycleKind, CycleStatus


def list_cycles(
    session: Session,
    integration_id: int,
    *,
    kind: CycleKind | None = None,
    status: CycleStatus | None = None,
    limit: int = 20,
    before: int | None = None,
    started_from: datetime | None = None,
    started_until: datetime | None = None,
) -> list[CycleSummary]:
    """The cycles of an integration, the newest first; ``before`` is the number that ended the last page."""
    query = select(Cycle).where(Cycle.integration_id == integration_id)
    if kind is not None:
        query = query.where(Cycle.kind == kind)
    if status is not None:
        query = query.where(Cycle.status == status)
    if before is not None:
        query = query.where(Cycle.id < before)
    if started_from is not None:
        query = query.where(Cycle.started_at >= started_from)
    if started_until is not None:
        query = query.where(Cycle.started_at < started_until)
    return [summary_of(cycle) for cycle in session.scalars(query.order_by(Cycle.id.desc()).limit(limit))]


def find_cycle(session: Session, cycle_id: int) -> Cycle:
    """The cycle of that number. Raises InputRefused (cycle_unknown)."""
    cycle = session.get(Cycle, cycle_id)
    if cycle is None:
        raise unknown_cycle(cycle_id)
    return cycle
