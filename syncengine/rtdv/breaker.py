"""Circuit breaker: after some failures in a row nobody waits for an ERP that does not answer; one try now and then finds out."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Final

FAILURES: Final = 3
"""Failures in a row that open it."""
PAUSE_S: Final = 10.0
"""How long it stays open before one call is let through."""


class Breaker:
    """Of one ERP; safe to share between threads.

    ::

        closed ── FAILURES in a row ──► open ── PAUSE_S ──► half-open ── the one call succeeds ──► closed
                                         ▲                      └───────── or fails ──► open
    """

    def __init__(
        self, *, failures: int = FAILURES, pause_s: float = PAUSE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures, self._pause_s, self._clock = failures, pause_s, clock
        self._lock = Lock()
        self._count = 0
        self._next_try: float | None = None
        self.since: datetime | None = None
        """The first failure in the present row."""

    def admits(self) -> bool:
        """Whether a call may be made; who is told so while it is open is the one that tries, and has to tell the end."""
        with self._lock:
            if self._next_try is None:
                return True
            if self._clock() < self._next_try:
                return False
            # The next one comes only after another pause, should this one never come back.
            self._next_try = self._clock() + self._pause_s
            return True

    def succeeded(self) -> None:
        """A call was answered, whatever with."""
        with self._lock:
            self._count, self._next_try, self.since = 0, None, None

    def failed(self, at: datetime) -> datetime:
        """A call was not; since when that is so."""
        with self._lock:
            self._count += 1
            self.since = self.since or at
            if self._count >= self._failures:
                self._next_try = self._clock() + self._pause_s
            return self.since

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, but for the one that tries."""
        return self._next_try is not None
