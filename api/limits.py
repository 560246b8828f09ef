"""How often one may ask: per caller, per address for strangers, and few times for guessing passwords. Counted per process."""

from __future__ import annotations

import math
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from api.problems import ApiProblem
from syncengine.settings import EngineSettings

STRANGERS: Final = 10
"""What those who are not signed in may ask, in parts of what a caller may."""


class Limits:
    """The counters of this process."""

    def __init__(self, settings: EngineSettings) -> None:
        self._counter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._callers = RateLimitItemPerMinute(settings.requests_per_minute, namespace="caller")
        self._strangers = RateLimitItemPerMinute(
            max(1, settings.requests_per_minute // STRANGERS), namespace="stranger"
        )
        self._sign_ins = RateLimitItemPerMinute(settings.sign_ins_per_minute, namespace="sign-in")

    def caller(self, name: str) -> None:
        """One more request of somebody known. Raises ApiProblem (too_many_requests)."""
        self._hit(self._callers, name)

    def stranger(self, address: str) -> None:
        """One more request that came with no identity, or a wrong one. Raises ApiProblem (too_many_requests)."""
        self._hit(self._strangers, address)

    def sign_in(self, address: str) -> None:
        """One more attempt to sign in from there. Raises ApiProblem (too_many_requests)."""
        self._hit(self._sign_ins, address)

    def _hit(self, item: RateLimitItemPerMinute, key: str) -> None:
        if not self._counter.hit(item, key):
            until = self._counter.get_window_stats(item, key).reset_time
            seconds = max(1, math.ceil(until - time.time()))
            raise ApiProblem("too_many_requests", headers={"Retry-After": str(seconds)})
