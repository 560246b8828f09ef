"""The tab Interrogation commerciale: lines of the sales documents of one tiers (CRM-54)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, FromClause, RowMapping, Select, and_, literal, select

from contracts.fields import Record
from contracts.messages import VIEW_DOCUMENT_LINES
from contracts.views import DOCUMENT_LINE
from gateway.refusals import NotServed
from gateway.sage import F_DOCLIGNE
from gateway.views.filters import having
from gateway.views.headers import Headers, any_of, representative_of, representatives, searching, with_name
from gateway.views.look import Look, present, told
from gateway.views.paging import Key, Order, page
from gateway.views.words import TYPES, discount

_OF_HEADER = {"type": "DO_Type", "number": "DO_Piece", "date": "DO_Date"}
_SEARCHED = ("article", "designation")
_DISCOUNTS = ("01", "02", "03")


def view_document_lines(look: Look, request: Record) -> Record:
    """A page of lines, newest document first unless sorted otherwise. Raises UnknownTiers, InvalidRequest."""
    look.tiers(request)
    headers = Headers(look)
    lines = Lines(look, headers)
    query = lines.select().where(*headers.wanted(request))
    term = searching(request)
    if term:
        query = query.where(any_of([*headers.searched(term), *lines.searched(term)]))
    total, rows = page(look, query, request, lines.order)
    return VIEW_DOCUMENT_LINES.response.record(total=total, lines=[lines.record(row) for row in rows])


class Lines:
    """The lines of the sales documents of one base, joined with their headers. Raises NotServed without lines."""

    def __init__(self, look: Look, headers: Headers) -> None:
        probe = look.company.probe
        if not all(probe.has(F_DOCLIGNE.name, name) for name in ("DL_No", "DO_Type", "DO_Piece")):
            raise NotServed("this base has no lines of documents")
        self._headers = headers
        self._table = probe.readable(F_DOCLIGNE)
        found = representatives(probe, self._table)
        # The header's representative is joined beside it, for the search.
        self._representative = None if found is None else found.beside("of_line")

    def select(self) -> Select[Any]:
        """The lines, with a column for each field that this base has, named as the field's own."""
        header, line = self._headers.table.c, self._table.c
        same = and_(line.DO_Type == header.DO_Type, line.DO_Piece == header.DO_Piece)
        source: FromClause = self._headers.source.join(self._table, same)
        if self._representative is not None:
            source = with_name(source, self._table, self._representative)
        return select(*self._columns()).select_from(source).where(self._headers.is_sale)

    def _columns(self) -> Iterator[ColumnElement[Any]]:
        for field in DOCUMENT_LINE.fields:
            column = self._column(field.attr)
            if column is not None and field.attr not in {"discount", "representative"}:
                yield column.label(field.attr)
        if self._representative is not None:
            yield from self._representative.columns
        for number in _DISCOUNTS:
            value, kind = f"DL_Remise{number}REM_Valeur", f"DL_Remise{number}REM_Type"
            if value in self._table.c:
                yield self._table.c[value]
                yield self._table.c[kind] if kind in self._table.c else literal(0).label(kind)

    def _column(self, attr: str) -> Any:
        if attr in _OF_HEADER:
            return self._headers.table.c[_OF_HEADER[attr]]
        return present(DOCUMENT_LINE.field(attr), self._table)

    @property
    def inside(self) -> list[Key]:
        """The order of the lines inside a document."""
        return [Key(column=self._table.c[name]) for name in ("DL_Ligne", "DL_No") if name in self._table.c]

    @property
    def order(self) -> Order:
        """As the documents', and by article."""
        of_documents = self._headers.order
        article = self._column("article")
        by_article = {} if article is None else {"Article": (article,)}
        return Order(sortable={**of_documents.sortable, **by_article}, newest=[*of_documents.newest, *self.inside])

    def searched(self, term: str) -> list[ColumnElement[bool]]:
        """The columns of the line a term may be found in, beside those of its header."""
        columns = [self._column(attr) for attr in _SEARCHED]
        return [having(column, term) for column in columns if column is not None]

    def record(self, row: RowMapping) -> Record:
        """A line as the contract sends it; what this base lacks is not said."""
        values = {field.attr: told(field, row[field.attr]) for field in DOCUMENT_LINE.fields if field.attr in row}
        values["type"] = TYPES[row["type"]]
        names = [(f"DL_Remise{number}REM_Valeur", f"DL_Remise{number}REM_Type") for number in _DISCOUNTS]
        parts = [(row[value], row[kind]) for value, kind in names if value in row]
        if parts:
            values["discount"] = discount(parts)[: DOCUMENT_LINE.field("discount").length]
        if self._representative is not None:
            values["representative"] = representative_of(row)[: DOCUMENT_LINE.field("representative").length]
        return DOCUMENT_LINE.record(**values)
