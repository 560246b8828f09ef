"""The tab Écritures: accounting entries of one tiers (CRM-54)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select

from contracts.fields import ABSENT, Record, Value
from contracts.messages import VIEW_ENTRIES
from contracts.views import ENTRY
from gateway.views.filters import span
from gateway.views.look import Look, present, told
from gateway.views.paging import Key, Order, page
from gateway.views.postings import CREDIT, Postings

_SORTED = ("Journal", "Piece", "DueDate")
_COMPUTED = frozenset({"date", "debit", "credit", "payment_method"})
_LISTED = ("N_Reglement", "EC_Sens", "EC_Montant")


def view_entries(look: Look, request: Record) -> Record:
    """A page of entries, newest first unless sorted otherwise. Raises UnknownTiers, InvalidRequest."""
    tiers = look.tiers(request)
    postings = Postings(look)
    query = select(*_columns(postings)).where(postings.table.c.CT_Num == tiers["CT_Num"], *_wanted(postings, request))
    total, rows = page(look, query, request, _order(postings))
    return VIEW_ENTRIES.response.record(total=total, entries=[_record(look, postings, row) for row in rows])


def _columns(postings: Postings) -> Iterator[ColumnElement[Any]]:
    for field in ENTRY.fields:
        column = present(field, postings.table)
        if column is not None and field.attr not in _COMPUTED:
            yield column.label(field.attr)
    yield from postings.days
    yield from (postings.table.c[name] for name in _LISTED if name in postings.table.c)


def _wanted(postings: Postings, request: Record) -> Iterator[ColumnElement[bool]]:
    first, last = span(request)
    if first is not None:
        yield postings.since(first)
    if last is not None:
        yield postings.until(last)
    unlettered = postings.unlettered
    if request.flag("only_unlettered") and unlettered is not None:
        yield unlettered


def _order(postings: Postings) -> Order:
    columns = {name: present(ENTRY.fields[_place(name)], postings.table) for name in _SORTED}
    sortable = {name: (column,) for name, column in columns.items() if column is not None}
    unique = [postings.table.c[name] for name in ("EC_No", "cbMarq") if name in postings.table.c]
    newest = [Key(column=column, descending=True) for column in (*postings.days, *unique)]
    return Order(sortable={"Date": postings.days, **sortable}, newest=newest)


def _place(name: str) -> int:
    return next(place for place, field in enumerate(ENTRY.fields) if field.name == name)


def _record(look: Look, postings: Postings, row: RowMapping) -> Record:
    values: dict[str, Value] = {field.attr: told(field, row[field.attr]) for field in ENTRY.fields if field.attr in row}
    values["date"] = postings.day_of(row)
    side, other = ("credit", "debit") if row["EC_Sens"] == CREDIT else ("debit", "credit")
    values |= {side: row["EC_Montant"], other: ABSENT}
    if "N_Reglement" in row:
        values["payment_method"] = look.company.lists.payment_methods.get(row["N_Reglement"] or 0, "")[:35]
    return ENTRY.record(**values)
