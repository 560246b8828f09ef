"""Cycles without queue and lease: `python -m benchmarks.fleet.bare THREADS IDS...`, in as many threads as said, one after another.

Called like this a cycle confirms no lease in its commits and has no keeper: what remains is what any program would have to do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from unittest.mock import patch

from benchmarks.fleet.stand import Fleet
from syncengine.cycle import lease as leases
from syncengine.cycle import span
from syncengine.engine import Engine, opened
from syncengine.sync import synchronise


@dataclass(frozen=True, kw_only=True)
class Bare:
    """``sum_s``: of all cycles; ``wall_s``: from the first to the last of the slowest process; ``cpu_s``: of these processes."""

    sum_s: float
    wall_s: float
    cpu_s: float


def run_bare(fleet: Fleet, ids: Sequence[int], *, processes: int, threads: int) -> Bare:
    """Run a cycle of each, in as many processes. Raises RuntimeError when one does not end well."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fleet.bare", str(threads), *map(str, ids[number::processes])],
            env=fleet.environment | {"SYNCENGINE_LOG_DIR": str(fleet.folder / f"logs-bare-{number}")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    for one in running:
        # It has started when it says so; all begin together.
        assert one.stdout is not None  # noqa: S101 - a pipe was asked for
        one.stdout.readline()
    found = []
    for one in running:
        assert one.stdin is not None  # noqa: S101 - a pipe was asked for
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in running:
        told, wrong = one.communicate()
        if one.returncode:
            raise RuntimeError(wrong[-3000:])
        found.append(json.loads(told))
    return Bare(
        sum_s=sum(one["sum_s"] for one in found),
        wall_s=max(one["wall_s"] for one in found),
        cpu_s=sum(one["cpu_s"] for one in found),
    )


@contextmanager
def without_lease() -> Iterator[None]:
    """Cycles confirm and renew nothing while the block lasts."""
    with (
        patch.object(leases, "renew", lambda _session, lease, *, at: lease),  # noqa: ARG005 - as it is called
        patch.object(span, "kept", lambda *_: nullcontext()),
    ):
        yield


def main() -> None:
    """Run them and print."""
    threads, ids = int(sys.argv[1]), [int(word) for word in sys.argv[2:]]
    with opened(concurrency=max(threads, 1)) as engine, without_lease(), ThreadPoolExecutor(threads) as pool:
        engine.store.clock()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        began, worked = time.perf_counter(), time.process_time()
        took = list(pool.map(lambda number: _cycle(engine, number), ids))
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - worked
    sys.stdout.write(json.dumps({"sum_s": sum(took), "wall_s": wall_s, "cpu_s": cpu_s}))


def _cycle(engine: Engine, integration_id: int) -> float:
    began = time.perf_counter()
    report = synchronise(engine, integration_id, screen=False)
    if report.problem is not None:
        raise report.problem
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
