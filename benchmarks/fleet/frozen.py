"""A worker frozen in mid-cycle past its lease, overtaken, and thawed: what it writes then, on either side."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, select

from benchmarks.fleet.cycles import cycles_after, ended_well
from benchmarks.fleet.killed import busy
from benchmarks.fleet.stand import Fleet
from benchmarks.fleet.workers import await_that, free, held_by, workers
from gateway.database import reading
from syncengine.model import Account, Base
from tests.syncengine.agreement import disagreements
from tests.syncengine.world import ERP_TABLES

TOUCHED = 4
LIMIT_S = 240.0
AWAKE_S = 8.0
"""Ten times as long as a cycle needs for all it has to do."""

State = Counter[tuple[str, str]]


def frozen(fleet: Fleet, *, count: int, concurrency: int, times: int, seed: int = 1) -> dict[str, Any]:
    """So many times one of the workers, with SIGSTOP; needs PostgreSQL: an SQLite base stands still with whoever writes to it."""
    rng = random.Random(seed)  # noqa: S311 - a moment, not a secret
    ids = fleet.ids[:TOUCHED]
    written: list[str] = []
    overtaken, took = 0, []
    fleet.park()
    with workers(fleet, max(count, 2), concurrency=concurrency) as at_work:
        victim = at_work[0]
        for number in range(times):
            last = busy(fleet, ids, f"freeze{number}", victim, rng)
            victim.send(signal.SIGSTOP)
            at, held = fleet.store.clock(), held_by(fleet, victim)
            await_that(lambda: ended_well(fleet.store, last) >= len(ids) and free(fleet), LIMIT_S, "recovery")  # noqa: B023
            rows = cycles_after(fleet.store, last, ids)
            took.append(max(row.ended_at - at for row in rows if row.ended_at is not None).total_seconds())
            before = _state(fleet, ids)
            victim.send(signal.SIGCONT)
            time.sleep(AWAKE_S)
            after = _state(fleet, ids)
            written += [f"{table}: {row[:200]}" for table, row in ((after - before) + (before - after))]
            overtaken += len(held)
    wrong = [
        f"{number} {line}"
        for number in ids
        for line in disagreements(fleet.store, number, fleet.erp_of(number).holds())
    ]
    return {
        "freezes": times,
        "cycles_overtaken": overtaken,
        "overtaken_after_s": round(max(took), 1),
        "writes_after_thaw": len(written),
        "written": written[:5],
        "lost_or_doubled": wrong[:20],
    }


def _state(fleet: Fleet, ids: Sequence[int]) -> State:
    """Every row of these integrations in the CRM base, with its history, and every row of the ERP's tiers."""
    return Counter([*_crm_rows(fleet, ids), *_erp_rows(fleet, ids)])


def _crm_rows(fleet: Fleet, ids: Sequence[int]) -> Iterator[tuple[str, str]]:
    accounts = select(Account.id).where(Account.integration_id.in_(ids))
    with fleet.store.reading() as session:
        for table in Base.metadata.sorted_tables:
            query: Select[Any] = select(table)
            if table.name == "integrations":
                query = query.where(table.c.id.in_(ids))
            elif "integration_id" in table.c:
                query = query.where(table.c.integration_id.in_(ids))
            elif "account_id" in table.c:
                query = query.where(table.c.account_id.in_(accounts))
            elif table.name == "companies":
                query = query.where(table.c.id.in_(select(Account.company_id).where(Account.integration_id.in_(ids))))
            else:
                continue
            yield from ((table.name, repr(row)) for row in session.execute(query))


def _erp_rows(fleet: Fleet, ids: Sequence[int]) -> Iterator[tuple[str, str]]:
    for number in ids:
        with reading(fleet.erp_of(number).base) as connection:
            for table in ERP_TABLES:
                yield from ((f"{number} {table.name}", repr(row)) for row in connection.execute(select(table)))
