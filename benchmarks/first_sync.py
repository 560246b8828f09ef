"""The first synchronisation against the floor and the usual way, on the same rows, in the same run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.crm import engine_settings, integration_for, open_crm
from benchmarks.engine_run import FULL
from benchmarks.floor import run_floor
from benchmarks.naive import run_naive
from benchmarks.stand import databases, gateway, make_sage_base, new_database

SAMPLE = 500


def first_sync(*, tiers: int, store: str) -> dict[str, Any]:
    """Build the base, then measure; seconds, ratios, records per second, peak memory in MB."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, databases(store, Path(name)) as where:
        folder = Path(name)
        start = time.perf_counter()
        sage = make_sage_base(folder, tiers)
        built = time.perf_counter() - start
        with gateway(folder, sage) as running:
            cold_database = new_database(where, "cold")
            cold = run_engine(folder, cold_database, running.url)
            after_walk_mb = running.peak_mb
            source, target = open_crm(cold_database), open_crm(new_database(where, "floor"))
            integration_for(running.url, target, engine_settings(folder, cold_database))
            floor = run_floor(running.url, source, target)
            warm = run_engine(folder, new_database(where, "engine"), running.url)
            naive_store = open_crm(new_database(where, "naive"))
            naive_id = integration_for(running.url, naive_store, engine_settings(folder, cold_database))
            naive = run_naive(running.url, naive_store, naive_id, sample=min(SAMPLE, tiers))
            gateway_mb = running.peak_mb
            for opened in (source, target, naive_store):
                opened.close()
    naive_s = naive.seconds / naive.tiers * floor.tiers
    return {
        "store": store,
        "tiers": floor.tiers,
        "rows": floor.rows,
        "build_base_s": round(built, 2),
        "floor_s": round(floor.seconds, 2),
        "engine_s": round(warm["seconds"], 2),
        "engine_cold_s": round(cold["seconds"], 2),
        "naive_s": round(naive_s, 1),
        "naive_sample": naive.tiers,
        "ratio_to_floor": round(warm["seconds"] / floor.seconds, 2),
        "speedup_over_naive": round(naive_s / warm["seconds"], 1),
        "tiers_per_s": round(floor.tiers / warm["seconds"]),
        "records_per_s": round(floor.rows / warm["seconds"]),
        "engine_peak_mb": round(warm["peak_mb"], 1),
        "gateway_peak_mb": round(gateway_mb, 1),
        "gateway_peak_after_walk_mb": round(after_walk_mb, 1),
        "status": warm["status"],
        "counts": warm["counts"],
    }


def run_engine(folder: Path, database: str, url: str) -> dict[str, Any]:
    """One synchronisation of a new CRM base in a process of its own."""
    store = open_crm(database)
    integration_id = integration_for(url, store, engine_settings(folder, database))
    store.close()
    return again(folder, database, integration_id)


def again(folder: Path, database: str, integration_id: int, *, full: bool = False) -> dict[str, Any]:
    """One more cycle of that integration, of the totality if wanted, in a process of its own. Raises RuntimeError when it fails."""
    command = [sys.executable, "-m", "benchmarks.engine_run", str(folder), database, str(integration_id)]
    command += [FULL] if full else []
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    result: dict[str, Any] = json.loads(done.stdout)
    if result["problem"]:
        raise RuntimeError(result["problem"])
    return result
