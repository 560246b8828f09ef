"""'Infos flash': the figures of many tiers at once, summed in SQL in the ERP database itself (CRM-59).

The rules are the gateway's: turnover is what was invoiced less credit notes, before tax (CRM-48); the order book what was
ordered and is not closed; the balance that of the entries of the open years, overdue what of it is neither lettered nor due later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    TableClause,
    and_,
    case,
    column,
    distinct,
    func,
    literal_column,
    or_,
    select,
    table,
)

from syncengine.rtdv.erp_base import columns_of
from syncengine.rtdv.fiscal_years import FiscalYear, as_day, open_years, years_at

CENT: Final = Decimal("0.01")
ZERO: Final = Decimal("0.00")
CHUNK: Final = 500
"""Tiers named in one statement; SQL Server takes some 2,000 parameters."""
_SALES, _ORDER, _INVOICES, _RETURNS, _CREDIT = 0, 1, (6, 7), (1, 2), 1
_EMPTY: Final = dt.datetime(1900, 1, 1)  # noqa: DTZ001 - the ERP keeps local times; this and 1753 mean none


@dataclass(frozen=True, kw_only=True)
class InfosFlash:
    """The figures of one tiers, in the currency of the ERP company; ``credit_limit`` None where this base keeps none."""

    turnover_current: Decimal = ZERO
    turnover_previous: Decimal = ZERO
    invoices: int = 0
    last_invoice_on: dt.date | None = None
    order_book: Decimal = ZERO
    orders: int = 0
    balance: Decimal = ZERO
    overdue: Decimal = ZERO
    credit_limit: Decimal | None = None


NOTHING: Final = InfosFlash()


def read(connection: Connection, today: dt.date, codes: Sequence[str] | None = None) -> dict[str, InfosFlash]:
    """The figures of these tiers, of all clients when none is named; three statements for each 500 of them."""
    years = open_years(connection)
    sums = (_Sales(connection, years, today), _Books(connection, years, today), _Credit(connection))
    found: dict[str, dict[str, Any]] = {}
    for piece in [None] if codes is None else _pieces(codes):
        for one in sums:
            for row in connection.execute(one.query(piece)).mappings():
                values = {name: _value(name, value) for name, value in row.items() if name != "code"}
                found.setdefault(row["code"], {}).update(values)
    return {code: InfosFlash(**values) for code, values in found.items()}


class _Sales:
    """Invoices of the two years, and open orders, by tiers."""

    def __init__(self, connection: Connection, years: tuple[FiscalYear, ...], today: dt.date) -> None:
        self._header = _table(connection, "F_DOCENTETE")
        c = self._header.c
        total = "DO_TotalHTNet" if "DO_TotalHT" not in c else "DO_TotalHT"
        self._source: FromClause = self._header
        if total in c:
            amount: ColumnElement[Any] = c[total]
        else:
            lines = _table(connection, "F_DOCLIGNE")
            same = and_(lines.c.DO_Type == c.DO_Type, lines.c.DO_Piece == c.DO_Piece)
            self._source, amount = self._header.join(lines, same), lines.c.DL_MontantHT
        size: ColumnElement[Any] = func.abs(amount)
        returned = c.DO_Provenance.in_(_RETURNS) if "DO_Provenance" in c else literal_column("1 = 0")
        self._signed = case((returned, -size), else_=size)
        self._amount = amount
        self._current, self._previous = years_at(years, today)

    def query(self, codes: Sequence[str] | None) -> Select[Any]:
        """The sums of these tiers."""
        c = self._header.c
        invoice = c.DO_Type.in_(_INVOICES)
        ordered = and_(c.DO_Type == _ORDER, c.DO_Cloture == 0) if "DO_Cloture" in c else c.DO_Type == _ORDER
        return (
            select(
                c.DO_Tiers.label("code"),
                _sum(and_(invoice, _inside(c.DO_Date, self._current)), self._signed).label("turnover_current"),
                _sum(and_(invoice, _inside(c.DO_Date, self._previous)), self._signed).label("turnover_previous"),
                func.count(distinct(case((invoice, c.cbMarq)))).label("invoices"),
                func.max(case((invoice, c.DO_Date))).label("last_invoice_on"),
                _sum(ordered, self._amount).label("order_book"),
                func.count(distinct(case((ordered, c.cbMarq)))).label("orders"),
            )
            .select_from(self._source)
            .where(c.DO_Domaine == _SALES, (c.DO_Type + 0).in_([_ORDER, *_INVOICES]), *_named(c.DO_Tiers, codes))
            .group_by(c.DO_Tiers)
        )


class _Books:
    """Entries of the open years, by tiers."""

    def __init__(self, connection: Connection, years: tuple[FiscalYear, ...], today: dt.date) -> None:
        self._table = _table(connection, "F_ECRITUREC")
        self._years, self._today = years, today

    def query(self, codes: Sequence[str] | None) -> Select[Any]:
        """The sums of these tiers."""
        c = self._table.c
        signed = case((c.EC_Sens == _CREDIT, -c.EC_Montant), else_=c.EC_Montant)
        unlettered = func.coalesce(c.EC_Lettre, 0) == 0
        undated = or_(c.EC_Echeance.is_(None), c.EC_Echeance <= _EMPTY)
        late = or_(and_(~undated, c.EC_Echeance < _midnight(self._today)), and_(undated, self._before(self._today)))
        open_ = [self._since(self._years[0].start), self._before(self._years[-1].end + _DAY)] if self._years else []
        return (
            select(
                c.CT_Num.label("code"),
                func.sum(signed).label("balance"),
                _sum(and_(unlettered, late), signed).label("overdue"),
            )
            .where(c.CT_Num != "", *open_, *_named(c.CT_Num, codes))
            .group_by(c.CT_Num)
        )

    def _since(self, day: dt.date) -> ColumnElement[bool]:
        c, first = self._table.c, _midnight(day.replace(day=1))
        return or_(c.JM_Date > first, and_(c.JM_Date == first, c.EC_Jour >= day.day))

    def _before(self, day: dt.date) -> ColumnElement[bool]:
        c, first = self._table.c, _midnight(day.replace(day=1))
        return or_(c.JM_Date < first, and_(c.JM_Date == first, c.EC_Jour < day.day))


class _Credit:
    """What stands on the clients themselves."""

    def __init__(self, connection: Connection) -> None:
        self._table = _table(connection, "F_COMPTET")

    def query(self, codes: Sequence[str] | None) -> Select[Any]:
        """The clients among these tiers."""
        c = self._table.c
        limit = c.CT_Encours if "CT_Encours" in c else literal_column("NULL")
        return select(c.CT_Num.label("code"), limit.label("credit_limit")).where(
            c.CT_Type == 0, *_named(c.CT_Num, codes)
        )


_DAY: Final = dt.timedelta(days=1)


def _table(connection: Connection, name: str) -> TableClause:
    return table(name, *map(column, sorted(columns_of(connection, name))))


def _named(code: ColumnElement[Any], codes: Sequence[str] | None) -> Iterator[ColumnElement[bool]]:
    if codes is not None:
        yield code.in_(codes)


def _inside(day: ColumnElement[Any], year: FiscalYear | None) -> ColumnElement[bool]:
    if year is None:
        return literal_column("1 = 0")
    return and_(day >= _midnight(year.start), day < _midnight(year.end + _DAY))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the ERP keeps local times


def _sum(condition: ColumnElement[bool], amount: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.sum(case((condition, amount), else_=0))


def _pieces(codes: Sequence[str]) -> Iterator[list[str]]:
    wanted = list(dict.fromkeys(codes))
    yield from (wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK))


def _value(name: str, value: Any) -> Any:
    if name == "last_invoice_on":
        return as_day(value)
    if name in {"invoices", "orders"}:
        return int(value)
    return None if value is None else Decimal(str(value)).quantize(CENT) + 0
