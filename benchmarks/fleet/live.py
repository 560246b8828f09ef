"""Live mode with everything running: from the commit on one side to the commit on the other, both ways."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import func, select

from benchmarks.fleet.cycles import quantile
from benchmarks.fleet.punctuality import spread
from benchmarks.fleet.stand import Fleet
from benchmarks.fleet.workers import Worker, await_that
from syncengine.model import Account, Company, Integration

LIVE = 5
"""Integrations in live mode; the others are due at their intervals meanwhile."""
LOOKED_S = 0.01
LIMIT_S = 60.0
PAUSE_S = (0.3, 2.0)


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds, of changes in the ERP and of changes in the CRM."""

    to_crm: list[float]
    to_erp: list[float]


def live(fleet: Fleet, *, count: int, concurrency: int, changes: int, background_per_s: float) -> dict[str, Any]:
    """So many changes each way, one after the other in each live integration, at moments that nothing is in step with."""
    fleet.park()
    ids = fleet.ids[:LIVE]
    others = fleet.ids[LIVE:]
    fleet.set(ids, live=True, live_problem="not yet")
    serving = ("serve", "--port", "0")
    with ExitStack() as stack:
        for number in range(count):
            words = ("worker",) if number else serving
            worker = Worker(fleet, number, concurrency=concurrency, command=words)
            stack.callback(worker.stop)
            worker.await_start()
        await_that(lambda: _listened_to(fleet) == len(ids), 120, "listening to all")
        if others and background_per_s:
            spread(fleet, others, per_s=background_per_s)
        each = max(1, changes // len(ids))
        with ThreadPoolExecutor(len(ids)) as people:
            made = list(people.map(partial(_changes, fleet, each), ids))
    fleet.set(ids, live=False)
    to_crm, to_erp = (sorted(second for one in made for second in getattr(one, way)) for way in ("to_crm", "to_erp"))
    return {
        "live_integrations": len(ids),
        "background_per_s": round(background_per_s, 2) if others else 0,
        "changes_each_way": len(to_crm),
        "erp_to_crm_p50_s": quantile(to_crm, 0.5),
        "erp_to_crm_p95_s": quantile(to_crm, 0.95),
        "crm_to_erp_p50_s": quantile(to_erp, 0.5),
        "crm_to_erp_p95_s": quantile(to_erp, 0.95),
        "max_s": quantile(sorted([*to_crm, *to_erp]), 1.0),
    }


def _listened_to(fleet: Fleet) -> int:
    with fleet.store.reading() as session:
        query = select(func.count(Integration.id)).where(Integration.live, Integration.live_problem.is_(None))
        return int(session.scalar(query) or 0)


def _changes(fleet: Fleet, each: int, integration_id: int) -> Times:
    rng = random.Random(integration_id)  # noqa: S311 - pauses
    erp, times = fleet.erp_of(integration_id), Times(to_crm=[], to_erp=[])
    for number in range(each):
        code = erp.codes[number % len(erp.codes)]
        word = f"{rng.randrange(10**9)}"
        time.sleep(rng.uniform(*PAUSE_S))
        erp.edit([code], CT_Contact=word)
        times.to_crm.append(_until(lambda: _in_crm(fleet, integration_id, code) == word))  # noqa: B023
        time.sleep(rng.uniform(*PAUSE_S))
        site = f"www.live{word}.example"
        fleet.edit_crm(integration_id, [code], web_site=site)
        times.to_erp.append(_until(lambda: erp.value(code, "CT_Site") == site))  # noqa: B023
    return times


def _until(condition: Callable[[], object]) -> float:
    return await_that(condition, LIMIT_S, "the change on the other side", every_s=LOOKED_S)


def _in_crm(fleet: Fleet, integration_id: int, code: str) -> str | None:
    query = (
        select(Company.contact_person)
        .join(Account, Account.company_id == Company.id)
        .where(Account.integration_id == integration_id, Account.code == code)
    )
    with fleet.store.reading() as session:
        return session.scalar(query)
