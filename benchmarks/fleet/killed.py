"""A worker killed with -9 in mid-cycle: when its integrations are through, and whether anything is lost or doubled."""

from __future__ import annotations

import random
import time
from typing import Any

from benchmarks.fleet.cycles import cycles_after, ended_well
from benchmarks.fleet.stand import Fleet
from benchmarks.fleet.workers import Worker, await_that, held_by, workers
from syncengine.errors import Interrupted
from tests.syncengine.agreement import disagreements

TOUCHED = 8
LIMIT_S = 180.0
ATTEMPTS = 20
LATEST_S = 0.5
RECOVERED_MAX_S = 60.0


def killed(fleet: Fleet, *, count: int, concurrency: int, times: int, seed: int = 1) -> dict[str, Any]:
    """So many times, one of the workers; the others go on, and another takes its place."""
    rng = random.Random(seed)  # noqa: S311 - a moment, not a secret
    ids = fleet.ids[:TOUCHED]
    took, interrupted = [], 0
    fleet.park()
    with workers(fleet, max(count, 2), concurrency=concurrency) as at_work:
        for number in range(times):
            victim = at_work[0]
            last = busy(fleet, ids, f"kill{number}", victim, rng)
            at = fleet.store.clock()
            victim.kill()
            await_that(lambda: ended_well(fleet.store, last) >= len(ids), LIMIT_S, "recovery", every_s=0.05)  # noqa: B023
            rows = cycles_after(fleet.store, last, ids)
            took.append(max(row.ended_at - at for row in rows if row.ended_at is not None).total_seconds())
            interrupted += sum(row.error_code == Interrupted.code for row in rows)
            at_work[0] = Worker(fleet, 100 + number, concurrency=concurrency)
            at_work[0].await_start()
    wrong = [
        f"{number} {line}"
        for number in ids
        for line in disagreements(fleet.store, number, fleet.erp_of(number).holds())
    ]
    return {
        "kills": times,
        "killed_in_mid_cycle": interrupted,
        "recovered_after_s": round(max(took), 1),
        "recovered_within_limit": max(took) <= RECOVERED_MAX_S,
        "lost_or_doubled": wrong[:20],
    }


def busy(fleet: Fleet, ids: list[int], word: str, victim: Worker, rng: random.Random) -> int:
    """Many changes on both sides of these, and their cycles under way; the last one before.

    Ends at some moment at which that worker is in the middle of one.
    """
    for attempt in range(ATTEMPTS):
        fleet.edit_both(ids, each=len(fleet.erps[0].codes) // 2, word=f"{word}x{attempt}")
        _, last = fleet.make_due(ids)
        while ended_well(fleet.store, last) < len(ids):
            if held_by(fleet, victim):
                time.sleep(rng.uniform(0, LATEST_S))
                if held_by(fleet, victim):
                    return last
    raise RuntimeError("the worker was never met in mid-cycle")
