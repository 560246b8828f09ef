"""A differential pull: 100 changes cost the same whatever the base holds, an empty one is one call."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks.first_sync import again, run_engine
from benchmarks.stand import gateway, make_sage_base
from gateway.database import open_database, writing
from gateway.demo.edits import delete_tiers, edit_tiers, insert_tiers
from gateway.sage import F_COMPTET, F_DOCENTETE

CHANGES, ROUNDS = 100, 5
CREATED = DELETED = 5


def pull(*, small: int, large: int) -> dict[str, Any]:
    """Seconds of a cycle with 100 changes (90 edits, 5 new tiers, 5 deletions) on two sizes, and their ratio."""
    sizes = {size: _measure(size) for size in (small, large)}
    return {
        "changes": CHANGES,
        "small": {"tiers": small, **sizes[small]},
        "large": {"tiers": large, **sizes[large]},
        "ratio": round(sizes[large]["pull_s"] / sizes[small]["pull_s"], 2),
        "calls_when_empty": max(size["calls_when_empty"] for size in sizes.values()),
    }


def _measure(tiers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        sage = make_sage_base(folder, tiers, documents_per_tiers=0.5)
        crm = f"sqlite:///{folder / 'crm.db'}"
        with gateway(folder, sage) as running:
            run_engine(folder, crm, running.url)
            rounds = []
            for number in range(ROUNDS):
                _edit(sage, number)
                result = again(folder, crm, 1)
                taken = result["counts"]
                if taken["arrived"] + taken["changed"] + taken["vanished"] != CHANGES:
                    raise RuntimeError(f"{CHANGES} changes were made, the cycle took {taken}")
                rounds.append(result)
            empty = again(folder, crm, 1)
    return {
        "pull_s": round(statistics.median(result["seconds"] for result in rounds), 4),
        "all_pulls_s": [round(result["seconds"], 4) for result in rounds],
        "empty_s": round(empty["seconds"], 4),
        "calls_when_empty": empty["calls"],
    }


def _edit(database: str, number: int) -> None:
    """90 edits, 5 new tiers, 5 deletions, spread over the base; other tiers each round."""
    engine = open_database(database)
    with writing(engine) as connection:
        busy = select(F_DOCENTETE.c.DO_Tiers)
        clients = F_COMPTET.c.CT_Type == 0
        idle = connection.scalars(select(F_COMPTET.c.CT_Num).where(clients, F_COMPTET.c.CT_Num.not_in(busy))).all()
        doomed = set(sorted(idle)[number :: len(idle) // DELETED][:DELETED])
        codes = [code for code in connection.scalars(select(F_COMPTET.c.CT_Num).where(clients)) if code not in doomed]
        edits = CHANGES - CREATED - len(doomed)
        step = len(codes) // edits
        for code in codes[number::step][:edits]:
            edit_tiers(connection, code, CT_Contact=f"Interlocuteur {number}")
        for code in doomed:
            delete_tiers(connection, code)
        for place in range(CHANGES - edits - len(doomed)):
            insert_tiers(connection, f"BENCH{number}X{place}", f"Nouveau client {number}-{place}")
    engine.dispose()
