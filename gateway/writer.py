"""Writes one transaction's rows: locks the tiers, compares versions, applies the rules, and reads back what the base now holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree
from sqlalchemy import Column, Connection, Table, bindparam, func, insert, select, true, update

from contracts.codec import reader
from contracts.envelope import in_namespace
from contracts.fields import ABSENT, Record
from contracts.messages import TRANSACTION_RESULT, EntitySet
from contracts.tables import CLIENT, SUPPLIER, TIERS
from gateway.ground import NUMBERS, Ground
from gateway.ledger import Found, promise
from gateway.numbering import new_code, stored_code
from gateway.rejection import DONE, STALE, Rejected
from gateway.rules import ChildChange, TiersChange, change_of, folded, free_title, refuse_untold
from gateway.sage import (
    F_COMPTET,
    F_COMPTETG,
    F_CONTACTT,
    F_DOCENTETE,
    F_LIVRAISON,
)
from gateway.sage.defaults import TiersType, new_tiers, stamped

_TYPES = {CLIENT: TiersType.CLIENT, SUPPLIER: TiersType.SUPPLIER}
_INSERTS = {table: insert(table) for table in (F_COMPTET, F_COMPTETG, F_LIVRAISON, F_CONTACTT)}
_HIGHEST = {table: select(func.max(table.c[name])) for table, name in NUMBERS.items()}
_KEY = "key of the row"
_UPDATES = {
    key: update(key.table).where(key == bindparam(_KEY))
    for key in (F_COMPTET.c.CT_Num, *(table.c[name] for table, name in NUMBERS.items()))
}
_read_tiers = reader(TIERS)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of a transaction: a record of TRANSACTION_RESULT, and the tiers as it is sent, XML or nothing."""

    result: Record
    tiers: str = ""


class TiersWriter:
    """Writes tiers of one base inside the caller's transaction; only columns this base has."""

    def __init__(self, connection: Connection, ground: Ground, at: dt.datetime) -> None:
        self._connection = connection
        self._probe = ground.company.probe
        self._readers = ground.readers
        self._knowledge = ground.knowledge(connection)
        self._at = at
        self._rows: dict[Table, list[Mapping[str, Any]]] = {}

    def write(self, transaction: Record) -> Answer:
        """Execute a transaction. Raises Rejected: rows may be changed then, the caller's transaction must end without them."""
        tiers = transaction.one("tiers")
        action = transaction.text("action")
        if action not in {"create", "update"} or tiers is None:
            raise Rejected("invalid_transaction", f"{action!r} is none of create, update", field="Action")
        return self._create(transaction, tiers) if action == "create" else self._update(transaction, tiers)

    def _update(self, transaction: Record, given: Record) -> Answer:
        base = transaction.text("base_version")
        if not base:
            raise Rejected("invalid_transaction", "an update says what it is based on", field="BaseVersion")
        refuse_untold(given, self._readers.options)
        row = self._lock_whole(given)
        code = row["CT_Num"] if row else ""
        present = self._readers.read(self._connection, code) if row else None
        if row is None or present is None:
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
        number = table.c[NUMBERS[table]]
        rows = {row[number.name]: row for row in self._rows[table]}
        self._delete(table, rows, change.deleted)
        moved = {one: _differing(rows[one], columns) for one, columns in change.changed.items()}
        if table is F_CONTACTT:
            moved = self._make_way(rows, moved)
        for one, columns in moved.items():
            if columns:
                self._set(number, one, columns)
        self._add(table, code, change.added)
        if table is F_LIVRAISON:
            self._keep_main(code)
        return bool(change.deleted or change.added or any(moved.values()))

    def _delete(self, table: Table, rows: Mapping[int, Mapping[str, Any]], numbers: list[int]) -> None:
        number = table.c[NUMBERS[table]]
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

    def _make_way(
        self, rows: Mapping[int, Mapping[str, Any]], moved: Mapping[int, dict[str, Any]]
    ) -> dict[int, dict[str, Any]]:
        """A contact whose name another one takes passes through one nobody has: the base checks each statement.

        Returns what is to be written then: of those, the whole name.
        """
        named = [one for one, columns in moved.items() if {"CT_Nom", "CT_Prenom"} & columns.keys()]
        takers = {_person(rows[one], moved[one]): one for one in named}
        written = dict(moved)
        for one in named:
            # Another way to write the same name takes it from nobody.
            if takers.get(_person(rows[one], {}), one) != one:
                self._set(F_CONTACTT.c.CT_No, one, {"CT_Nom": f"\t{one}"})
                written[one] = {"CT_Nom": rows[one]["CT_Nom"], **moved[one]}
        return written

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
        # The caller knows of it from now on, and is to be told when it goes before a scan has seen it.
        promise(self._connection, EntitySet.TIERS, code)
        return self._done(transaction, code, change)

    def _add(self, table: Table, code: str, added: list[dict[str, Any]]) -> None:
        constant = {"N_Expedition": 1, "N_Condition": 1} if table is F_LIVRAISON else {}
        for columns in added:
            known = {NUMBERS[table]: self._next(table), "CT_Num": code}
            self._insert(table, stamped(table, self._at, **{**constant, **columns, **known}))

    def _next(self, table: Table) -> int:
        """The number after the highest: another writer may take it too, the base then refuses one of the two, who tries again."""
        return 1 + (self._connection.scalar(_HIGHEST[table]) or 0)

    def _insert(self, table: Table, row: Mapping[str, Any]) -> None:
        known = {name: value for name, value in row.items() if self._probe.has(table.name, name)}
        if known:
            self._connection.execute(_INSERTS[table], [known])

    def _set(self, key: Column[Any], value: str | int, columns: Mapping[str, Any]) -> None:
        stamp = {"cbModification": self._at} if self._probe.has(key.table.name, "cbModification") else {}
        if columns or stamp:
            self._connection.execute(_UPDATES[key], {_KEY: value, **columns, **stamp})

    def _lock_whole(self, given: Record) -> Mapping[str, Any] | None:
        """The row of a tiers, locked with the children that a record says something of; None when there is no such row."""
        code: str | None = given.text("code")
        rows = self._locked(F_COMPTET, code)
        if not rows:
            # Written otherwise in the base, in small letters.
            code = stored_code(self._connection, given.text("code"))
            rows = self._locked(F_COMPTET, code)
        for table, part in ((F_LIVRAISON, "addresses"), (F_CONTACTT, "contacts")):
            if rows and given[part] is not ABSENT and table in self._readers.locks:
                self._rows[table] = self._locked(table, code)
        return next(iter(rows), None)

    def _locked(self, table: Table, code: str | None) -> list[Mapping[str, Any]]:
        """The rows of a tiers, nobody else's to write until the transaction ends."""
        if code is None:
            return []
        return [dict(row) for row in self._connection.execute(self._readers.locks[table], {"code": code}).mappings()]

    def _done(self, transaction: Record, code: str, change: TiersChange) -> Answer:
        present = self._readers.read(self._connection, code)
        if present is None:
            raise Rejected("unknown_tiers", f"there is no client or supplier {code!r}", field="Code")
        return _answer(transaction, code, present, message="; ".join(change.warnings))


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
