"""When the cycles of an integration are due (CRM-07, CRM-09). Pure: no clock and no base; instants are aware, in UTC.

::

    success            the interval after its end
    failure, passing   1, 2, 4 … minutes after it and a little more, never beyond the interval
    failure, lasting   the interval after it: somebody has to act
    daily totality     never later than the next one
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

SPREAD: Final = timedelta(minutes=30)
"""A thousand integrations with the same time of day begin within this much."""
SPREAD_FACTOR: Final = 7919
"""Has no divisor in common with the seconds of the spread: neighbouring numbers lie far apart, all seconds are used."""
FIRST_BACK_OFF: Final = timedelta(minutes=1)
_DOUBLINGS_MAX: Final = 16  # far beyond the longest interval
_AROUND: Final = tuple(timedelta(days=days) for days in range(-2, 3))
_LATEST: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Daily:
    """A time of day in a zone, later by ``spread``: once a day, also on those of 23 and 25 hours.

    A time that the clocks leap over is told by the clock of before, one that they show twice is the first of the two.
    """

    at: time
    zone: str
    spread: timedelta = timedelta()

    def last(self, at: datetime) -> datetime:
        """The latest occurrence that is not after an instant."""
        return max(moment for moment in self._near(at) if moment <= at)

    def next(self, after: datetime) -> datetime:
        """The first occurrence after an instant."""
        return min(moment for moment in self._near(after) if moment > after)

    def _near(self, at: datetime) -> Iterator[datetime]:
        zone = ZoneInfo(self.zone)
        day = at.astimezone(zone).date()
        for shift in _AROUND:
            yield (
                datetime.combine(day + shift, self.at.replace(tzinfo=None, fold=0), tzinfo=zone).astimezone(UTC)
                + self.spread
            )


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """What an integration, by its number, wants: a cycle at each interval, and at a time of day the totality."""

    number: int
    interval: timedelta
    daily: Daily | None = None

    def totality_due(self, at: datetime, *, resynced: datetime) -> bool:
        """Whether a cycle that starts now is to be the daily totality: none has ended since the last time of day (CRM-09)."""
        if self.daily is None:
            return False
        # An instant far ahead was written by a clock that has been set back since.
        return resynced < self.daily.last(at) or resynced > at + _LATEST

    def after_success(self, ended: datetime, *, resynced: datetime) -> datetime:
        """When the next cycle is due after one that dealt with everything."""
        if self.totality_due(ended, resynced=resynced):
            return ended
        return self._not_beyond_daily(ended + self.interval, ended)

    def after_failure(self, ended: datetime, *, failures: int, passing: bool) -> datetime:
        """When the next cycle is due after as many in a row that could not finish; ``passing``: nobody has to act."""
        pause = self.back_off(failures) if passing else self.interval
        return self._not_beyond_daily(ended + pause, ended)

    def back_off(self, failures: int) -> timedelta:
        """1, 2, 4 … minutes and up to half as much again, by integration: those that failed together do not return together."""
        pause = FIRST_BACK_OFF * (1 << min(failures - 1, _DOUBLINGS_MAX))
        return min(pause + pause * _fraction(self.number, failures) / 2, self.interval)

    def _not_beyond_daily(self, due: datetime, ended: datetime) -> datetime:
        return due if self.daily is None else min(due, self.daily.next(ended))


def spread(number: int) -> timedelta:
    """How much later than the time of day an integration begins, by its number; the first one is on time."""
    return timedelta(seconds=(number - 1) * SPREAD_FACTOR % int(SPREAD.total_seconds()))


@cache
def zones() -> frozenset[str]:
    """The names of the time zones known here, those of the IANA."""
    return frozenset(available_timezones())


def _fraction(number: int, failures: int) -> float:
    """Anything from 0 to 1, the same for the same."""
    digest = blake2b(f"{number} {failures}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 2**32
