"""Live queries through the API against the bare SOAP call, and lists of the API over a large CRM base."""

from __future__ import annotations

import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import select

from benchmarks.crm import PASSWORD, USER, open_crm
from benchmarks.first_sync import run_engine
from benchmarks.stand import databases, gateway, make_sage_base, new_database
from contracts.client import GatewayClient
from contracts.messages import (
    VIEW_CUMULATED_FIGURES,
    VIEW_DOCUMENT_LINES,
    VIEW_DOCUMENTS,
    VIEW_ENTRIES,
    VIEW_SOLVENCY,
    Operation,
)
from syncengine.access import keys
from syncengine.access.keys import KeyOrder
from syncengine.access.scopes import Scope
from syncengine.cycle.run import utc_now
from syncengine.model import Account, User
from syncengine.rtdv.whom import CLIENT

ROUNDS, CALLS = 4, 10
PAUSE_S: Final = 0.4
BUDGET_MS: Final = 10.0
PAGES: Final = 1_000
VIEWS: Final[dict[str, Operation]] = {
    "solvency": VIEW_SOLVENCY,
    "cumulated_figures": VIEW_CUMULATED_FIGURES,
    "entries": VIEW_ENTRIES,
    "documents": VIEW_DOCUMENTS,
    "sales_lines": VIEW_DOCUMENT_LINES,
}


@dataclass(frozen=True, kw_only=True)
class Client:
    """A linked client: its Account in the CRM, its code in the ERP."""

    account_id: int
    code: str


def live(*, tiers: int, companies: int, clients: int, stores: Sequence[str]) -> dict[str, Any]:
    """Milliseconds of live queries by so many clients at once, each both ways in turns; and of lists over so many Companies."""
    found: dict[str, Any] = {"clients": clients}
    with _stand("sqlite", tiers, documents=8.0) as stand:
        found |= _live_queries(stand, clients)
    for store in stores if companies else ():
        with _stand(store, companies, documents=0.02) as stand:
            found[f"lists_{store}"] = {"companies": companies, **_lists(stand)}
    return found


@dataclass(frozen=True, kw_only=True)
class _Stand:
    """The three processes: a gateway, the API, and this one, which asks."""

    erp: str
    api: str
    key: str
    clients: list[Client]


@contextmanager
def _stand(store: str, tiers: int, *, documents: float) -> Iterator[_Stand]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        where = stack.enter_context(databases(store, folder))
        sage = make_sage_base(folder, tiers, documents_per_tiers=documents)
        running = stack.enter_context(gateway(folder, sage))
        crm = new_database(where, "crm")
        run_engine(folder, crm, running.url)
        key, found = _prepared(crm)
        address = stack.enter_context(_api(folder, crm))
        yield _Stand(erp=running.url, api=address, key=key, clients=found)


def _prepared(crm: str) -> tuple[str, list[Client]]:
    """A key of an administrator, and the linked clients."""
    store = open_crm(crm)
    with store.writing() as session:
        user = User(login="bench", name="Bench", administrator=True, created_at=utc_now())
        session.add(user)
        session.flush()
        _, key = keys.create(session, user, KeyOrder(name="bench", scopes=frozenset(Scope)), at=utc_now())
        of = select(Account.id, Account.code).where(Account.is_main, Account.type == CLIENT).order_by(Account.id)
        found = [Client(account_id=number, code=code) for number, code in session.execute(of.limit(200)) if code]
    store.close()
    return key.get_secret_value(), found


@contextmanager
def _api(folder: Path, crm: str) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.api_server", str(folder), crm]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)


def _live_queries(stand: _Stand, clients: int) -> dict[str, Any]:
    """People who look again after a moment; then the same without a moment between, where every call waits for the others."""
    with ExitStack() as stack:
        soap = [stack.enter_context(GatewayClient(stand.erp, USER, PASSWORD)) for _ in range(clients)]
        http_ = [stack.enter_context(_Caller(stand)) for _ in range(clients)]
        both = _Both(stand, soap, http_, stack.enter_context(ThreadPoolExecutor(clients)))
        both.measure(1, pause_s=0)
        found = both.measure(ROUNDS, pause_s=PAUSE_S)
        saturated = both.measure(2, pause_s=0)
    every = found.pop("every")
    return {
        **every,
        "pause_s": PAUSE_S,
        "within_budget": every["overhead_ms_p50"] <= BUDGET_MS,
        "views": found,
        "without_pause": saturated["every"],
    }


class _Both:
    """The same calls both ways in turns, so that whatever else the machine does is shared."""

    def __init__(
        self, stand: _Stand, soap: list[GatewayClient], callers: list[_Caller], pool: ThreadPoolExecutor
    ) -> None:
        self._stand, self._soap, self._callers, self._pool = stand, soap, callers, pool

    def measure(self, rounds: int, *, pause_s: float) -> dict[str, dict[str, Any]]:
        """The figures of each view, and of every call."""
        bare: dict[str, list[float]] = {name: [] for name in VIEWS}
        through: dict[str, list[float]] = {name: [] for name in VIEWS}
        for _ in range(rounds):
            for name, operation in VIEWS.items():
                direct = [_asking(self._stand, one, operation) for one in self._soap]
                by_api = [_getting(self._stand, one, name) for one in self._callers]
                bare[name] += _at_once(self._pool, direct, pause_s=pause_s)
                through[name] += _at_once(self._pool, by_api, pause_s=pause_s)
        found = {name: _compared(bare[name], through[name]) for name in VIEWS}
        return {**found, "every": _compared([*chain(*bare.values())], [*chain(*through.values())])}


def _at_once(pool: ThreadPoolExecutor, calls: Sequence[Callable[[int], None]], *, pause_s: float) -> list[float]:
    """Everybody calls, and again after a pause of that length on average; the milliseconds of each call."""
    rng = random.Random(len(calls))  # noqa: S311 - no secret

    def one(call: Callable[[int], None]) -> list[float]:
        found = []
        for number in range(CALLS):
            time.sleep(rng.uniform(0, 2 * pause_s))
            began = time.perf_counter()
            call(number)
            found.append((time.perf_counter() - began) * 1000)
        return found

    return [each for found in pool.map(one, calls) for each in found]


def _asking(stand: _Stand, client: GatewayClient, operation: Operation) -> Callable[[int], None]:
    def call(number: int) -> None:
        client.ask(operation, operation.request.record(code=stand.clients[number % len(stand.clients)].code))

    return call


def _getting(stand: _Stand, caller: _Caller, name: str) -> Callable[[int], None]:
    def call(number: int) -> None:
        caller.get(f"/api/v1/accounts/{stand.clients[number % len(stand.clients)].account_id}/{name}")

    return call


class _Caller:
    """Somebody with a key and a connection kept open."""

    def __init__(self, stand: _Stand) -> None:
        parts = urlsplit(stand.api)
        self._line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {stand.key}"}

    def __enter__(self) -> _Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def get(self, path: str) -> Any:
        """The answer. Raises RuntimeError when it is a problem."""
        self._line.request("GET", path, headers=self._headers)
        answer = self._line.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(body.decode()[:500])
        return json.loads(body)


def _compared(bare: list[float], through: list[float]) -> dict[str, Any]:
    return {
        "bare_ms_p50": _at(bare, 50),
        "bare_ms_p99": _at(bare, 99),
        "api_ms_p50": _at(through, 50),
        "api_ms_p99": _at(through, 99),
        "overhead_ms_p50": round(_at(through, 50) - _at(bare, 50), 2),
    }


def _at(values: list[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 2)


LISTS: Final = ("/api/v1/companies", "/api/v1/accounts")


def _lists(stand: _Stand) -> dict[str, Any]:
    """Pages of each list by cursor, one after the other: the cost of the last ones against that of the first."""
    with _Caller(stand) as caller:
        return {path.rpartition("/")[2]: _walked(caller, path) for path in LISTS}


def _walked(caller: _Caller, path: str) -> dict[str, Any]:
    times, cursor = [], ""
    for _ in range(PAGES):
        began = time.perf_counter()
        page = caller.get(f"{path}?limit=50{cursor}")
        times.append((time.perf_counter() - began) * 1000)
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    ends = min(20, len(times) // 2) or 1
    first, last = statistics.median(times[:ends]), statistics.median(times[-ends:])
    return {
        "pages": len(times),
        "ms_p50": _at(times, 50),
        "ms_p95": _at(times, 95),
        "first_pages_ms": round(first, 2),
        "last_pages_ms": round(last, 2),
        "last_to_first": round(last / first, 2),
    }
