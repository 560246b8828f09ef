"""How values are written for people: instants in Europe/Paris, amounts, durations and schedules in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from babel import dates, numbers

from api.console.language import N_, Words, words

ZONE: Final = ZoneInfo("Europe/Paris")
EMPTY: Final = "—"
_UNITS: Final = ((86_400, N_("%(n)s d")), (3_600, N_("%(n)s h")), (60, N_("%(n)s min")), (1, N_("%(n)s s")))
_SIZES: Final = ((1_000_000_000, N_("%(n)s GB")), (1_000_000, N_("%(n)s MB")), (1_000, N_("%(n)s kB")))


@dataclass(frozen=True)
class Formats:
    """Writes values in a language; None is a dash."""

    language: str

    @property
    def _(self) -> Words:
        return words(self.language)

    def moment(self, at: datetime | None) -> str:
        """Date and time to the second: 21 novembre 2026 à 09:30:00."""
        if at is None:
            return EMPTY
        here = at.astimezone(ZONE)
        return self._("%(day)s at %(time)s", day=self.day(here, "long"), time=f"{here:%H:%M:%S}")

    def when(self, at: datetime | None, now: datetime | None = None) -> str:
        """Date and time to the minute, as short as it can be: 09:30 today, 20 nov. 09:30 this year, else with the year."""
        if at is None:
            return EMPTY
        here, today = at.astimezone(ZONE), (now or datetime.now(UTC)).astimezone(ZONE)
        if here.date() == today.date():
            return f"{here:%H:%M}"
        pattern = "d MMM" if here.year == today.year else "d MMM y"
        return f"{dates.format_date(here, pattern, locale=self.language)} {here:%H:%M}"

    def day(self, at: datetime | date | None, style: str = "medium") -> str:
        """The day alone."""
        if at is None:
            return EMPTY
        where = at.astimezone(ZONE).date() if isinstance(at, datetime) else at
        return str(dates.format_date(where, style, locale=self.language))

    def ago(self, at: datetime | None, now: datetime) -> str:
        """How long ago, or in how long: il y a 12 min, dans 3 h."""
        if at is None:
            return EMPTY
        span = now - at
        if abs(span) < timedelta(seconds=10):
            return self._("just now")
        words = self.span(abs(span), units=1)
        return self._("%(span)s ago", span=words) if span > timedelta() else self._("in %(span)s", span=words)

    def span(self, length: timedelta | float | None, units: int = 2) -> str:
        """A duration in its two largest units: 2 j 3 h, 4 min 20 s, 0,4 s."""
        if length is None:
            return EMPTY
        exact = length.total_seconds() if isinstance(length, timedelta) else length
        if exact < 10 and units > 1:
            return self._(_UNITS[-1][1], n=self.number(Decimal(exact).quantize(Decimal("0.1"))))
        seconds = round(exact)
        for place, (size, unit) in enumerate(_UNITS):
            if seconds >= size or size == 1:
                count, rest = divmod(seconds, size)
                text = self._(unit, n=count)
                if units > 1 and rest and place + 1 < len(_UNITS) and (next_count := rest // _UNITS[place + 1][0]):
                    text = f"{text} {self._(_UNITS[place + 1][1], n=next_count)}"
                return text
        return EMPTY

    def number(self, value: Decimal | float | None) -> str:
        """1 234 567."""
        return EMPTY if value is None else str(numbers.format_decimal(value, locale=self.language))

    def percent(self, value: Decimal | float | None) -> str:
        """Of a number of per cent: 99,98 %."""
        if value is None:
            return EMPTY
        return str(numbers.format_percent(Decimal(value) / 100, "#,##0.## %", locale=self.language))

    def amount(self, value: Decimal | None, currency: str | None = "EUR") -> str:
        """1 234 567,50 €."""
        if value is None:
            return EMPTY
        return str(numbers.format_currency(value, currency or "EUR", locale=self.language))

    def size(self, count: int | None) -> str:
        """A number of bytes: 12 ko."""
        if count is None:
            return EMPTY
        for unit, word in _SIZES:
            if count >= unit:
                return self._(word, n=numbers.format_decimal(round(count / unit, 1), locale=self.language))
        return self._("%(n)s bytes", n=count)

    def yes(self, value: object) -> str:
        """Oui, non."""
        return self._("Yes") if value else self._("No")

    def clock(self, at: time | None) -> str:
        """A time of day: 02:00."""
        return EMPTY if at is None else f"{at:%H:%M}"

    def schedule(self, interval_min: int, daily_at: time | None, *, live: bool = False) -> str:
        """When cycles run, in words: toutes les 60 minutes, resynchronisation complète chaque jour à 02:00."""
        text = self._every(interval_min)
        if live:
            text = self._("at once when something changes, and %(every)s", every=text)
        if daily_at is not None:
            text = self._(
                "%(text)s, full resynchronisation every day at %(time)s", text=text, time=self.clock(daily_at)
            )
        return text

    def _every(self, minutes: int) -> str:
        if minutes % 1_440 == 0:
            days = minutes // 1_440
            return self._("once a day") if days == 1 else self._("every %(n)s days", n=days)
        if minutes % 60 == 0 and minutes > 60:
            return self._("every %(n)s hours", n=minutes // 60)
        return self._("every %(n)s minutes", n=minutes)
