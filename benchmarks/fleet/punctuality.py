"""How late due cycles begin while the fleet is loaded to a share of what it can do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, update

from benchmarks.fleet.cycles import cycles_after, ended_well, last_cycle, lateness, quantile
from benchmarks.fleet.stand import Fleet
from benchmarks.fleet.workers import await_that
from syncengine.model import Integration

LOAD = 0.5
SOON = timedelta(seconds=2)


def punctuality(fleet: Fleet, *, per_s: float, load: float = LOAD) -> dict[str, Any]:
    """Each integration is due once, evenly spread; ``per_s`` is what the workers at work were found to do at most."""
    last, over_s = spread(fleet, fleet.ids, per_s=per_s * load)
    limit = 3 * over_s + 120
    await_that(lambda: ended_well(fleet.store, last) >= len(fleet.ids), limit, "the end of the cycles", every_s=0.5)
    late = lateness(cycles_after(fleet.store, last))
    return {
        "load": load,
        "due_per_s": round(per_s * load, 2),
        "lateness_p50_s": quantile(late, 0.5),
        "lateness_p95_s": quantile(late, 0.95),
        "lateness_max_s": quantile(late, 1.0),
    }


def spread(fleet: Fleet, ids: Sequence[int], *, per_s: float) -> tuple[int, float]:
    """These are due one after the other, so many in a second; the last cycle before, and for how long."""
    table: Any = Integration.__table__
    last, since = last_cycle(fleet.store), fleet.store.clock()
    rows = [{"number": number, "due": since + SOON + timedelta(seconds=at / per_s)} for at, number in enumerate(ids)]
    statement = update(table).where(table.c.id == bindparam("number")).values(due_at=bindparam("due"))
    with fleet.store.writing() as session:
        session.connection().execute(statement, rows)
    return last, len(ids) / per_s
