"""Charts as values: what is drawn, and the same figures in words for the table beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from api.console.formats import Formats
from api.console.language import Words, words
from syncengine.desk.week import Day
from syncengine.model import Side


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of figures; ``tone`` is first, second, third, ok, warn or bad; ``write`` puts a figure into words."""

    name: str
    values: Sequence[float | None]
    write: Callable[[Any], str]
    tone: str = "first"

    def said(self, place: int) -> str:
        """A figure in words."""
        return self.write(self.values[place])


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart: ``labels`` along ``axis``; a click on one leads to its address in ``hrefs``, ``href`` to the whole list."""

    title: str
    axis: str
    labels: Sequence[str]
    lines: Sequence[Line]
    kind: str = "bar"
    note: str = ""
    unit: str = ""
    stacked: bool = False
    whole: bool = True
    href: str = ""
    hrefs: Sequence[str] = ()

    def data(self) -> dict[str, Any]:
        """What the browser draws."""
        lines = [
            {
                "name": line.name,
                "values": list(line.values),
                "tone": line.tone,
                "said": [line.said(place) for place in range(len(self.labels))],
            }
            for line in self.lines
        ]
        plain = {name: getattr(self, name) for name in ("kind", "unit", "stacked", "whole")}
        return {**plain, "labels": list(self.labels), "hrefs": list(self.hrefs), "lines": lines}


@dataclass(frozen=True, kw_only=True)
class Week:
    """The four charts of the last days; ``cycles`` and ``errors`` are the lists they lead to, '' for none."""

    days: Sequence[Day]
    language: str
    cycles: str = ""
    errors: str = ""

    @property
    def _(self) -> Words:
        return words(self.language)

    @property
    def formats(self) -> Formats:
        """How the figures are written."""
        return Formats(self.language)

    def charts(self) -> list[Chart]:
        """Volume, duration, delay, errors."""
        return [self._volume(), self._duration(), self._lag(), self._refused()]

    def _volume(self) -> Chart:
        number = self.formats.number
        return self._chart(
            title=self._("Tiers dealt with"),
            note=self._("per day and direction"),
            stacked=True,
            lines=[
                Line(name=self._("Sage 100 → CRM"), values=[day.from_erp for day in self.days], write=number),
                Line(
                    name=self._("CRM → Sage 100"),
                    values=[day.to_erp for day in self.days],
                    write=number,
                    tone="second",
                ),
            ],
        )

    def _duration(self) -> Chart:
        span = self.formats.span
        return self._chart(
            title=self._("Duration of the cycles"),
            note=self._("from their beginning to their end"),
            kind="line",
            unit=" s",
            whole=False,
            lines=[
                Line(
                    name=self._("Half of them at most"), values=_rounded(d.duration_p50 for d in self.days), write=span
                ),
                Line(
                    name=self._("The longest"),
                    values=_rounded(d.duration_max for d in self.days),
                    write=span,
                    tone="third",
                ),
            ],
        )

    def _lag(self) -> Chart:
        span = self.formats.span
        return self._chart(
            title=self._("Time to reach Sage 100"),
            note=self._("from a change in the CRM until Sage 100 has it"),
            kind="line",
            unit=" s",
            whole=False,
            lines=[
                Line(name=self._("Half of them at most"), values=_rounded(d.lag_p50 for d in self.days), write=span),
                Line(
                    name=self._("95 % at most"), values=_rounded(d.lag_p95 for d in self.days), write=span, tone="third"
                ),
            ],
        )

    def _refused(self) -> Chart:
        number = self.formats.number
        lines = [
            Line(
                name=self._("Refused by Sage 100"),
                values=[day.refused[Side.ERP] for day in self.days],
                write=number,
                tone="bad",
            ),
            Line(
                name=self._("Refused by the CRM"),
                values=[day.refused[Side.CRM] for day in self.days],
                write=number,
                tone="warn",
            ),
            Line(
                name=self._("Cycles that failed"),
                values=[day.failed for day in self.days],
                write=number,
                tone="third",
            ),
        ]
        note = self._("records refused for the first time, and cycles that could not finish")
        return self._chart(title=self._("Errors"), note=note, lines=lines, to=self.errors)

    def _chart(self, *, to: str | None = None, **given: Any) -> Chart:
        href = self.cycles if to is None else to
        return Chart(
            axis=self._("Day"),
            labels=[self.formats.day(day.day, "short")[:5] for day in self.days],
            href=href,
            hrefs=[f"{href}?day={day.day.isoformat()}" for day in self.days] if href else (),
            **given,
        )


def _rounded(values: Any) -> list[float | None]:
    return [None if value is None else round(value, 2) for value in values]
