"""Loop: a step of the service that is made again and again; what goes wrong is told once and tried again later and later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import psycopg
import structlog

from contracts.errors import Problem
from syncengine.errors import Unforeseen
from syncengine.storage.database_errors import database_problem

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0
_SETTLED_S: Final = 1.0  # a step that has worked for so long has begun well

_log = structlog.get_logger(__name__)


class Loop:
    """One of the things that a service does beside each other, ``every_s`` seconds after its last end."""

    def __init__(self, name: str, step: Callable[[], Awaitable[object]], *, every_s: float) -> None:
        self.name = name
        self._step, self._every_s = step, every_s
        self._failures = 0
        self._well_at: float | None = None
        self._working = False
        self.problem: Problem | None = None

    def is_well(self, *, within_s: float) -> bool:
        """Whether the last step succeeded not longer ago than that, or the one under way has begun well."""
        if self.problem is not None or self._well_at is None:
            return False
        return self._working or time.monotonic() - self._well_at <= within_s

    async def run(self, stop: asyncio.Event) -> None:
        """Make the step until the service stops."""
        while not stop.is_set():
            pause = self._every_s
            try:
                await self._made()
            except Exception as error:  # noqa: BLE001 - the outermost loop: the service outlives whatever it is
                pause = self._fail(error)
            else:
                self._succeed()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def _made(self) -> None:
        step = asyncio.ensure_future(self._step())
        try:
            await asyncio.wait({step}, timeout=_SETTLED_S)
            if not step.done():
                # Such as the queue's: it works until the service stops or the base is gone.
                self._working = True
                self._succeed()
            await step
        finally:
            self._working = False
            step.cancel()

    def _succeed(self) -> None:
        if self.problem is not None:
            _log.info("goes_on", loop=self.name, after=self._failures)
        self.problem, self._failures, self._well_at = None, 0, time.monotonic()

    def _fail(self, error: Exception) -> float:
        problem = problem_of(error)
        if self.problem is None or self.problem.problem_code != problem.problem_code:
            told = {"code": problem.problem_code, "reason": problem.message, "remedy": problem.remedy}
            _log.error("cannot_go_on", loop=self.name, **told)
        self.problem = problem
        self._failures += 1
        return max(self._every_s, min(FIRST_PAUSE_S * 2.0 ** (self._failures - 1), LONGEST_PAUSE_S))


def problem_of(error: Exception) -> Problem:
    """Any error as a problem with a code; never with values, which may be people's data."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, psycopg.Error):
        return database_problem(error)
    return Unforeseen(f"{type(error).__name__} at {_place(error)}")


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "nowhere" if trace is None else f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
