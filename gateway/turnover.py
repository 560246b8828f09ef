"""Turnover N and N-1 per tiers (CRM-48): posted and unposted invoices, credit notes taken off, summed in SQL.

Sales documents (`DO_Domaine` 0) of type 6 and 7; the sign is minus when `DO_Provenance` is 1 or 2; amounts count by their
absolute value; N is the fiscal year that holds today, N-1 the one before.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    distinct,
    func,
    literal,
    select,
    type_coerce,
)

from contracts.codec import writer
from contracts.fields import Record
from contracts.messages import EntitySet
from contracts.tables import TURNOVER
from gateway.ledger import DORMANT, OUT_OF_SCOPE, Found, chunked
from gateway.lists import FiscalYear
from gateway.mapping import KINDS
from gateway.probe import Probe
from gateway.reader import version_of
from gateway.sage import F_COMPTET, F_DOCENTETE, F_DOCLIGNE, Amount
from gateway.settings import Synchronise
from gateway.sidetables import GW_CHANGE

INVOICES = (6, 7)
RETURNS = (1, 2)
_TRAVELS = re.compile(r"[0-9A-Za-z]{1,17}")
CENT = Decimal("0.01")
NOTHING = "nothing"
"""The ledger's reason for a tiers without turnover that nobody was told of."""


@dataclass(frozen=True, kw_only=True)
class Years:
    """Fiscal year N and the one before, None where `P_DOSSIER` has none."""

    current: FiscalYear | None
    previous: FiscalYear | None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """The turnover of one tiers, before tax, in the company's currency, and how many invoices it has in all."""

    current: Decimal = Decimal("0.00")
    previous: Decimal = Decimal("0.00")
    invoices: int = 0


def years_at(years: Sequence[FiscalYear], today: dt.date) -> Years:
    """N and N-1 on that day; after the last year's end the last one stays N until the next is opened."""
    begun = [year for year in years if year.start <= today]
    current = begun[-1] if begun else None
    previous = begun[-2] if len(begun) > 1 else None
    return Years(current=current, previous=previous)


class TurnoverReader:
    """Sums the invoices of tiers by code."""

    entity = EntitySet.TURNOVER

    def __init__(self, probe: Probe, options: Synchronise, years: Years) -> None:
        self._served = probe.has(F_DOCENTETE.name, "DO_Tiers")
        self.by_lines = self._served and by_lines(probe)
        self._invoiced = invoiced(probe)
        self._dormant = probe.has(F_COMPTET.name, "CT_Sommeil")
        self._options = options
        self._years = years
        self._write = writer(TURNOVER)
        self._sums = self._sum_query()

    @property
    def served(self) -> bool:
        """Whether the base has documents at all."""
        return self._served

    def read(self, connection: Connection, keys: Sequence[str]) -> dict[str, Found]:
        """The turnover of these tiers, also of those without any; who does not take part has a reason instead."""
        found: dict[str, Found] = {}
        for piece in chunked(list(keys)):
            figures = self.figures(connection, piece)
            reasons = self._reasons(connection, piece)
            for key in piece:
                figure = figures.get(key, Figure())
                reason = reasons.get(key, OUT_OF_SCOPE)
                counts = (figure.invoices, 0, 0)
                found[key] = Found("", "", reason, counts) if reason else self._rendered(key, figure, counts)
        return found

    def figures(self, connection: Connection, keys: Sequence[str]) -> dict[str, Figure]:
        """The sums per tiers, for those with an invoice."""
        if not self._served:
            return {}
        rows = connection.execute(self._sums, {"keys": list(keys)})
        return {row[0]: Figure(current=_cents(row[1]), previous=_cents(row[2]), invoices=row[3]) for row in rows}

    def keys_after(self, connection: Connection, after: str, limit: int) -> list[str]:
        """The codes of the tiers that have told turnover, in the order of the database."""
        c = GW_CHANGE.c
        told = and_(c.entity == EntitySet.TURNOVER.value, c.reason == "", c.record_key > after)
        return list(connection.scalars(select(c.record_key).where(told).order_by(c.record_key).limit(limit)))

    def count_invoices(self, connection: Connection) -> int:
        """How many invoices the base holds."""
        return connection.scalar(select(func.count()).select_from(F_DOCENTETE).where(_is_invoice())) or 0

    def _rendered(self, key: str, figure: Figure, counts: tuple[int, int, int]) -> Found:
        xml = self._write(Record(TURNOVER, (key, figure.current, figure.previous)))
        return Found(version_of(xml), xml, "", counts)

    def _reasons(self, connection: Connection, keys: Sequence[str]) -> dict[str, str]:
        c = F_COMPTET.c
        sleeping: ColumnElement[Any] = c.CT_Sommeil if self._dormant else literal(0)
        query = select(c.CT_Num, c.CT_Type, sleeping).where(c.CT_Num.in_(keys))
        return {code: self._reason(code, kind, dormant) for code, kind, dormant in connection.execute(query)}

    def _reason(self, code: str, kind: int, dormant: int) -> str:
        # CRM-05; and a code against the rules (CRM-20) is told once, with the tiers itself.
        if kind not in KINDS or not _TRAVELS.fullmatch(code):
            return OUT_OF_SCOPE
        return DORMANT if dormant and not self._options.dormant else ""  # CRM-12

    def _sum_query(self) -> Select[Any]:
        c = F_DOCENTETE.c
        source, signed = self._invoiced
        return (
            select(
                c.DO_Tiers,
                _summed(signed, self._years.current),
                _summed(signed, self._years.previous),
                func.count(distinct(c.cbMarq)) if self.by_lines else func.count(),
            )
            .select_from(source)
            # Without the sum some planners would read every invoice of the base, by the key on type and number.
            .where(c.DO_Domaine == 0, (c.DO_Type + 0).in_(INVOICES), c.DO_Tiers.in_(bindparam("keys", expanding=True)))
            .group_by(c.DO_Tiers)
        )


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Where the amount of a document stands: on its header, or on its lines where older bases keep no total."""

    header: ColumnElement[Any]
    line: ColumnElement[Any]


BEFORE_TAX = Totals(header=F_DOCENTETE.c.DO_TotalHT, line=F_DOCLIGNE.c.DL_MontantHT)
WITH_TAX = Totals(header=F_DOCENTETE.c.DO_TotalTTC, line=F_DOCLIGNE.c.DL_MontantTTC)


def by_lines(probe: Probe, totals: Totals = BEFORE_TAX) -> bool:
    """Whether this base keeps no such total on its documents, so that their lines must be summed."""
    return not probe.has(F_DOCENTETE.name, totals.header.name)


def invoiced(probe: Probe, totals: Totals = BEFORE_TAX) -> tuple[FromClause, ColumnElement[Any]]:
    """Where turnover is summed from, and the amount that each row adds, a credit note's below zero."""
    c = F_DOCENTETE.c
    source: FromClause = F_DOCENTETE
    amount = totals.header
    if by_lines(probe, totals):
        same = and_(F_DOCLIGNE.c.DO_Type == c.DO_Type, F_DOCLIGNE.c.DO_Piece == c.DO_Piece)
        source, amount = F_DOCENTETE.join(F_DOCLIGNE, same), totals.line
    size = func.abs(amount, type_=Amount())
    if not probe.has(F_DOCENTETE.name, "DO_Provenance"):
        return source, size
    return source, case((c.DO_Provenance.in_(RETURNS), -size), else_=size)


def _is_invoice() -> ColumnElement[bool]:
    return and_(F_DOCENTETE.c.DO_Domaine == 0, F_DOCENTETE.c.DO_Type.in_(INVOICES))


def _summed(signed: ColumnElement[Any], year: FiscalYear | None) -> ColumnElement[Any]:
    if year is None:
        return literal(None)
    day = F_DOCENTETE.c.DO_Date
    inside = and_(day >= year.start, day < year.end + dt.timedelta(days=1))
    return type_coerce(func.sum(case((inside, signed))), Amount())


def _cents(total: Decimal | None) -> Decimal:
    return Decimal("0.00") if total is None else total.quantize(CENT) + 0


def is_zero(found: Found) -> bool:
    """Whether a turnover that was read is nothing in both years."""
    return found.xml.endswith(_ZERO)


_ZERO = "<CurrentYear>0.00</CurrentYear><PreviousYear>0.00</PreviousYear></Turnover>"
