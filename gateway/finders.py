"""Finding the records of a Sage 100 base that a check is about: each function answers their keys.

Keys are the code of a tiers, or `CODE / number` for a contact or delivery address.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, String, Table, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from contracts.siret import is_siret
from contracts.stored import in_cp1252, without_accents
from gateway.clock import wall_clock
from gateway.codes import CODE_LENGTH
from gateway.free_fields import FreeFieldKind
from gateway.probe import Probe
from gateway.sage import (
    CATEGORY_SLOTS,
    F_COLLABORATEUR,
    F_COMPTET,
    F_CONTACTT,
    F_LIVRAISON,
    P_CATCOMPTA,
    P_CATTARIF,
    P_DEVISE,
    P_DOSSIER,
)
from gateway.sage.defaults import TiersType

TIERS = F_COMPTET.c
TAKING_PART = TIERS.CT_Type.in_((int(TiersType.CLIENT), int(TiersType.SUPPLIER)))
CHECKED: dict[Table, Column[Any]] = {
    F_COMPTET: TIERS.cbMarq,
    F_CONTACTT: F_CONTACTT.c.CT_No,
    F_LIVRAISON: F_LIVRAISON.c.LI_No,
}
"""The tables whose every record travels, and the column that orders and names their rows."""
LAST_EMPTY = dt.datetime(1900, 1, 1)  # noqa: DTZ001 - the later of Sage's two empty dates
CODES = ("CT_Num", "CT_NumPayeur", "CT_NumCentrale")
SAGE_COLUMN = re.compile(r"cb|[A-Z]{1,2}_")
CLOCK_TOLERANCE = dt.timedelta(minutes=2)
"""`smalldatetime` rounds up to 30 seconds ahead, and servers' clocks differ a little."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """The base under check."""

    connection: Connection
    probe: Probe
    zone: str

    def rows(self, query: Select[Any]) -> Iterator[Any]:
        """The rows of a query, fetched a thousand at a time."""
        yield from self.connection.execute(query, execution_options={"yield_per": 1000})

    def codes(self, *conditions: ColumnElement[bool]) -> Iterator[str]:
        """The codes of the clients and suppliers that meet the conditions."""
        query = select(TIERS.CT_Num).where(TAKING_PART, *conditions).order_by(TIERS.cbMarq)
        return (code for (code,) in self.rows(query))

    def children(self, key: Column[int], *conditions: ColumnElement[bool]) -> Iterator[str]:
        """The keys of the contacts or addresses of clients and suppliers that meet the conditions."""
        query = _children(key).where(*conditions).order_by(key)
        return (f"{code} / {number}" for code, number in self.rows(query))


def company_name_missing(base: Base) -> Iterable[str]:
    """The company's file, when it has no name."""
    present = base.probe.has(P_DOSSIER.name)
    names = base.connection.scalars(select(P_DOSSIER.c.D_RaisonSoc)).all() if present else ()
    return () if any(name and name.strip() for name in names) else (P_DOSSIER.name,)


def code_too_long(base: Base) -> Iterable[str]:
    """CRM-20: codes of more than 17 characters."""
    return base.codes(func.char_length(TIERS.CT_Num) > CODE_LENGTH)


def code_lower_case(base: Base) -> Iterable[str]:
    """CRM-20: codes that are not in capitals."""
    return (code for code in base.codes() if code != code.upper())


def code_forbidden_characters(base: Base) -> Iterable[str]:
    """CRM-20: codes with a blank, an accent, a sign."""
    return (code for code in base.codes() if not (code.isascii() and code.isalnum()))


def code_duplicate(base: Base) -> Iterable[str]:
    """Codes SQL Server takes for the same: equal but for case and trailing blanks."""
    spelled = func.upper(func.rtrim(TIERS.CT_Num))
    twice = select(spelled).where(TAKING_PART).group_by(spelled).having(func.count() > 1)
    return base.codes(spelled.in_(twice))


def title_missing(base: Base) -> Iterable[str]:
    """Tiers without a name."""
    return base.codes(_blank(TIERS.CT_Intitule))


def account_missing(base: Base) -> Iterable[str]:
    """Tiers without a collective account."""
    return base.codes(_blank(TIERS.CG_NumPrinc))


def accounting_category_unknown(base: Base) -> Iterable[str]:
    """Accounting categories with no label among those of sales, nor, for a supplier, of purchases."""
    rows = base.connection.execute(select(base.probe.readable(P_CATCOMPTA))).mappings()
    row: Mapping[Any, Any] = dict(rows.first() or {})
    slots = range(1, CATEGORY_SLOTS + 1)
    sales = [slot for slot in slots if row.get(f"CA_ComptaVen{slot:02}")]
    purchases = [slot for slot in slots if row.get(f"CA_ComptaAch{slot:02}")]
    client = TIERS.CT_Type == int(TiersType.CLIENT)
    return base.codes(
        TIERS.N_CatCompta != 0,
        or_(
            and_(client, TIERS.N_CatCompta.not_in(sales)),
            and_(~client, TIERS.N_CatCompta.not_in([*sales, *purchases])),
        ),
    )


def price_category_unknown(base: Base) -> Iterable[str]:
    """Price categories with no label."""
    return _unknown_slot(base, TIERS.N_CatTarif, P_CATTARIF.c.cbIndice, P_CATTARIF.c.CT_Intitule)


def currency_unknown(base: Base) -> Iterable[str]:
    """Currencies with no label; 0 is the company's own."""
    return _unknown_slot(base, TIERS.N_Devise, P_DEVISE.c.cbIndice, P_DEVISE.c.D_Intitule)


def representative_unknown(base: Base) -> Iterable[str]:
    """Numbers of representatives that are not there; 0 is none."""
    known = exists().where(F_COLLABORATEUR.c.CO_No == TIERS.CO_No)
    return base.codes(TIERS.CO_No != 0, ~known)


def payer_unknown(base: Base) -> Iterable[str]:
    """Payers that are not there."""
    payer = aliased(F_COMPTET)
    return base.codes(~_blank(TIERS.CT_NumPayeur), ~exists().where(payer.c.CT_Num == TIERS.CT_NumPayeur))


def siret_invalid(base: Base) -> Iterable[str]:
    """SIRETs whose check digit is wrong, or that are none."""
    query = select(TIERS.CT_Num, TIERS.CT_Siret).where(TAKING_PART, ~_blank(TIERS.CT_Siret))
    rows = base.rows(query.order_by(TIERS.cbMarq))
    return (code for code, siret in rows if not is_siret(siret.replace(" ", "")))


def delivery_title_missing(base: Base) -> Iterable[str]:
    """CRM-41: delivery addresses without a title."""
    return base.children(F_LIVRAISON.c.LI_No, _blank(F_LIVRAISON.c.LI_Intitule))


def delivery_title_duplicate(base: Base) -> Iterable[str]:
    """CRM-41: tiers with two delivery addresses of the same title."""
    address = F_LIVRAISON.c
    spelled = func.upper(func.rtrim(address.LI_Intitule))
    twice = select(address.CT_Num).group_by(address.CT_Num, spelled).having(func.count() > 1)
    return base.codes(TIERS.CT_Num.in_(twice))


def contact_name_missing(base: Base) -> Iterable[str]:
    """Contacts without a last name."""
    return base.children(F_CONTACTT.c.CT_No, _blank(F_CONTACTT.c.CT_Nom))


def contact_duplicate(base: Base) -> Iterable[str]:
    """Tiers with two contacts of one name, accents and case aside."""
    contact = F_CONTACTT.c
    query = _children(contact.CT_No).add_columns(contact.CT_Nom, contact.CT_Prenom).where(~_blank(contact.CT_Nom))
    rows = base.rows(query.order_by(contact.CT_Num, contact.CT_No))
    for code, contacts in groupby(rows, key=lambda row: row.CT_Num):
        names = [_spelled(row.CT_Nom, row.CT_Prenom) for row in contacts]
        if len(names) > len(set(names)):
            yield code


def value_too_long(base: Base) -> Iterable[str]:
    """Values longer than their column, which only SQLite lets in; the codes have a check of their own."""
    if base.connection.dialect.name != "sqlite":
        return
    for table, key in CHECKED.items():
        longer = [
            func.char_length(known) > base.probe.length(table.name, known.name)
            for known in _texts(base, table)
            if known.name not in CODES and base.probe.length(table.name, known.name)
        ]
        yield from _keys(base, table, key, or_(*longer))


def not_cp1252(base: Base) -> Iterable[str]:
    """Records with a character the base's varchar columns cannot hold on SQL Server."""
    for table, key in CHECKED.items():
        texts = _texts(base, table)
        if table is F_COMPTET:
            query = select(TIERS.CT_Num, *texts).where(TAKING_PART).order_by(key)
            found = ((code, values) for code, *values in base.rows(query))
        else:
            query = _children(key).add_columns(*texts).order_by(key)
            found = ((f"{code} / {number}", values) for code, number, *values in base.rows(query))
        yield from (name for name, values in found if not in_cp1252("".join(filter(None, values))))


def clock_missing(base: Base) -> Iterable[str]:
    """Records without `cbModification`."""
    for table, key in CHECKED.items():
        modified = table.c.cbModification
        yield from _keys(base, table, key, or_(modified.is_(None), modified <= LAST_EMPTY))


def clock_future(base: Base) -> Iterable[str]:
    """Records modified later than now."""
    for table, key in CHECKED.items():
        yield from _keys(base, table, key, table.c.cbModification > wall_clock(base.zone) + CLOCK_TOLERANCE)


def free_field_column_missing(base: Base) -> Iterable[str]:
    """Free fields defined on a table that lacks their column."""
    return (
        f"{field.table}.{field.name}"
        for field in base.probe.free_fields
        if not field.present and field.kind is not FreeFieldKind.DELETED and base.probe.has(field.table)
    )


def free_field_undeclared(base: Base) -> Iterable[str]:
    """Columns of the tiers that are neither Sage's own nor a declared free field."""
    declared = {field.name for field in base.probe.free_fields_of(F_COMPTET.name)}
    for name in base.probe.lengths[F_COMPTET.name]:
        if name not in declared and not SAGE_COLUMN.match(name):
            yield f"{F_COMPTET.name}.{name}"


def _unknown_slot(base: Base, column: Column[int], slot: Column[int], label: Column[str]) -> Iterable[str]:
    known = exists().where(slot == column, ~_blank(label))
    return base.codes(column != 0, ~known)


def _children(key: Column[int]) -> Select[Any]:
    owner = key.table.c.CT_Num
    return select(owner, key).join(F_COMPTET, TIERS.CT_Num == owner).where(TAKING_PART)


def _keys(base: Base, table: Table, key: Column[int], condition: ColumnElement[bool]) -> Iterator[str]:
    return base.codes(condition) if table is F_COMPTET else base.children(key, condition)


def _texts(base: Base, table: Table) -> list[Column[Any]]:
    return [known for known in base.probe.columns(table) if isinstance(known.type, String)]


def _blank(column: ColumnElement[str]) -> ColumnElement[bool]:
    return or_(column.is_(None), func.rtrim(column) == "")


def _spelled(*parts: str | None) -> str:
    return without_accents(" ".join((part or "").strip() for part in parts)).casefold()
