"""One real synchronisation in a process of its own: `python -m benchmarks.engine_run FOLDER DATABASE INTEGRATION_ID [--full]`.

Prints seconds, counts, calls and peak memory as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.crm import engine_settings, open_crm
from benchmarks.memory import peak_mb
from syncengine.cycle.run import Order
from syncengine.engine import Engine
from syncengine.secrets import Secrets
from syncengine.sync import synchronise

FULL = "--full"
"""After the integration: the totality, not the differences."""


def main() -> int:
    """Run and print."""
    folder, database, integration_id = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    settings = engine_settings(folder, database)
    engine = Engine(settings=settings, store=open_crm(database), secrets=Secrets(settings))
    order = Order(full=FULL in sys.argv)
    if len(sys.argv) > 4 and not order.full:
        # For those who want to kill it: the clock of the cycle starts now.
        sys.stdout.write(sys.argv[4] + "\n")
        sys.stdout.flush()
    start = time.perf_counter()
    report = synchronise(engine, integration_id, order=order, screen=False)
    seconds = time.perf_counter() - start
    engine.store.close()
    figures = {
        "seconds": seconds,
        "status": report.status.value,
        "counts": report.counts.as_dict(),
        "calls": report.calls,
        "peak_mb": peak_mb(os.getpid()),
        "problem": str(report.problem) if report.problem else None,
    }
    sys.stdout.write(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
