"""Live mode: beside the interval, a cycle is due as soon as something changes on either side (NEW-07).

The gateway of each live integration is asked to be told (``live_line``); the CRM's own edits are found by the marks they leave on
links. Both only bring ``due_at`` forward: the dispatcher, the cycle and its rules are the same. Any number of these may run.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

import structlog

from syncengine.engine import Engine
from syncengine.service.live_base import Edited, LiveBase
from syncengine.service.live_line import PACE, Line, Pace, Wakes
from syncengine.service.loop import LONGEST_PAUSE_S, Loop, problem_of

LINES: Final = 250
"""Gateways listened to at once. Each costs a thread that sleeps, another that minds its time, and a connection."""
LOOK_S: Final = 0.5
MEMBERS_S: Final = 5.0
_CUT_AGAIN_S: Final = 0.05
_PATIENCE_S: Final = 5.0

_log = structlog.get_logger(__name__)


class LiveWatch:
    """``lines`` gateways are listened to at most; of further live integrations the edits of the CRM are found all the same."""

    def __init__(
        self,
        engine: Engine,
        *,
        lines: int = LINES,
        look_s: float = LOOK_S,
        members_s: float = MEMBERS_S,
        pace: Pace = PACE,
    ) -> None:
        self._base = LiveBase(engine)
        self._most, self._members_s, self._pace = lines, members_s, pace
        self._pool = ThreadPoolExecutor(lines + 1, thread_name_prefix="live")
        self._wakes: dict[int, Wakes] = {}
        self._lines: dict[int, tuple[Line, asyncio.Event, asyncio.Task[None]]] = {}
        self._counted_at: float | None = None
        self.loop = Loop("live", self._look, every_s=look_s)

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until the service stops; then no wait is left behind."""
        try:
            await self.loop.run(stop)
        finally:
            await self._end(list(self._lines))
            self._pool.shutdown(wait=False)

    async def _look(self) -> None:
        """Who is live, every few seconds; whose edits wait to be sent, every time."""
        now = time.monotonic()
        if self._counted_at is None or now - self._counted_at >= self._members_s:
            await self._adopt(await asyncio.to_thread(self._base.members))
            self._counted_at = now
        if not self._wakes:
            return
        for found in await asyncio.to_thread(self._base.edited, list(self._wakes)):
            wakes = self._wakes[found.integration_id]
            if not (wakes.in_vain or wakes.pause("crm", found.what, found.interval_s)):
                await asyncio.to_thread(self._send, found, wakes)

    def _send(self, found: Edited, wakes: Wakes) -> None:
        """Have a cycle made due that sends what the CRM has changed."""
        if self._base.is_to_send(found.integration_id):
            token = self._base.wake(found.integration_id)
            if token is not None:
                wakes.note("crm", found.what, token)

    async def _adopt(self, members: list[int]) -> None:
        """Listen for those that are live, as far as there are lines, and no more for those that are not."""
        gone = sorted(self._wakes.keys() - set(members))
        await self._end([number for number in gone if number in self._lines])
        for number in gone:
            del self._wakes[number]
            await asyncio.to_thread(self._base.tell, number, None)
        for number in members:
            wakes = self._wakes.setdefault(number, Wakes(self._pace))
            if number in self._lines:
                continue
            if len(self._lines) < self._most:
                line = Line(self._base, number, wakes, pace=self._pace)
                over = asyncio.Event()
                self._lines[number] = (line, over, asyncio.create_task(self._attend(line, over)))
            else:
                await asyncio.to_thread(self._base.tell, number, self._too_many(len(members)))

    def _too_many(self, members: int) -> str:
        return (
            f"Of {members} live integrations this service listens to {self._most} gateways at most: changes in the ERP come at the "
            "interval, those of the CRM at once."
        )

    async def _attend(self, line: Line, over: asyncio.Event) -> None:
        """Turn after turn, until it is over. A wait holds a thread of the pool, a pause none."""
        loop, told = asyncio.get_running_loop(), ""
        try:
            while not over.is_set():
                try:
                    pause = await loop.run_in_executor(self._pool, line.turn)
                    told = ""
                except Exception as error:  # noqa: BLE001 - the outermost loop of a line: it outlives whatever it is
                    pause, told = LONGEST_PAUSE_S, _complained(error, told)
                with suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), pause)
        finally:
            line.close()

    async def _end(self, numbers: list[int]) -> None:
        """End these lines, and the waits under way. One that cannot be cut, since it is still connecting, ends by itself."""
        ending = [self._lines.pop(number) for number in numbers]
        for _, over, _ in ending:
            over.set()
        left = {task for _, _, task in ending}
        until = time.monotonic() + _PATIENCE_S
        while left and time.monotonic() < until:
            for line, _, _ in ending:
                line.end()
            _, left = await asyncio.wait(left, timeout=_CUT_AGAIN_S)


def _complained(error: Exception, told: str) -> str:
    """Log what went wrong, unless it is what was told last; its code."""
    problem = problem_of(error)
    if problem.problem_code != told:
        _log.error("cannot_listen_on", code=problem.problem_code, reason=problem.message, remedy=problem.remedy)
    return problem.problem_code
