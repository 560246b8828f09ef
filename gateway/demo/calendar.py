"""The days and moments a demonstration base is made of, spelled as its database wants them."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass

from sqlalchemy import Dialect

from gateway.sage import EMPTY_DATE

FISCAL_YEARS_SHOWN = 3
MOMENTS = 20_000
DUE_DAYS = 120
OLDEST_SECONDS = 3 * 365 * 86400


@dataclass(frozen=True, slots=True)
class Day:
    """A day as document date, with the month and day number accounting keeps beside it."""

    stamp: str
    month: str
    number: int


class Calendar:
    """Three fiscal years up to the day before `at`, and the days after it on which something falls due.

    `moments` are past times of writing, spread over the same three years, the last of them hours before `at`.
    """

    def __init__(self, at: dt.datetime, dialect: Dialect, rng: random.Random) -> None:
        # SQLite compares dates as texts, so they must be spelled as SQLAlchemy does; ISO is safe elsewhere.
        self._separator, self._end = (" ", ".000000") if dialect.name == "sqlite" else ("T", "")
        self.at = at
        self.years = tuple(range(at.year - FISCAL_YEARS_SHOWN + 1, at.year + 1))
        first = dt.datetime(self.years[0], 1, 1)  # noqa: DTZ001
        self.past = max((at - first).days, 1)
        self.days = tuple(self._day(first + dt.timedelta(days=n)) for n in range(self.past + DUE_DAYS))
        self.empty = self.spell(EMPTY_DATE)
        self.moments = tuple(self._moment(rng) for _ in range(MOMENTS))

    def spell(self, moment: dt.datetime) -> str:
        """The moment as a literal of this database."""
        return moment.isoformat(self._separator, "seconds") + self._end

    def _day(self, day: dt.datetime) -> Day:
        return Day(self.spell(day), self.spell(day.replace(day=1)), day.day)

    def _moment(self, rng: random.Random) -> str:
        return self.spell(self.at - dt.timedelta(seconds=int(OLDEST_SECONDS * rng.random()) + 1))
