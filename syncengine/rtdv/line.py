"""The line to one ERP: clients kept open, so many calls at once and no more, and a breaker; and the lines of all ERPs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Lock, Semaphore
from typing import Final

from contracts.client import GatewayClient
from contracts.errors import MalformedReply, Problem, Unreachable
from contracts.fields import Record
from contracts.messages import Operation
from syncengine.errors import ErpBusy, ErpUnreachable
from syncengine.rtdv.breaker import Breaker
from syncengine.rtdv.whom import Target

AT_ONCE: Final = 8
"""Calls of one ERP at once: its gateway also serves the cycles."""
WAITING: Final = 16
"""How many more may wait for their turn: threads that wait here serve nobody else."""
WAIT_S: Final = 5.0
TIMEOUT_S: Final = 20
"""The longest a live call may take, whatever the integration allows its cycles: somebody is looking at the screen."""

Connect = Callable[[], GatewayClient]


class Line:
    """One ERP's clients. Safe to share between threads: each call has a client to itself."""

    def __init__(self, target: Target, connect: Connect, clock: Callable[[], datetime]) -> None:
        self.target = target
        self.breaker = Breaker()
        self._connect, self._clock = connect, clock
        self._turns = Semaphore(AT_ONCE)
        self._places = Semaphore(AT_ONCE + WAITING)
        self._lock = Lock()
        self._idle: list[GatewayClient] = []
        self._closed = False
        weakref.finalize(self, _close_all, self._idle)

    def ask(self, operation: Operation, request: Record) -> Record:
        """The reply, valid as a whole. Raises ErpUnreachable, ErpBusy, and what the gateway refuses."""
        if not self.breaker.admits():
            raise self._unreachable("Sage 100 does not answer; it is asked again in a few seconds")
        with self._turn(), self._client() as client:
            try:
                reply = _twice(client, operation, request)
            except Problem as problem:
                if not _is_of_transport(problem):
                    self.breaker.succeeded()
                    raise
                self.breaker.failed(self._clock())
                raise self._unreachable(problem.message) from problem
        self.breaker.succeeded()
        return reply

    def close(self) -> None:
        """End the connections that nobody uses now; the others end with their calls."""
        with self._lock:
            self._closed = True
            _close_all(self._idle)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise self._busy()
        try:
            if not self._turns.acquire(timeout=WAIT_S):
                raise self._busy()
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()

    @contextmanager
    def _client(self) -> Iterator[GatewayClient]:
        with self._lock:
            client = self._idle.pop() if self._idle else None
        client = client or self._connect()
        try:
            yield client
        finally:
            with self._lock:
                if self._closed:
                    client.close()
                else:
                    self._idle.append(client)

    def _busy(self) -> ErpBusy:
        return ErpBusy("too many readings of Sage 100 are under way", record=self.target.name)

    def _unreachable(self, message: str) -> ErpUnreachable:
        since = self.breaker.since
        told = "" if since is None else f" (since {since:%Y-%m-%d %H:%M:%S} UTC)"
        return ErpUnreachable(f"{message}{told}", since=since, record=self.target.name)


class Lines:
    """The lines of an engine, one for each integration that was asked; made again when its address or user has changed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lines: dict[int, Line] = {}

    def of(self, target: Target, connect: Connect, clock: Callable[[], datetime]) -> Line:
        """The line to that target."""
        line = self._lines.get(target.integration_id)
        if line is not None and line.target == target:
            return line
        with self._lock:
            line = self._lines.get(target.integration_id)
            if line is None or line.target != target:
                if line is not None:
                    line.close()
                line = self._lines[target.integration_id] = Line(target, connect, clock)
            return line

    def close(self) -> None:
        """End the connections."""
        with self._lock:
            for line in self._lines.values():
                line.close()
            self._lines.clear()


def _twice(client: GatewayClient, operation: Operation, request: Record) -> Record:
    """The reply; asked once more when the connection was lost, as one kept open is when the gateway has restarted."""
    try:
        return client.ask(operation, request)
    except Unreachable as problem:
        if problem.problem_code != Unreachable.code:
            raise
        return client.ask(operation, request)


def _is_of_transport(problem: Problem) -> bool:
    return isinstance(problem, Unreachable) or (isinstance(problem, MalformedReply) and problem.may_retry)


def _close_all(clients: list[GatewayClient]) -> None:
    while clients:
        clients.pop().close()
