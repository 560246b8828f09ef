"""Calls that wait for changes: woken together, by one watcher, and let go when the caller, the time or the gateway ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
import structlog
from sqlalchemy import Engine

from contracts.client import GatewayClient
from contracts.errors import ContractError, NotOffered, Problem, RemoteFault, Unreachable
from contracts.messages import WAIT_FOR_CHANGES, EntitySet
from gateway.database import writing
from gateway.demo.edits import insert_tiers
from gateway.errors import DatabaseUnreachable
from gateway.heads import Heads, Places
from gateway.scan import Scan
from gateway.watcher import Watcher
from tests.gateway.base import make_base
from tests.gateway.live import LiveGateway, live_gateway
from tests.syncengine.answering import Answer, answering, fault


@pytest.fixture
def base(sqlite_url: str) -> Iterator[Engine]:
    """The small company."""
    engine = make_base(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the base was scanned."""
    seen: list[float] = []
    step = Scan.step

    def counted(scan: Scan, limit: int) -> None:
        seen.append(time.monotonic())
        step(scan, limit)

    monkeypatch.setattr(Scan, "step", counted)
    return seen


def _cursors(client: GatewayClient) -> dict[EntitySet, str]:
    """Where the log ends, once all that is in the base is in it."""
    cursors, ended = dict.fromkeys(EntitySet, ""), 0
    while ended < len(EntitySet):
        page = client.get_change_log(cursors)
        cursors |= {changes.entity_set: changes.next_cursor for changes in page.change_sets}
        ended = sum(changes.at_end for changes in page.change_sets)
    return cursors


@contextmanager
def _waiting(gateway: LiveGateway, cursors: dict[EntitySet, str], count: int) -> Iterator[list[Future[bool]]]:
    """So many calls that are being held."""
    clients = [gateway.client() for _ in range(count)]
    with ThreadPoolExecutor(count) as pool:
        calls = [pool.submit(client.wait_for_changes, cursors, 20) for client in clients]
        yield calls
    for client in clients:
        client.close()


@pytest.mark.req("NEW-07", "CRM-02")
def test_whether_there_is_something_is_answered_at_once(gateway: LiveGateway, base: Engine) -> None:
    with gateway.client() as client:
        cursors = _cursors(client)
        before = client.wait_for_changes(cursors, 0)
        with writing(base) as connection:
            insert_tiers(connection, "NEUF", "Nouveau")
        after = client.wait_for_changes(cursors, 0)
        others = client.wait_for_changes({EntitySet.TURNOVER: cursors[EntitySet.TURNOVER]}, 0)

    assert (before, after, others) == (False, True, False)


@pytest.mark.req("NEW-07")
def test_all_who_wait_are_woken_together_by_one_scan_each_half_second(
    gateway: LiveGateway, base: Engine, scans: list[float]
) -> None:
    with gateway.client() as client:
        cursors = _cursors(client)
    scans.clear()
    with _waiting(gateway, cursors, 40) as calls:
        time.sleep(1.2)
        idle = len(scans)
        assert not any(call.done() for call in calls)
        began = time.monotonic()
        with writing(base) as connection:
            insert_tiers(connection, "NEUF", "Nouveau")
        woken = [call.result(10) for call in calls]
        took = time.monotonic() - began

    assert all(woken)
    assert took < 2
    # Forty calls, and the base was looked at no oftener than for one.
    assert 1 <= idle <= 4


@pytest.mark.req("NEW-07")
def test_a_caller_who_hangs_up_waits_no_more(gateway: LiveGateway, scans: list[float]) -> None:
    with gateway.client() as client, ThreadPoolExecutor(1) as pool:
        cursors = _cursors(client)
        call = pool.submit(client.wait_for_changes, cursors, 30)
        scans.clear()
        _until(lambda: bool(scans))
        client.interrupt()
        with pytest.raises(Unreachable):
            call.result(5)
    time.sleep(0.7)
    scans.clear()
    time.sleep(0.8)

    assert not scans


@pytest.mark.req("NEW-07")
def test_a_gateway_that_stops_answers_those_who_wait(base: Engine, scans: list[float]) -> None:
    with ThreadPoolExecutor(1) as pool, live_gateway(base) as live, live.client() as client:
        cursors = _cursors(client)
        scans.clear()
        call = pool.submit(client.wait_for_changes, cursors, 30)
        _until(lambda: bool(scans))
        stopped = time.monotonic()
    assert call.result(1) is False
    assert time.monotonic() - stopped < 5


@pytest.mark.req("NEW-07")
@pytest.mark.parametrize("wait", [-1, 61])
def test_a_wait_out_of_range_is_refused(gateway: LiveGateway, wait: int) -> None:
    with gateway.client() as client, pytest.raises(RemoteFault) as refused:
        client.wait_for_changes({EntitySet.TIERS: ""}, wait)

    assert (refused.value.problem_code, refused.value.field) == ("invalid_request", "WaitSeconds")


@pytest.mark.req("NEW-07")
def test_cursors_of_another_base_are_refused(gateway: LiveGateway) -> None:
    with gateway.client() as client, pytest.raises(RemoteFault) as refused:
        client.wait_for_changes({EntitySet.TIERS: "0123456789abcdef-3-0-1"}, 5)

    assert refused.value.problem_code == "cursor_unknown"


@pytest.mark.req("NEW-07", "CRM-02")
@pytest.mark.parametrize("code", ["unknown_operation", "not_supported"])
def test_an_older_gateway_is_told_apart(code: str) -> None:
    with answering(Answer(body=fault(code, "no such operation"), status=500)) as url, GatewayClient(url, "", "") as old:
        for call in (lambda: old.wait_for_changes({}, 0), old.release_base, old.reconnect_base):
            with pytest.raises(NotOffered) as missing:
                call()
            assert missing.value.problem_code == code


def test_an_answer_that_does_not_say_whether_is_none() -> None:
    empty = WAIT_FOR_CHANGES.response.name.encode()
    body = (
        fault("x", "y").split(b"<s:Fault>", maxsplit=1)[0] + b'<%b xmlns="urn:crm-sage100-sync:contract:1.0"/>' % empty
    )
    with (
        answering(Answer(body=body + b"</s:Body></s:Envelope>")) as url,
        GatewayClient(url, "", "") as client,
        pytest.raises(ContractError) as broken,
    ):
        client.wait_for_changes({}, 0)

    assert broken.value.field == "Changed"


PLACES = Places(epoch="a", last={EntitySet.TIERS: 4})


def _heads(seq: int) -> Heads:
    return Heads(epoch="a", last=dict.fromkeys(EntitySet, seq))


async def _looking(seen: list[Any], *, callers: int, within_s: float) -> list[object]:
    """What callers at `PLACES` are told while the looks find that, one after the other, the last one for ever."""
    left = list(seen)
    told: list[object] = []

    async def look() -> Heads:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    watcher = Watcher(look, every_s=0.01)

    async def ask() -> None:
        try:
            told.append(await watcher.beyond(PLACES, anyio.current_time() + within_s))
        except Problem as problem:
            told.append(problem.problem_code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watcher.run)
        async with anyio.create_task_group() as asking:
            for _ in range(callers):
                asking.start_soon(ask)
        tasks.cancel_scope.cancel()
    return told


@pytest.mark.req("NEW-07")
@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ([_heads(4), _heads(4), _heads(5)], True),
        ([_heads(4)], False),
        ([Heads(epoch="b", last=dict.fromkeys(EntitySet, 9))], "cursor_unknown"),
        ([DatabaseUnreachable("gone")], "database_unreachable"),
        ([RuntimeError("nobody foresaw it"), _heads(5)], True),
    ],
    ids=["something", "nothing", "restored", "database gone", "look broken off"],
)
def test_what_a_look_finds_is_told_to_all_who_wait(seen: list[Any], told: object) -> None:
    within_s = 0.2 if told is False else 20

    with structlog.testing.capture_logs():
        assert anyio.run(lambda: _looking(seen, callers=200, within_s=within_s)) == [told] * 200


def _until(condition: Any, within_s: float = 10.0) -> None:
    limit = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < limit, "it never came"
        threading.Event().wait(0.02)
