"""What the base recorded of cycles: how late they began, how long they took, and whether two of one integration ran at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

from sqlalchemy import Row, func, select

from syncengine.model import Cycle
from syncengine.storage.store import Store

WELL = ("success", "warning")


def last_cycle(store: Store) -> int:
    """The number of the last cycle so far: an order that does not hang on how well clocks agree."""
    with store.reading() as session:
        return session.scalar(select(func.max(Cycle.id))) or 0


def cycles_after(store: Store, last: int, ids: Sequence[int] | None = None) -> list[Row[Any]]:
    """What began after that cycle, of these integrations or of all, in order."""
    columns = [getattr(Cycle, name) for name in _COLUMNS]
    query = select(*columns).where(Cycle.id > last).order_by(Cycle.id)
    with store.reading() as session:
        rows = list(session.execute(query))
    wanted = None if ids is None else set(ids)
    return [row for row in rows if wanted is None or row.integration_id in wanted]


_COLUMNS = ("id", "integration_id", "status", "due_at", "started_at", "ended_at", "lease_token", "worker", "error_code")


def ended_well(store: Store, last: int) -> int:
    """How many integrations have a cycle that began after that one and ended well."""
    query = select(func.count(Cycle.integration_id.distinct())).where(
        Cycle.id > last, Cycle.status.in_(WELL), Cycle.ended_at.is_not(None)
    )
    with store.reading() as session:
        return int(session.scalar(query) or 0)


def overlaps(store: Store) -> list[tuple[int, int]]:
    """Cycles of one integration of which the later one by its fencing number began before the earlier one had ended."""
    query = select(Cycle.id, Cycle.integration_id, Cycle.lease_token, Cycle.started_at, Cycle.ended_at)
    with store.reading() as session:
        rows = session.execute(query.order_by(Cycle.integration_id, Cycle.lease_token)).all()
    found = []
    for _, of_one in groupby(rows, key=lambda row: row.integration_id):
        for one, other in pairwise(of_one):
            same = one.lease_token == other.lease_token
            if same or one.ended_at is None or other.started_at < one.ended_at:
                found.append((one.id, other.id))
    return found


def lateness(rows: Sequence[Row[Any]]) -> list[float]:
    """Seconds from when each was due to when it began, in order of size."""
    return sorted((row.started_at - row.due_at).total_seconds() for row in rows if row.due_at is not None)


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """That quantile of figures in order; None of none."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
