"""Accounting entries of tiers as SQL: their day, their sense, and the years that count.

An entry's accounting date is `JM_Date` (the first of a month) + `EC_Jour` − 1; it is compared in its two parts, for adding days to
a date is another function on every database. Bases without the two keep it in `EC_Date`.

MOB-02 leaves entries dated after the system date out of business views. These are no business views: they show the ERP's own
figures, which count what is posted ahead too.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, case, extract, func, or_, type_coerce

from gateway.lists import FiscalYear
from gateway.refusals import NotServed
from gateway.sage import F_ECRITUREC, Amount
from gateway.views.look import Look

CREDIT = 1


class Postings:
    """The entries of one base. Raises NotServed without entries of tiers."""

    def __init__(self, look: Look) -> None:
        probe = look.company.probe
        if not is_kept(look):
            raise NotServed("this base has no accounting entries of tiers")
        self.table = probe.readable(F_ECRITUREC)
        c = self.table.c
        self._in_parts = "JM_Date" in c and "EC_Jour" in c
        self._month = c.JM_Date if self._in_parts else c.EC_Date
        self.signed = case((c.EC_Sens == CREDIT, -c.EC_Montant), else_=c.EC_Montant)
        self.is_credit = c.EC_Sens == CREDIT

    @property
    def days(self) -> list[ColumnElement[Any]]:
        """The columns that hold the accounting date, to sort by and to read it from."""
        return [self.table.c.JM_Date, self.table.c.EC_Jour] if self._in_parts else [self.table.c.EC_Date]

    def day_of(self, row: RowMapping) -> dt.date | None:
        """The accounting date of a row that holds `days`."""
        if not self._in_parts:
            return row["EC_Date"]  # type: ignore[no-any-return]
        month: dt.date | None = row["JM_Date"]
        return month and month + dt.timedelta(days=max(row["EC_Jour"] or 1, 1) - 1)

    def since(self, day: dt.date) -> ColumnElement[bool]:
        """The entries of that day and later ones."""
        if not self._in_parts:
            return self._month >= day
        first = day.replace(day=1)
        return or_(self._month > first, and_(self._month == first, self.table.c.EC_Jour >= day.day))

    def until(self, day: dt.date) -> ColumnElement[bool]:
        """The entries of that day and earlier ones."""
        if not self._in_parts:
            return self._month <= day
        first = day.replace(day=1)
        return or_(self._month < first, and_(self._month == first, self.table.c.EC_Jour <= day.day))

    def of(self, code: str, years: tuple[FiscalYear, ...]) -> ColumnElement[bool]:
        """The entries of a tiers in the open years: all of them where `P_DOSSIER` tells no years."""
        mine = self.table.c.CT_Num == code
        return and_(mine, self.since(years[0].start), self.until(years[-1].end)) if years else mine

    @property
    def month(self) -> tuple[ColumnElement[int], ColumnElement[int]]:
        """Year and month of the accounting date."""
        return extract("year", self._month), extract("month", self._month)

    @property
    def unlettered(self) -> ColumnElement[bool] | None:
        """Whether an entry is still open; None where this base does not tell."""
        c = self.table.c
        if "EC_Lettre" in c:
            return func.coalesce(c.EC_Lettre, 0) == 0
        return func.coalesce(c.EC_Lettrage, "") == "" if "EC_Lettrage" in c else None


def is_kept(look: Look) -> bool:
    """Whether this base has the entries of tiers, with their sense, amount and date."""
    probe = look.company.probe
    has = {name for name in F_ECRITUREC.c.keys() if probe.has(F_ECRITUREC.name, name)}  # noqa: SIM118
    return {"CT_Num", "EC_Sens", "EC_Montant"} <= has and ({"JM_Date", "EC_Jour"} <= has or "EC_Date" in has)


def total(amount: ColumnElement[Any]) -> ColumnElement[Any]:
    """The sum of an amount, with the ERP's six places; zero for no row."""
    return type_coerce(func.coalesce(func.sum(amount), 0), Amount())
