"""The last days in figures: what cycles dealt with, how long they took, how long changes were on their way, what failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import ceil
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.model import Cycle, CycleStatus, Outbox, OutboxState, Side, SyncError

DAYS: Final = 7
ROWS_MAX: Final = 20_000
"""Rows that are read at most of a kind, the newest first: a page is not to wait for the figures of a thousand integrations."""
_FROM_ERP: Final = ("arrived", "changed", "vanished")
_TO_ERP: Final = ("created_in_erp", "sent")


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day; seconds for durations and delays, None where there was nothing to measure."""

    day: date
    cycles: int
    failed: int
    from_erp: int
    to_erp: int
    duration_p50: float | None
    duration_max: float | None
    lag_p50: float | None
    lag_p95: float | None
    refused: Mapping[Side, int]


def last_days(
    session: Session, *, at: datetime, zone: ZoneInfo, integration_id: int | None = None, days: int = DAYS
) -> list[Day]:
    """The last days of that zone, today included, the oldest first; of one integration or of all."""
    today = at.astimezone(zone).date()
    listed = [today - timedelta(days=ago) for ago in reversed(range(days))]
    since = datetime.combine(listed[0], time(), tzinfo=zone)
    cycles = _by_day(_rows(session, _cycles(since), Cycle, integration_id), zone)
    writes = _by_day(_rows(session, _writes(since), Outbox, integration_id), zone)
    refused = _by_day(_rows(session, _refusals(since), SyncError, integration_id), zone)
    return [_day(day, cycles[day], writes[day], refused[day]) for day in listed]


def _cycles(since: datetime) -> Any:
    columns = (Cycle.started_at, Cycle.ended_at, Cycle.status, Cycle.counts)
    return select(*columns).where(Cycle.started_at >= since, Cycle.ended_at.is_not(None)).order_by(Cycle.id.desc())


def _writes(since: datetime) -> Any:
    changed = func.coalesce(Outbox.edited_at, Outbox.created_at)
    done = (Outbox.state == OutboxState.DONE, Outbox.ended_at >= since)
    return select(Outbox.ended_at, changed.label("changed_at")).where(*done).order_by(Outbox.id.desc())


def _refusals(since: datetime) -> Any:
    query = select(SyncError.first_at, SyncError.side).where(SyncError.first_at >= since)
    return query.order_by(SyncError.id.desc())


def _rows(session: Session, query: Any, of: Any, integration_id: int | None) -> Sequence[Any]:
    if integration_id is not None:
        query = query.where(of.integration_id == integration_id)
    return session.execute(query.limit(ROWS_MAX)).all()


def _by_day(rows: Iterable[Any], zone: ZoneInfo) -> defaultdict[date, list[Any]]:
    """The rows by the day of their first column."""
    found: defaultdict[date, list[Any]] = defaultdict(list)
    for row in rows:
        found[row[0].astimezone(zone).date()].append(row)
    return found


def _day(day: date, cycles: Sequence[Any], writes: Sequence[Any], refused: Sequence[Any]) -> Day:
    took = [_seconds(row.ended_at - row.started_at) for row in cycles]
    lag = [_seconds(row.ended_at - row.changed_at) for row in writes]
    return Day(
        day=day,
        cycles=len(cycles),
        failed=sum(row.status is CycleStatus.FAILURE for row in cycles),
        from_erp=_dealt_with(cycles, _FROM_ERP),
        to_erp=_dealt_with(cycles, _TO_ERP),
        duration_p50=_quantile(took, 0.5),
        duration_max=_quantile(took, 1.0),
        lag_p50=_quantile(lag, 0.5),
        lag_p95=_quantile(lag, 0.95),
        refused={side: sum(row.side is side for row in refused) for side in Side},
    )


def _dealt_with(cycles: Iterable[Any], names: Iterable[str]) -> int:
    return sum(int((row.counts or {}).get(name, 0)) for row in cycles for name in names)


def _seconds(span: timedelta) -> float:
    # Two clocks may differ: nothing arrives before it was sent.
    return max(span.total_seconds(), 0.0)


def _quantile(values: Iterable[float], share: float) -> float | None:
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None
