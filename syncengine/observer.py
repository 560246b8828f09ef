"""Observer: who is told of what the engine does, as it happens, to count and measure it (NEW-09)."""

from __future__ import annotations

import time

from contracts.client import GatewayClient
from contracts.errors import Problem
from contracts.fields import Record
from contracts.messages import Operation
from syncengine.cycle.run import Report

ANSWERED = "answered"
FAULT = "fault"
_LOOKED_AT = 600  # bytes of a reply in which a fault names itself


class Observer:
    """Is told, and does nothing with it; whoever counts overrides. Called from several threads."""

    def began(self, lateness_s: float) -> None:
        """A cycle that was due began, so long after it should have."""

    def ended(self, report: Report, seconds: float) -> None:
        """A cycle ended."""

    def prevented(self, problem: Problem) -> None:
        """A cycle was asked for and none came of it."""

    def called(self, operation: str, outcome: str, seconds: float) -> None:
        """The gateway was called: what came of it is an answer, a fault, or the code of a problem on the way."""


class ObservedClient(GatewayClient):
    """A client each call of which is told."""

    def __init__(self, url: str, user: str, password: str, *, timeout_s: float, observer: Observer) -> None:
        super().__init__(url, user, password, timeout_s=timeout_s)
        self._observer = observer

    def reply(self, operation: Operation, request: Record | None = None) -> bytes:
        """The bytes of the reply, not yet looked at."""
        began, outcome = time.monotonic(), "interrupted"
        try:
            found = super().reply(operation, request)
            outcome = FAULT if b":Fault>" in found[:_LOOKED_AT] else ANSWERED
        except Problem as problem:
            outcome = problem.problem_code
            raise
        finally:
            self._observer.called(operation.name, outcome, time.monotonic() - began)
        return found
