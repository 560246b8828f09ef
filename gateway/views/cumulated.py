"""The tab Cumuls: debit, credit, balance and turnover, before tax and with it, of one tiers in each month (CRM-54)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TypeAlias

from sqlalchemy import case, extract, select

from contracts.fields import ABSENT, Record, Value
from contracts.messages import VIEW_CUMULATED_FIGURES
from contracts.views import CUMULATED
from gateway.lists import FiscalYear
from gateway.sage import F_DOCENTETE, F_DOCLIGNE
from gateway.turnover import BEFORE_TAX, INVOICES, WITH_TAX, Totals, by_lines, invoiced
from gateway.views.look import Look
from gateway.views.postings import Postings, is_kept, total

Month: TypeAlias = tuple[int, int]
_ZERO = Decimal("0.000000")
_DECEMBER = 12


def view_cumulated_figures(look: Look, request: Record) -> Record:
    """Every month of the open years, also those with nothing in them; without fiscal years, none. Raises UnknownTiers."""
    code = look.tiers(request)["CT_Num"]
    posted = _posted(look, code)
    turnover = {"turnover": _turnover(look, code, BEFORE_TAX), "turnover_with_tax": _turnover(look, code, WITH_TAX)}
    figures = [_figure(month, posted, turnover) for month in months(look.company.fiscal_years)]
    return VIEW_CUMULATED_FIGURES.response.record(figures=figures)


def months(years: tuple[FiscalYear, ...]) -> Iterator[Month]:
    """The calendar months of these years, oldest first, each once."""
    told: Month = (0, 0)
    for year in years:
        month, last = (year.start.year, year.start.month), (year.end.year, year.end.month)
        while month <= last:
            if month > told:
                yield month
                told = month
            month = _next(month)


def _next(month: Month) -> Month:
    return (month[0] + 1, 1) if month[1] == _DECEMBER else (month[0], month[1] + 1)


def _posted(look: Look, code: str) -> Mapping[Month, tuple[Decimal, Decimal]] | None:
    """Debit and credit by month; None where the base has no entries of tiers."""
    if not is_kept(look):
        return None
    postings = Postings(look)
    amount = postings.table.c.EC_Montant
    debit, credit = case((postings.is_credit, 0), else_=amount), case((postings.is_credit, amount), else_=0)
    query = (
        select(*postings.month, total(debit), total(credit))
        .where(postings.of(code, look.company.fiscal_years))
        .group_by(*postings.month)
    )
    return {(int(year), int(month)): (plus, minus) for year, month, plus, minus in look.connection.execute(query)}


def _turnover(look: Look, code: str, totals: Totals) -> Mapping[Month, Decimal] | None:
    """Turnover by month of the invoice, as CRM-48 counts it; None where the base has no documents, or not that amount."""
    probe, c = look.company.probe, F_DOCENTETE.c
    if not probe.has(F_DOCENTETE.name, "DO_Tiers"):
        return None
    if by_lines(probe, totals) and not probe.has(F_DOCLIGNE.name, totals.line.name):
        return None
    source, signed = invoiced(probe, totals)
    month = (extract("year", c.DO_Date), extract("month", c.DO_Date))
    query = (
        select(*month, total(signed))
        .select_from(source)
        .where(c.DO_Domaine == 0, (c.DO_Type + 0).in_(INVOICES), c.DO_Tiers == code)
        .group_by(*month)
    )
    found: dict[Month, Decimal] = defaultdict(lambda: _ZERO)
    found.update({(int(year), int(number)): sum_ for year, number, sum_ in look.connection.execute(query)})
    return found


def _figure(
    month: Month,
    posted: Mapping[Month, tuple[Decimal, Decimal]] | None,
    turnover: Mapping[str, Mapping[Month, Decimal] | None],
) -> Record:
    start = dt.date(*month, 1)
    values: dict[str, Value] = {
        "period_start": start,
        "period_end": dt.date(*_next(month), 1) - dt.timedelta(days=1),
    }
    values |= {name: ABSENT if found is None else found[month] for name, found in turnover.items()}
    if posted is not None:
        debit, credit = posted.get(month, (_ZERO, _ZERO))
        values |= {"debit": debit, "credit": credit, "balance": debit - credit}
    return CUMULATED.record(**values)
