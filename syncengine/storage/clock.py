"""The time that everybody who shares a base agrees on: leases and schedules of several hosts need one clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from contracts.errors import Problem

MEASURED_EVERY_S: Final = 60.0
_JUMP_S: Final = 1.0  # the system's clock was set, or the machine slept: what was measured before says nothing any more
_NOTEWORTHY: Final = timedelta(seconds=5)

_log = structlog.get_logger(__name__)


def local_time() -> datetime:
    """The present instant by this machine's clock, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """How far the base's clock was ahead of this machine's, and when that was."""

    ahead: timedelta
    wall: float
    monotonic: float

    def still_holds(self) -> bool:
        """Whether it was lately, and this machine's clock has gone evenly since."""
        age = time.monotonic() - self.monotonic
        return age < MEASURED_EVERY_S and abs(time.time() - self.wall - age) < _JUMP_S


class BaseClock:
    """The base's clock, asked once a minute and reckoned by this machine's in between.

    ``ask`` answers the base's present instant; it must not need a connection that the caller may hold the last one of. ``local``
    is this machine's clock, wrong as it may be.
    """

    def __init__(self, ask: Callable[[], datetime], *, local: Callable[[], datetime] = local_time) -> None:
        self._ask, self._local = ask, local
        self._asking = threading.Lock()
        self._last: _Measured | None = None

    def __call__(self) -> datetime:
        """The present instant, aware UTC. While the base does not answer, what was measured last goes on."""
        last = self._last
        # One measures; the others go on with the last measure, if there is one.
        if (last is None or not last.still_holds()) and self._asking.acquire(blocking=last is None):
            try:
                self._last = last = self._measured(self._last)
            finally:
                self._asking.release()
        return self._local() + (last.ahead if last else timedelta())

    def _measured(self, before: _Measured | None) -> _Measured:
        if before is not None and before.still_holds():
            return before
        began = time.monotonic()
        try:
            told = self._ask()
        except Problem:
            ahead = before.ahead if before else timedelta()
        else:
            # The answer was true about half-way through the question.
            ahead = told - self._local() + timedelta(seconds=(time.monotonic() - began) / 2)
            _tell(ahead, before)
        return _Measured(ahead=ahead, wall=time.time(), monotonic=time.monotonic())


def _tell(ahead: timedelta, before: _Measured | None) -> None:
    known = before.ahead if before else timedelta()
    if abs(ahead - known) > _NOTEWORTHY:
        _log.warning(
            "clocks_differ", seconds=round(ahead.total_seconds(), 1), remedy="Set this machine's clock by NTP."
        )
