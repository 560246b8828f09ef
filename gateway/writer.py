"""Writes one transaction's rows: locks the tiers, compares versions, applies the rules, and reads back what the base now holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree
from sqlalchemy import Column, Connection, Table, func, insert, select, true

from contracts.codec import reader
from contracts.envelope import in_namespace
from contracts.fields import ABSENT, Record
from contracts.messages import TRANSACTION_RESULT
from contracts.tables import CLIENT, SUPPLIER, TIERS
from gateway.company import Company
from gateway.configuration import LANGUAGES, accounting_categories
from gateway.ledger import Found
from gateway.lists import labels
from gateway.mapping import KINDS
from gateway.numbering import new_code, stored_code
from gateway.probe import Probe
from gateway.reader import TiersReader
from gateway.rejection import DONE, STALE, Rejected, rejection
from gateway.rules import ChildChange, TiersChange, change_of, folded, free_title
from gateway.sage import (
    F_COLLABORATEUR,
    F_COMPTET,
    F_COMPTETG,
    F_CONTACTT,
    F_DOCENTETE,
    F_LIVRAISON,
    P_CATTARIF,
    P_DEVISE,
    P_SERVICECPTA,
)
from gateway.sage.defaults import TiersType, new_tiers, stamped
from gateway.settings import Synchronise
from gateway.values import Knowledge

_TYPES = {CLIENT: TiersType.CLIENT, SUPPLIER: TiersType.SUPPLIER}
_NUMBERS: dict[Table, str] = {F_LIVRAISON: "LI_No", F_CONTACTT: "CT_No"}
_read_tiers = reader(TIERS)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of a transaction: a record of TRANSACTION_RESULT, and the tiers as it is sent, XML or nothing."""

    result: Record
    tiers: str = ""


@dataclass(frozen=True, kw_only=True)
class Readers:
    """How a tiers is read: with the version the change log tells, and whole, whatever the options leave out (CRM-12)."""

    told: TiersReader
    whole: TiersReader

    @classmethod
    def of(cls, company: Company, options: Synchronise) -> Readers:
        """The readers for a base under those options; a dormant tiers has a version here in any case."""
        everything, wanted = Synchronise(), options.model_copy(update={"dormant": True})
        whole = TiersReader(company.probe, everything, company.lists)
        told = whole if wanted == everything else TiersReader(company.probe, wanted, company.lists)
        return cls(told=told, whole=whole)

    def read(self, connection: Connection, code: str) -> Found | None:
        """The tiers whole, under the version the change log tells; None when there is no client or supplier of that code."""
        whole = self.whole.read(connection, [code]).get(code)
        if whole is None or whole.reason:
            return None
        if self.told is self.whole:
            return whole
        version = self.told.read(connection, [code])[code].version
        return Found(version, whole.xml.replace(f">{whole.version}</Version>", f">{version}</Version>", 1))


class TiersWriter:
    """Writes tiers of one base inside the caller's transaction; only columns this base has."""

    def __init__(self, connection: Connection, company: Company, readers: Readers, at: dt.datetime) -> None:
        self._connection = connection
        self._probe = company.probe
        self._readers = readers
        self._knowledge = knowledge_of(connection, company)
        self._at = at

    def write(self, transaction: Record) -> Answer:
        """Execute a transaction; what the rules refuse leaves no row changed."""
        tiers = transaction.one("tiers")
        try:
            with self._connection.begin_nested():
                return self._executed(transaction, tiers)
        except Rejected as problem:
            key = tiers.text("code") if tiers else ""
            return Answer(result=rejection(transaction.text("id"), problem, key=key))

    def _executed(self, transaction: Record, tiers: Record | None) -> Answer:
        action = transaction.text("action")
        if action not in {"create", "update"} or tiers is None:
            raise Rejected("invalid_transaction", f"{action!r} is none of create, update", field="Action")
        return self._create(transaction, tiers) if action == "create" else self._update(transaction, tiers)

    def _update(self, transaction: Record, given: Record) -> Answer:
        base = transaction.text("base_version")
        if not base:
            raise Rejected("invalid_transaction", "an update says what it is based on", field="BaseVersion")
        code = stored_code(self._connection, given.text("code"))
        row = None if code is None else self._locked_whole(code, given)
        present = None if code is None else self._readers.read(self._connection, code)
        if code is None or row is None or present is None:
            raise Rejected("unknown_tiers", f"there is no client or supplier {given.text('code')!r}", field="Code")
        if present.version != base:
            stale = Rejected("stale", f"the tiers {code} has changed since")
            return _answer(transaction, code, present, status=STALE, problem=stale)
        change = change_of(given, _read_tiers(etree.fromstring(in_namespace(present.xml))), self._knowledge)
        self._change(code, row, change)
        return self._done(transaction, code, change)

    def _change(self, code: str, row: Mapping[str, Any], change: TiersChange) -> None:
        deliveries = self._change_children(F_LIVRAISON, code, change.deliveries)
        contacts = self._change_children(F_CONTACTT, code, change.contacts)
        columns = _differing(row, change.columns)
        # A deleted child leaves no mark of its own: the tiers carries it.
        if columns or deliveries or contacts:
            self._set(F_COMPTET.c.CT_Num, code, columns)

    def _change_children(self, table: Table, code: str, change: ChildChange) -> bool:
        if not (change.deleted or change.changed or change.added):
            return False
        number = table.c[_NUMBERS[table]]
        rows = {row[number.name]: row for row in self._locked(table, code)}
        self._delete(table, rows, change.deleted)
        moved = {one: _differing(rows[one], columns) for one, columns in change.changed.items()}
        if table is F_CONTACTT:
            self._make_way(rows, moved)
        for one, columns in moved.items():
            if columns:
                self._set(number, one, columns)
        self._add(table, code, change.added)
        if table is F_LIVRAISON:
            self._keep_main(code)
        return bool(change.deleted or change.added or any(moved.values()))

    def _delete(self, table: Table, rows: Mapping[int, Mapping[str, Any]], numbers: list[int]) -> None:
        number = table.c[_NUMBERS[table]]
        for one in numbers:
            if table is F_LIVRAISON and self._has_documents(one):
                title = rows[one]["LI_Intitule"]
                raise Rejected("address_in_use", f"documents name the delivery address {title!r}", field="Addresses")
            self._connection.execute(table.delete().where(number == one))

    def _has_documents(self, number: int) -> bool:
        if not self._probe.has(F_DOCENTETE.name, "LI_No"):
            return False
        used = select(true()).where(F_DOCENTETE.c.LI_No == number).limit(1)
        return self._connection.execute(used).first() is not None

    def _make_way(self, rows: Mapping[int, Mapping[str, Any]], moved: Mapping[int, Mapping[str, Any]]) -> None:
        """Contacts that exchange their names pass through one nobody has: the base checks each statement."""
        held = {_person(rows[one], {}) for one in rows}
        for one, columns in moved.items():
            if {"CT_Nom", "CT_Prenom"} & columns.keys() and _person(rows[one], columns) in held:
                self._set(F_CONTACTT.c.CT_No, one, {"CT_Nom": f"\t{one}"})

    def _keep_main(self, code: str) -> None:
        """A tiers with delivery addresses has a main one."""
        if not self._probe.has(F_LIVRAISON.name, "LI_Principal"):
            return
        c = F_LIVRAISON.c
        query = select(c.LI_No, c.LI_Principal).where(c.CT_Num == code).order_by(c.LI_No)
        rows = self._connection.execute(query).all()
        if rows and not any(row.LI_Principal for row in rows):
            self._set(c.LI_No, rows[0].LI_No, {"LI_Principal": 1})

    def _create(self, transaction: Record, given: Record) -> Answer:
        kind = _TYPES.get(given.text("type"))
        if kind is None:
            raise Rejected("unknown_value", f"{given.text('type')!r} is none of {', '.join(_TYPES)}", field="Type")
        code = new_code(self._connection, self._probe, given.text("code"), kind)
        change = change_of(given, None, self._knowledge, code)
        columns = dict(change.columns)
        new = new_tiers(code, columns.pop("CT_Intitule"), self._at, kind, **columns)
        self._insert(F_COMPTET, new.tiers)
        self._insert(F_COMPTETG, new.account)
        # CRM-42: the copy gives way to an address that was given its title.
        taken = {folded(one["LI_Intitule"]) for one in change.deliveries.added}
        copy = {**new.delivery, "LI_Intitule": free_title(new.tiers["CT_Intitule"], taken)}
        self._insert(F_LIVRAISON, {**copy, "LI_No": self._next(F_LIVRAISON)})
        self._add(F_LIVRAISON, code, change.deliveries.added)
        self._add(F_CONTACTT, code, change.contacts.added)
        return self._done(transaction, code, change)

    def _add(self, table: Table, code: str, added: list[dict[str, Any]]) -> None:
        constant = {"N_Expedition": 1, "N_Condition": 1} if table is F_LIVRAISON else {}
        for columns in added:
            known = {_NUMBERS[table]: self._next(table), "CT_Num": code}
            self._insert(table, stamped(table, self._at, **{**constant, **columns, **known}))

    def _next(self, table: Table) -> int:
        """The number after the highest: another writer may take it too, the base then refuses one of the two, who tries again."""
        highest = self._connection.scalar(select(func.max(table.c[_NUMBERS[table]])))
        return 1 + (highest or 0)

    def _insert(self, table: Table, row: Mapping[str, Any]) -> None:
        known = {name: value for name, value in row.items() if self._probe.has(table.name, name)}
        if known:
            self._connection.execute(insert(table), [known])

    def _set(self, key: Column[Any], value: str | int, columns: Mapping[str, Any]) -> None:
        stamp = {"cbModification": self._at} if self._probe.has(key.table.name, "cbModification") else {}
        self._connection.execute(key.table.update().where(key == value).values({**columns, **stamp}))

    def _locked_whole(self, code: str, given: Record) -> Mapping[str, Any]:
        """The row of a tiers, locked with the children that a record says something of."""
        (row,) = self._locked(F_COMPTET, code)
        for table, part in ((F_LIVRAISON, "addresses"), (F_CONTACTT, "contacts")):
            if given[part] is not ABSENT and self._probe.has(table.name):
                self._locked(table, code)
        return row

    def _locked(self, table: Table, code: str) -> list[Mapping[str, Any]]:
        """The rows of a tiers, nobody else's to write until the transaction ends."""
        query = select(*self._probe.columns(table)).where(table.c.CT_Num == code)
        locked = query.with_for_update().with_hint(table, "WITH (UPDLOCK, HOLDLOCK)", "mssql")
        return [dict(row) for row in self._connection.execute(locked).mappings()]

    def _done(self, transaction: Record, code: str, change: TiersChange) -> Answer:
        present = self._readers.read(self._connection, code)
        if present is None:
            raise Rejected("unknown_tiers", f"there is no client or supplier {code!r}", field="Code")
        return _answer(transaction, code, present, message="; ".join(change.warnings))


def knowledge_of(connection: Connection, company: Company) -> Knowledge:
    """What the rules must know of the base as it is now."""
    probe = company.probe
    listed = {
        "AccountingCategory": frozenset(accounting_categories(connection, probe)),
        "PriceCategory": frozenset(labels(connection, probe, P_CATTARIF, "CT_Intitule")),
        "Service": frozenset(labels(connection, probe, P_SERVICECPTA, "S_Intitule")),
        "Currency": frozenset({0, *labels(connection, probe, P_DEVISE, "D_Intitule")}),
        "Language": frozenset(map(int, LANGUAGES)),
    }
    return Knowledge(
        probe=probe,
        lists=listed,
        representatives=_representatives(connection, probe),
        is_tiers=lambda code: _is_tiers(connection, code),
    )


def _representatives(connection: Connection, probe: Probe) -> frozenset[int]:
    if not probe.has(F_COLLABORATEUR.name):
        return frozenset()
    return frozenset(connection.scalars(select(F_COLLABORATEUR.c.CO_No)))


def _is_tiers(connection: Connection, code: str) -> bool:
    stored = stored_code(connection, code)
    kind = select(F_COMPTET.c.CT_Type).where(F_COMPTET.c.CT_Num == stored)
    return stored is not None and connection.scalar(kind) in KINDS


def _differing(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns whose value is not the row's; a null reads as empty."""
    return {name: value for name, value in columns.items() if (row[name] or None) != (value or None)}


def _person(row: Mapping[str, Any], columns: Mapping[str, Any]) -> tuple[str, str]:
    merged = {**row, **columns}
    return folded(merged["CT_Nom"] or ""), folded(merged["CT_Prenom"] or "")


def _answer(
    transaction: Record,
    code: str,
    present: Found,
    *,
    status: str = DONE,
    problem: Rejected | None = None,
    message: str = "",
) -> Answer:
    result = TRANSACTION_RESULT.record(
        id=transaction.text("id"),
        status=status,
        key=code,
        version=present.version,
        error_code=problem.problem_code if problem else ABSENT,
        message=problem.message if problem else message or ABSENT,
        remedy=problem.remedy if problem else ABSENT,
    )
    return Answer(result=result, tiers=present.xml)
