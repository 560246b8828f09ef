"""How many cycles a fleet makes in a second, and what queue and lease cost beside the same cycles without them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.fleet.bare import Bare, run_bare
from benchmarks.fleet.cycles import cycles_after, ended_well, lateness, quantile
from benchmarks.fleet.stand import Fleet
from benchmarks.fleet.workers import Worker, await_that, cpu_s, workers

LIMIT_S = 3_600.0
CHANGED = 5
"""Tiers changed on each side of each integration between two cycles: a busy hour in a company of 200."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A round of the fleet: seconds from when all were due to the last end, processor time by who used it, lateness."""

    seconds: float
    workers_cpu_s: float
    others_cpu_s: float
    late: list[float]


def first(fleet: Fleet, at_work: Sequence[Worker]) -> dict[str, Any]:
    """Everything is read for the first time."""
    ran = run(fleet, at_work, fleet.ids)
    return {"first_sync_s": round(ran.seconds, 1), "first_syncs_per_s": round(len(fleet.ids) / ran.seconds, 2)}


def throughput(fleet: Fleet, *, count: int, concurrency: int) -> dict[str, Any]:
    """With changes on both sides, and with nothing to do."""
    busy = _compared(fleet, lambda word: fleet.edit_both(fleet.ids, each=CHANGED, word=word), count, concurrency)
    idle = _compared(fleet, lambda _word: None, count, concurrency)
    return {"changed_tiers_per_cycle": 2 * CHANGED, **busy, "nothing_to_do": idle}


def run(fleet: Fleet, at_work: Sequence[Worker], ids: Sequence[int]) -> Ran:
    """All of these due at once, until each has ended well."""
    before = [worker.cpu_s for worker in at_work], _others(fleet)
    at, last = fleet.make_due(ids)
    await_that(lambda: ended_well(fleet.store, last) >= len(ids), LIMIT_S, "the end of the cycles", every_s=0.25)
    rows = cycles_after(fleet.store, last)
    return Ran(
        seconds=(max(row.ended_at for row in rows if row.ended_at is not None) - at).total_seconds(),
        workers_cpu_s=sum(worker.cpu_s for worker in at_work) - sum(before[0]),
        others_cpu_s=_others(fleet) - before[1],
        late=lateness(rows),
    )


def _compared(fleet: Fleet, prepare: Callable[[str], None], count: int, concurrency: int) -> dict[str, Any]:
    """The same work bare in one process, bare in as many as there are workers, and by the workers."""
    size = len(fleet.ids)
    prepare("one")
    alone = _bare(fleet, processes=1, threads=1)
    prepare("several")
    together, others = _bare(fleet, processes=count, threads=concurrency)
    prepare("workers")
    fleet.park()
    with workers(fleet, count, concurrency=concurrency) as at_work:
        ran = run(fleet, at_work, fleet.ids)
    per_cycle = 1000 / size
    return {
        "bare_sum_s": round(alone[0].sum_s, 2),
        "bare_together_s": round(together.wall_s, 2),
        "fleet_s": round(ran.seconds, 2),
        "cycles_per_s": round(size / ran.seconds, 2),
        "bare_cycles_per_s": round(size / alone[0].sum_s, 2),
        "speedup_over_bare_sum": round(alone[0].sum_s / ran.seconds, 2),
        "overhead": round(ran.seconds / together.wall_s - 1, 3),
        "overhead_cpu": round((ran.workers_cpu_s + ran.others_cpu_s) / (together.cpu_s + others) - 1, 3),
        "worker_cpu_ms_per_cycle": round(ran.workers_cpu_s * per_cycle, 1),
        "bare_cpu_ms_per_cycle": round(together.cpu_s * per_cycle, 1),
        "gateway_and_database_cpu_ms_per_cycle": round(ran.others_cpu_s * per_cycle, 1),
        "burst_lateness_max_s": quantile(ran.late, 1.0),
    }


def _bare(fleet: Fleet, *, processes: int, threads: int) -> tuple[Bare, float]:
    before = _others(fleet)
    made = run_bare(fleet, fleet.ids, processes=processes, threads=threads)
    return made, _others(fleet) - before


def _others(fleet: Fleet) -> float:
    """Processor time of gateways and database server. Its finished connections are counted by nobody but their parent."""
    seconds = cpu_s(fleet.gateways.pid)
    if fleet.server_pid is not None:
        seconds += cpu_s(fleet.server_pid)
        times = psutil.Process(fleet.server_pid).cpu_times()
        seconds += times.children_user + times.children_system
    return seconds
