"""What the fleet benchmark measures, in the order that one fleet goes through it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from benchmarks.fleet.cycles import overlaps
from benchmarks.fleet.frozen import frozen
from benchmarks.fleet.idle import idle
from benchmarks.fleet.killed import killed
from benchmarks.fleet.live import live
from benchmarks.fleet.punctuality import punctuality
from benchmarks.fleet.stand import DURABLE, Fleet, fleet
from benchmarks.fleet.throughput import first, run, throughput
from benchmarks.fleet.workers import workers
from tests.syncengine.agreement import disagreements

COMPARED = 100
"""Integrations compared record by record at the end, evenly spread over the fleet."""


class Part(StrEnum):
    """What can be measured by itself; the first synchronisation always runs, but for ``idle``."""

    THROUGHPUT = "throughput"
    LATENESS = "lateness"
    KILLED = "killed"
    FROZEN = "frozen"
    LIVE = "live"
    IDLE = "idle"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How large, on which store, by how many processes with how many cycles at once, and what."""

    integrations: int
    tiers: int
    store: str
    workers: int
    concurrency: int
    kills: int
    changes: int
    idle: int
    parts: Collection[Part]


def measure(wanted: Wanted) -> dict[str, Any]:
    """Every part that is wanted, on one fleet; that of the idle ones on a base of its own."""
    figures: dict[str, Any] = {
        "integrations": wanted.integrations,
        "tiers_each": wanted.tiers,
        "store": wanted.store,
        "workers": wanted.workers,
        "concurrency": wanted.concurrency,
        "cores": os.cpu_count(),
    }
    if set(wanted.parts) - {Part.IDLE}:
        began = time.monotonic()
        with fleet(integrations_=wanted.integrations, tiers=wanted.tiers, store=wanted.store) as made:
            figures["stand_s"] = round(time.monotonic() - began, 1)
            figures |= _of_fleet(made, wanted)
    if Part.IDLE in wanted.parts:
        figures["idle"] = idle(count=wanted.idle, store=wanted.store, options=DURABLE)
    return figures


def _of_fleet(made: Fleet, wanted: Wanted) -> dict[str, Any]:
    tell(f"{wanted.integrations} integrations stand")
    several = {"count": wanted.workers, "concurrency": wanted.concurrency}
    figures: dict[str, Any] = {}
    with workers(made, wanted.workers, concurrency=wanted.concurrency) as at_work:
        figures |= first(made, at_work)
    tell(f"first synchronisations: {figures}")
    # Until it is measured: what a cycle with little to do costs, as the first ones cost more.
    per_s = figures["first_syncs_per_s"]
    if Part.THROUGHPUT in wanted.parts:
        figures |= throughput(made, **several)
        per_s = figures["nothing_to_do"]["cycles_per_s"]
        tell("throughput measured")
    if Part.LATENESS in wanted.parts:
        made.park()
        with workers(made, wanted.workers, concurrency=wanted.concurrency):
            figures |= punctuality(made, per_s=per_s)
        tell("lateness measured")
    if Part.KILLED in wanted.parts:
        figures |= killed(made, **several, times=wanted.kills)
        tell("workers killed")
    if Part.FROZEN in wanted.parts and wanted.store == "postgresql":
        figures["frozen"] = frozen(made, **several, times=wanted.kills)
        figures["writes_after_thaw"] = figures["frozen"]["writes_after_thaw"]
        tell("workers frozen and thawed")
    if Part.LIVE in wanted.parts:
        background = per_s / 4
        figures["live"] = live(made, **several, changes=wanted.changes, background_per_s=background)
        tell("live mode measured")
    return figures | _at_the_end(made)


def tell(words: str) -> None:
    """Progress, where figures are not."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")
    sys.stderr.flush()


def _at_the_end(made: Fleet) -> dict[str, Any]:
    step = max(1, len(made.ids) // COMPARED)
    chosen = made.ids[::step]
    made.park()
    with workers(made, 1, concurrency=2) as at_work:
        run(made, at_work, made.ids)
    wrong = [
        f"{number} {line}"
        for number in chosen
        for line in disagreements(made.store, number, made.erp_of(number).holds())
    ]
    return {
        "overlaps": len(overlaps(made.store)),
        "compared": len(chosen),
        "disagreements": wrong[:20],
    }
