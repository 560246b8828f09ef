"""An hour of `syncengine serve`: both sides edited at random, its figures scraped, at the end everything compared."""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select

from benchmarks.fleet.cycles import cycles_after, overlaps
from benchmarks.fleet.stand import Fleet, fleet
from benchmarks.fleet.workers import Worker, await_that
from benchmarks.soak.people import People
from syncengine import integrations
from syncengine.model import Alert, Integration, JournalEntry
from tests.syncengine.agreement import asked, disagreements

CROWDS = 2
SCRAPED_S = 10.0
LIMIT_S = 300.0
ROUNDS = 2
POLICIES = {"": "erp_wins"}
"""No field waits for a decision: at the end both sides must hold the same, without exception."""


def soak(*, minutes: float, tiers: int, store: str, live: bool) -> dict[str, Any]:
    """One integration, one service, two crowds; ``live`` False leaves it to 'synchronise now' once a minute."""
    with fleet(integrations_=1, tiers=tiers, store=store) as made:
        number = made.ids[0]
        made.set(made.ids, live=live, policies=POLICIES, audit_percent=100, audit_due_at=made.store.clock())
        service = Worker(made, 0, concurrency=2, command=("serve", "--port", "0"))
        try:
            service.await_start()
            address = _address(service)
            _round(made)
            began = time.monotonic()
            crowds, lags = _work(made, address, until=began + 60 * minutes, by_hand=not live)
            for _ in range(ROUNDS):
                _round(made)
            metrics = _scraped(address)
        finally:
            service.stop()
        there = made.erps[0].holds()
        return {
            "minutes": minutes,
            "store": store,
            "live": live,
            "tiers": len(there),
            "edits": dict(sum((crowd.done for crowd in crowds), Counter[str]())),
            "refused_edits": dict(sum((crowd.refused for crowd in crowds), Counter[str]())),
            **_cycles(made),
            "lag_median_s": round(statistics.median(lags), 2) if lags else None,
            "lag_max_s": round(max(lags), 2) if lags else None,
            "metrics": metrics,
            "alerts": _alerts(made),
            "waiting_for_somebody": sorted(asked(made.store, number)),
            "overlaps": len(overlaps(made.store)),
            "disagreements": disagreements(made.store, number, there)[:50],
        }


def _work(made: Fleet, address: str, *, until: float, by_hand: bool) -> tuple[list[People], list[float]]:
    """Everybody edits; meanwhile the figures are scraped: how old the oldest change is that is not on the other side."""
    crowds = [
        People(engine=made.engine, integration_id=made.ids[0], erp=made.erps[0], seed=seed)
        for seed in range(1, CROWDS + 1)
    ]
    lags = []
    with ThreadPoolExecutor(CROWDS) as pool:
        working = [pool.submit(crowd.work, until) for crowd in crowds]
        asked_at = time.monotonic()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, SCRAPED_S))
            lags.append(_scraped(address).get("syncengine_lag_seconds", 0.0))
            if by_hand and time.monotonic() - asked_at > 60:
                _ask(made)
                asked_at = time.monotonic()
        for one in working:
            one.result()
    return crowds, lags


def _ask(made: Fleet) -> None:
    with made.store.writing() as session:
        integrations.request(session, made.ids[0], at=made.store.clock())


def _round(made: Fleet) -> None:
    """Somebody asks for a cycle, and it is through."""
    _ask(made)
    await_that(lambda: _is_through(made), LIMIT_S, "the end of a cycle that was asked for")


def _is_through(made: Fleet) -> bool:
    with made.store.reading() as session:
        row = session.get_one(Integration, made.ids[0])
        return row.handled_number == row.requested_number and row.lease_owner is None


def _cycles(made: Fleet) -> dict[str, Any]:
    rows = cycles_after(made.store, 0)
    with made.store.reading() as session:
        lines = session.scalar(select(func.count(JournalEntry.id)))
    failed = [f"{row.id} {row.started_at:%H:%M:%S} {row.error_code}" for row in rows if row.status == "failure"]
    seconds = [(row.ended_at - row.started_at).total_seconds() for row in rows if row.ended_at is not None]
    return {
        "cycles": dict(Counter(row.status.value for row in rows)),
        "failed_cycles": failed,
        "cycle_median_s": round(statistics.median(seconds), 3),
        "cycle_max_s": round(max(seconds), 3),
        "journal_lines": lines,
    }


def _alerts(made: Fleet) -> Sequence[str]:
    with made.store.reading() as session:
        return [f"{row.cause.value} {row.code} × {row.times}" for row in session.scalars(select(Alert))]


def _address(service: Worker) -> str:
    found = re.search(r"address=(http://\S+)", service.told)
    if found is None:
        raise RuntimeError(f"the service does not say where it answers: {service.told[-500:]}")
    return found[1]


def _scraped(address: str) -> dict[str, float]:
    """The figures that say how it stands: the largest of each name."""
    answer = requests.get(f"{address}/metrics", timeout=10)
    answer.raise_for_status()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name in _WANTED:
                found[sample.name] = max(found.get(sample.name, sample.value), sample.value)
    return found


_WANTED = frozenset(
    f"syncengine_{name}"
    for name in (
        "base_up",
        "lag_seconds",
        "freshness_seconds",
        "queue_depth",
        "queue_oldest_seconds",
        "alerts",
        "conflicts",
    )
) | {"process_resident_memory_bytes", "process_open_fds"}
