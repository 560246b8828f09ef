"""The fiscal years of an ERP company, read in SQL: which are open, which is N and which N-1."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, column, select, table

from syncengine.rtdv.erp_base import columns_of

_SLOTS: Final = 5
_FIRST_REAL: Final = dt.date(1900, 1, 2)  # 1753-01-01 and 1900-01-01 mean none


@dataclass(frozen=True, kw_only=True)
class FiscalYear:
    """A fiscal year, both days included."""

    start: dt.date
    end: dt.date


def open_years(connection: Connection) -> tuple[FiscalYear, ...]:
    """The fiscal years of ``P_DOSSIER``, oldest first; slots without dates are unused."""
    names = [f"D_{end}Exo{year:02}" for year in range(1, _SLOTS + 1) for end in ("Debut", "Fin")]
    present = columns_of(connection, "P_DOSSIER")
    if not present.issuperset(names):
        return ()
    query: Select[*tuple[Any, ...]] = select(*map(column, names)).select_from(table("P_DOSSIER"))
    row = connection.execute(query).first()
    days = [] if row is None else [as_day(value) for value in row]
    pairs = zip(days[::2], days[1::2], strict=True)
    return tuple(FiscalYear(start=start, end=end) for start, end in sorted((s, e) for s, e in pairs if s and e))


def years_at(years: tuple[FiscalYear, ...], today: dt.date) -> tuple[FiscalYear | None, FiscalYear | None]:
    """N and N-1 on that day; after the last year's end the last one stays N until the next is opened."""
    begun = [year for year in years if year.start <= today]
    return begun[-1] if begun else None, begun[-2] if len(begun) > 1 else None


def as_day(value: Any) -> dt.date | None:
    """A date of the ERP, None for its empty ones; SQLite keeps dates as texts."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    day = value.date() if isinstance(value, dt.datetime) else value
    return None if day is None or day < _FIRST_REAL else day
