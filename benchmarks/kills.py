"""Killed at random moments of a first synchronisation and started again: is the CRM base the undisturbed one?"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.crm import engine_settings, integration_for, open_crm
from benchmarks.first_sync import again, run_engine
from benchmarks.stand import gateway, make_sage_base
from tests.crm import Dump, differences, dump


def kills(*, tiers: int, count: int, seed: int) -> dict[str, Any]:
    """Kill -9 each of ``count`` runs once, at a random moment, run again, and compare table by table."""
    rng = random.Random(seed)  # noqa: S311 - a moment, not a secret
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        sage = make_sage_base(folder, tiers)
        with gateway(folder, sage) as running:
            run_engine(folder, f"sqlite:///{folder}/warm.db", running.url)
            reference = f"sqlite:///{folder}/reference.db"
            undisturbed = run_engine(folder, reference, running.url)
            expected = _dump(reference)
            moments = sorted(rng.uniform(0.0, undisturbed["seconds"] * 1.1) for _ in range(count))
            outcomes = [_killed(folder, number, running.url, moment, expected) for number, moment in enumerate(moments)]
    different = [outcome for outcome in outcomes if outcome["differences"]]
    return {
        "tiers": tiers,
        "kills": count,
        "undisturbed_s": round(undisturbed["seconds"], 2),
        "killed_in_the_middle": sum(0 < outcome["tiers_at_kill"] < tiers for outcome in outcomes),
        "identical": count - len(different),
        "different": different,
        "tiers_at_kill": [outcome["tiers_at_kill"] for outcome in outcomes],
    }


def _killed(folder: Path, number: int, url: str, moment: float, expected: Dump) -> dict[str, Any]:
    database = f"sqlite:///{folder}/killed-{number}.db"
    store = open_crm(database)
    integration_id = integration_for(url, store, engine_settings(folder, database))
    store.close()
    command = [sys.executable, "-m", "benchmarks.engine_run", str(folder), database, str(integration_id), "started"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    process.stdout.readline()
    time.sleep(moment)
    process.kill()
    process.wait()
    process.stdout.close()
    store = open_crm(database)
    reached = len(dump(store)["accounts"])
    store.close()
    again(folder, database, integration_id)
    return {
        "moment_s": round(moment, 2),
        "tiers_at_kill": reached,
        "differences": differences(expected, _dump(database)),
    }


def _dump(database: str) -> Dump:
    store = open_crm(database)
    try:
        return dump(store)
    finally:
        store.close()
