"""The line to one ERP: how many call at once, what a lost connection costs, when nobody is asked any more."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from contracts.client import GatewayClient
from contracts.errors import ContractError, Problem, RemoteFault, Unreachable
from contracts.fields import Record
from contracts.messages import VIEW_SOLVENCY
from syncengine.errors import ErpBusy, ErpUnreachable
from syncengine.rtdv import line
from syncengine.rtdv.breaker import Breaker
from syncengine.rtdv.line import Line, Lines
from syncengine.rtdv.whom import Target

TARGET = Target(integration_id=1, name="Sage100", url="http://erp/", user="crm", secret=None, timeout_s=5)
REQUEST = VIEW_SOLVENCY.request.record(code="T001")
REPLY = VIEW_SOLVENCY.response.record()
AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


class Fake:
    """A client whose answers a test decides; ``now`` counts the calls under way, ``most`` the most there were."""

    now = most = made = closed = 0
    lock = threading.Lock()

    def __init__(self, answers: list[Any]) -> None:
        self._answers = answers
        Fake.made += 1

    def ask(self, *_: Any) -> Record:
        with Fake.lock:
            Fake.now += 1
            Fake.most = max(Fake.most, Fake.now)
            answer = self._answers.pop(0) if self._answers else REPLY
        try:
            if isinstance(answer, threading.Event):
                assert answer.wait(10)
                return REPLY
            if isinstance(answer, Problem):
                raise answer
            return cast("Record", answer)
        finally:
            with Fake.lock:
                Fake.now -= 1

    def close(self) -> None:
        Fake.closed += 1


@pytest.fixture(autouse=True)
def _anew() -> None:
    Fake.now = Fake.most = Fake.made = Fake.closed = 0


def line_of(*answers: Any) -> Line:
    waiting = list(answers)
    return Line(TARGET, lambda: cast("GatewayClient", Fake(waiting)), lambda: AT)


def ask(made: Line) -> Record:
    return made.ask(VIEW_SOLVENCY, REQUEST)


@pytest.mark.req("CRM-54")
def test_so_many_call_at_once_the_others_wait_and_too_many_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    made = line_of(*[go] * (line.AT_ONCE + line.WAITING))
    with ThreadPoolExecutor(line.AT_ONCE + line.WAITING) as pool:
        asked = [pool.submit(ask, made) for _ in range(line.AT_ONCE + line.WAITING)]
        while made._places._value or Fake.now < line.AT_ONCE:
            pass
        with pytest.raises(ErpBusy):
            ask(made)
        go.set()
        assert [one.result(10) for one in asked] == [REPLY] * len(asked)
    assert Fake.most == line.AT_ONCE
    assert Fake.made <= line.AT_ONCE
    assert made._places._value == line.AT_ONCE + line.WAITING
    made.close()
    assert Fake.closed == Fake.made

    monkeypatch.setattr(line, "WAIT_S", 0.01)
    stuck = line_of()
    for _ in range(line.AT_ONCE):
        stuck._turns.acquire()
    with pytest.raises(ErpBusy):
        ask(stuck)
    assert stuck._places._value == line.AT_ONCE + line.WAITING


def test_a_connection_that_was_lost_meanwhile_is_made_again() -> None:
    made = line_of(Unreachable("closed"))
    assert ask(made) is REPLY
    assert not made.breaker.since


def test_what_the_gateway_refuses_says_nothing_against_the_line() -> None:
    refused, broken = RemoteFault("no", code="invalid_request"), ContractError("what?")
    made = line_of(*[refused, broken] * 5)
    for _ in range(5):
        with pytest.raises(RemoteFault):
            ask(made)
        with pytest.raises(ContractError):
            ask(made)
    assert not made.breaker.is_open


def test_a_time_out_is_not_waited_for_twice() -> None:
    made = line_of(Unreachable("late", code="gateway_timeout"))
    with pytest.raises(ErpUnreachable) as late:
        ask(made)
    assert late.value.since == AT
    assert ask(made) is REPLY


def since(breaker: Breaker) -> datetime | None:
    return breaker.since


def test_the_breaker_opens_lets_one_try_and_closes() -> None:
    now = [0.0]
    breaker = Breaker(failures=3, pause_s=10, clock=lambda: now[0])
    for _ in range(2):
        assert breaker.admits()
        breaker.failed(AT)
    assert breaker.admits()
    breaker.failed(AT.replace(hour=9))
    assert breaker.since == AT

    now[0] = 9.9
    assert not breaker.admits()
    now[0] = 10
    assert [breaker.admits(), breaker.admits()] == [True, False]
    breaker.failed(AT)
    now[0] = 19.9
    assert not breaker.admits()
    now[0] = 20
    assert breaker.admits()
    breaker.succeeded()
    assert [breaker.admits(), breaker.is_open] == [True, False]
    assert since(breaker) is None

    # One failure after a success is the first of a row again.
    breaker.failed(AT)
    assert breaker.admits()


def test_who_tries_and_never_comes_back_does_not_keep_it_open() -> None:
    now = [0.0]
    breaker = Breaker(failures=1, pause_s=10, clock=lambda: now[0])
    breaker.failed(AT)
    now[0] = 10
    assert breaker.admits()
    now[0] = 20
    assert breaker.admits()


def test_clients_are_kept_and_a_new_address_gets_a_line_of_its_own() -> None:
    lines = Lines()
    connect = lambda: cast("GatewayClient", Fake([]))  # noqa: E731
    first = lines.of(TARGET, connect, lambda: AT)
    assert [ask(first), ask(first)] == [REPLY, REPLY]
    assert Fake.made == 1
    assert lines.of(TARGET, connect, lambda: AT) is first

    other = Target(**{**vars(TARGET), "url": "http://elsewhere/"})
    assert lines.of(other, connect, lambda: AT) is not first
    assert Fake.closed == 1
    lines.close()
