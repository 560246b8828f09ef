"""Headers of sales documents as SQL: where each field of the contract comes from, with the names that hang on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    RowMapping,
    Select,
    TableClause,
    and_,
    false,
    func,
    or_,
    select,
    type_coerce,
)

from contracts.fields import Field, Kind, Record, Struct
from contracts.views import DOCUMENT
from gateway.configuration import currencies
from gateway.probe import Probe
from gateway.refusals import NotServed
from gateway.sage import F_COLLABORATEUR, F_COMPTET, F_DOCENTETE, F_DOCLIGNE, F_REGLECH, Amount
from gateway.views.filters import coded, day_meant, having, status_having, types_asked, within
from gateway.views.look import Look, present, told
from gateway.views.paging import Key, Order
from gateway.views.words import STATUSES, TYPES

SALES = 0
_MISSING_SUMS = {
    "total_before_tax": (F_DOCLIGNE, "DL_MontantHT"),
    "total_with_tax": (F_DOCLIGNE, "DL_MontantTTC"),
    "settled": (F_REGLECH, "RC_Montant"),
}
_WORDS = frozenset({"type", "status", "currency", "representative"})


@dataclass(frozen=True, kw_only=True)
class Representative:
    """The representative named by a `CO_No`, joined to the rows that name one."""

    table: FromClause

    def beside(self, name: str) -> Representative:
        """The same under another name, where a statement joins both."""
        return Representative(table=self.table.alias(name))

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        """Last name and first name, where this base has them."""
        return [self.table.c[name].label(name) for name in ("CO_Nom", "CO_Prenom") if name in self.table.c]

    @property
    def name(self) -> ColumnElement[Any] | None:
        """The whole name as an expression, for the search."""
        whole: ColumnElement[Any] | None = None
        for column in self.columns:
            part: ColumnElement[Any] = func.coalesce(self.table.c[column.name], "")
            whole = part if whole is None else whole + " " + part
        return whole


def representative_of(row: RowMapping) -> str:
    """Last name and first name; empty for none."""
    return " ".join(part for part in (row.get("CO_Nom"), row.get("CO_Prenom")) if part)


class Headers:
    """The sales documents of one base, joined with their tiers and representatives. Raises NotServed without documents."""

    def __init__(self, look: Look) -> None:
        probe = look.company.probe
        needed = ("DO_Domaine", "DO_Type", "DO_Piece", "DO_Date", "DO_Tiers")
        if not all(probe.has(F_DOCENTETE.name, name) for name in needed):
            raise NotServed("this base has no commercial documents")
        self._probe = probe
        self.table = probe.readable(F_DOCENTETE)
        self.tiers = probe.readable(F_COMPTET)
        self.currencies = currencies(look.connection, probe)
        self.representative = representatives(probe, self.table)

    @property
    def source(self) -> FromClause:
        """The headers with what is joined to them: one row each."""
        joined = self.table.outerjoin(self.tiers, self.tiers.c.CT_Num == self.table.c.DO_Tiers)
        return joined if self.representative is None else with_name(joined, self.table, self.representative)

    def select(self) -> Select[Any]:
        """The documents, with a column for each field that this base has, named as the field's own."""
        return select(*self._columns()).select_from(self.source).where(self.is_sale)

    @property
    def is_sale(self) -> ColumnElement[bool]:
        """The documents of the sales side; which types is asked for."""
        return self.table.c.DO_Domaine == SALES

    def _columns(self) -> Iterator[ColumnElement[Any]]:
        for field in DOCUMENT.fields:
            column = self._column(field)
            if column is not None and field.attr != "representative":
                yield column.label(field.attr)
        if self.representative is not None:
            yield from self.representative.columns

    def _column(self, field: Field) -> Any:
        if field.attr == "tiers_name":
            return self.tiers.c.CT_Intitule
        found = present(field, self.table)
        return found if found is not None or field.attr not in _MISSING_SUMS else self._summed(field.attr)

    def _summed(self, attr: str) -> Any:
        """A total that older bases do not keep on the header, summed from the rows below it."""
        model, name = _MISSING_SUMS[attr]
        if not all(self._probe.has(model.name, needed) for needed in ("DO_Type", "DO_Piece", name)):
            return None
        rows = self._probe.readable(model)
        mine = and_(rows.c.DO_Type == self.table.c.DO_Type, rows.c.DO_Piece == self.table.c.DO_Piece)
        total = select(func.coalesce(func.sum(rows.c[name]), 0)).where(mine).correlate(self.table).scalar_subquery()
        return type_coerce(total, Amount())

    @property
    def order(self) -> Order:
        """By date, type (in the order of a sale) or number; newest first otherwise."""
        c = self.table.c
        newest = [Key(column=column, descending=True) for column in (c.DO_Date, c.DO_Type, c.DO_Piece)]
        return Order(sortable={"Date": (c.DO_Date,), "Type": (c.DO_Type,), "Number": (c.DO_Piece,)}, newest=newest)

    def wanted(self, request: Record) -> list[ColumnElement[bool]]:
        """The filters shared by documents and lines, the search aside. Raises InvalidRequest."""
        c = self.table.c
        # Without the sum some planners would read every document of the base, by the key on type and number.
        of_type = (c.DO_Type + 0).in_(types_asked(request))
        return [c.DO_Tiers == request.text("code"), of_type, *within(c.DO_Date, request)]

    def searched(self, term: str) -> list[ColumnElement[bool]]:
        """The columns of the header a term may be found in, totals left out; each is a condition of its own."""
        found = [having(column, term) for column in self._texts()]
        found += [*coded(self.table.c.DO_Type, dict(enumerate(TYPES)), term), *self._in_words(term)]
        day = day_meant(term)
        if day is not None:
            dates = [self._column(field) for field in DOCUMENT.fields if field.kind is Kind.DATE]
            found += [column == day for column in dates if column is not None]
        return found

    def _texts(self) -> Iterator[ColumnElement[Any]]:
        for field in DOCUMENT.fields:
            column = self._column(field) if field.kind is Kind.TEXT and field.attr not in _WORDS else None
            if column is not None:
                yield column
        name = None if self.representative is None else self.representative.name
        if name is not None:
            yield name

    def _in_words(self, term: str) -> Iterator[ColumnElement[bool]]:
        c = self.table.c
        if "DO_Statut" in c:
            yield from status_having(c.DO_Type, c.DO_Statut, term)
        if "DO_Devise" in c:
            yield from coded(c.DO_Devise, self.currencies, term)

    def record(self, row: RowMapping, struct: Struct = DOCUMENT) -> Record:
        """A document as the contract sends it; what this base lacks is not said."""
        values = {field.attr: told(field, row[field.attr]) for field in DOCUMENT.fields if field.attr in row}
        kind = row["type"]
        values["type"] = TYPES[kind]
        if "status" in row:
            values["status"] = STATUSES.get((kind, row["status"] or 0), str(row["status"]))
        if "currency" in row:
            values["currency"] = self.currencies.get(row["currency"] or 0, "")
        if self.representative is not None:
            values["representative"] = representative_of(row)[: DOCUMENT.field("representative").length]
        return struct.record(**values)


def representatives(probe: Probe, host: TableClause) -> Representative | None:
    """The representatives to join to these rows; None where this base does not tell them."""
    if "CO_No" not in host.c or not probe.has(F_COLLABORATEUR.name, "CO_No"):
        return None
    return Representative(table=probe.readable(F_COLLABORATEUR))


def with_name(source: FromClause, host: TableClause, representative: Representative) -> FromClause:
    """The source with the representative each row of the host names."""
    return source.outerjoin(representative.table, representative.table.c.CO_No == host.c.CO_No)


def any_of(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    """One of these conditions, false when there is none."""
    return or_(false(), *conditions)


def searching(request: Record) -> str:
    """The search term, without the blanks around it."""
    return request.text("search").strip()
