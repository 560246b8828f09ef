"""Addresses, contacts, phones and e-mails of tiers that are linked: what a merge wants in the CRM, row by row (CRM-38, CRM-39)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from contracts.tables import ADDRESS, CONTACT
from syncengine.core.merge import Change, Merge
from syncengine.core.paths import new_key, split
from syncengine.core.snapshot import CHILDREN, Snapshot, Values
from syncengine.cycle.arrivals import CONTACT_PHONES, TIERS_PHONES, Arrivals
from syncengine.cycle.crm_rows import CrmRows, Local
from syncengine.model import Address, Contact, Email, EmailKind, Phone
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from syncengine.storage.journal import Journal

_ENTITIES: Final[dict[str, tuple[type[Any], Entity]]] = {
    "addresses": (Address, Entity.ADDRESS),
    "contacts": (Contact, Entity.CONTACT),
}
_CONTACT_KINDS: Final = dict(CONTACT_PHONES)
_VALUE: Final[dict[type[Any], str]] = {Phone: "number", Email: "address"}


class Children:
    """Gathers the changes to child rows of many Accounts; ``flush`` writes them."""

    def __init__(self, bulk: Bulk, journal: Journal, arrivals: Arrivals) -> None:
        self._bulk, self._journal, self._arrivals = bulk, journal, arrivals
        self._updates: dict[type[Any], dict[int, Values]] = defaultdict(dict)
        self._removed: dict[type[Any], list[int]] = defaultdict(list)

    def apply_numbers(self, rows: CrmRows, changed: Mapping[str, Any]) -> None:
        """The rows for phone, fax and e-mail of the tiers itself, where its columns changed; those are in the journal already."""
        for attr, kind in TIERS_PHONES:
            if attr in changed:
                self._set_number(Phone, rows, None, kind, changed[attr])
        if "email" in changed:
            self._set_number(Email, rows, None, EmailKind.INFORMATION.value, changed["email"])

    def apply(self, rows: CrmRows, merged: Merge, erp: Snapshot) -> bool:
        """Children that came, changed, went, or stand elsewhere in the ERP's list; whether anything did."""
        known = {"addresses": _by_key(rows.addresses.values()), "contacts": _by_key(rows.contacts.values())}
        for (name, row_id), key in merged.keys.items():
            row = (rows.addresses if name == "addresses" else rows.contacts)[row_id]
            known[name][key or new_key(row_id)] = row
            self._set(_ENTITIES[name][0], row_id, {"erp_key": key})
        changes = [(split(change.path), change) for change in merged.crm if "/" in change.path]
        # Addresses first: a contact that comes has the billing one as its default (CRM-44).
        for (name, key, attr), change in sorted(changes, key=lambda item: item[0][0]):
            if attr:
                self._change(rows, name, known[name][key], attr, change)
            elif change.after is None:
                self._remove(rows, name, known[name].pop(key), change)
            else:
                known[name][key] = self._add(rows, name, change, erp, standing=bool(known["contacts"]))
        moved = [self._place(name, known[name], erp) for name in CHILDREN]
        self._heir(rows, known["contacts"])
        return bool(changes or merged.keys or any(moved))

    def _change(self, rows: CrmRows, name: str, row: Local, attr: str, change: Change) -> None:
        entity, kind = _ENTITIES[name]
        self._journal.value(
            *(kind, row["id"], row["erp_key"], attr, change.before, change.after, change.rule),
            account_id=rows.account["id"],
        )
        if name == "contacts" and attr in _CONTACT_KINDS:
            self._set_number(Phone, rows, row["id"], _CONTACT_KINDS[attr], change.after)
        elif name == "contacts" and attr == "email":
            self._set_number(Email, rows, row["id"], EmailKind.EMAIL.value, change.after)
        else:
            self._set(entity, row["id"], {attr: change.after is True if attr == "main" else change.after})

    def _add(self, rows: CrmRows, name: str, change: Change, erp: Snapshot, *, standing: bool) -> Local:
        entity, kind = _ENTITIES[name]
        new_id = next(self._bulk.next_ids(entity, 1))
        place = _positions(name, erp).get(change.after["key"], 0)
        row: Local = {"id": new_id, "erp_key": change.after["key"], "position": place, "is_default": False}
        if name == "addresses":
            row["is_default"] = self._arrivals.add_address(ADDRESS.record(**change.after), rows.owner, new_id, place)
            rows.addresses[new_id] = row
        else:
            row["is_default"] = not standing
            contact = CONTACT.record(**change.after)
            self._arrivals.add_contact(contact, rows.owner, new_id, place, _billing(rows), default=not standing)
        # At once: the next id is the one after the highest.
        self._arrivals.flush()
        told = {"before": None, "after": change.after, "rule": change.rule, "account_id": rows.account["id"]}
        self._journal.row(kind, new_id, row["erp_key"], **told)
        return row

    def _remove(self, rows: CrmRows, name: str, row: Local, change: Change) -> None:
        entity, kind = _ENTITIES[name]
        told = {"before": change.before, "after": None, "rule": change.rule, "account_id": rows.account["id"]}
        self._journal.row(kind, row["id"], row["erp_key"], **told)
        self._removed[entity].append(row["id"])
        if name == "addresses":
            rows.addresses.pop(row["id"], None)
            for contact in rows.contacts.values():
                if contact["default_address_id"] == row["id"]:
                    self._set(Contact, contact["id"], {"default_address_id": _billing(rows)})
            return
        rows.contacts.pop(row["id"], None)
        for entity_of, numbers in ((Phone, rows.phones), (Email, rows.emails)):
            mine = (number["id"] for (contact_id, _), number in numbers.items() if contact_id == row["id"])
            self._removed[entity_of].extend(mine)

    def _place(self, name: str, known: Mapping[str, Local], erp: Snapshot) -> bool:
        """Positions follow the ERP's list; they are derived, and not in the journal."""
        moved = False
        for key, place in _positions(name, erp).items():
            row = known.get(key)
            if row is not None and row["position"] != place:
                self._set(_ENTITIES[name][0], row["id"], {"position": place})
                moved = True
        return moved

    def _heir(self, rows: CrmRows, known: Mapping[str, Local]) -> None:
        """There is always a default contact (CRM-44)."""
        standing = {row["id"]: row for row in (*rows.contacts.values(), *known.values())}
        if standing and not any(row["is_default"] for row in standing.values()):
            heir = min(standing.values(), key=lambda row: (int(row["position"]), int(row["id"])))
            self._set(Contact, heir["id"], {"is_default": True})

    def _set_number(self, entity: type[Any], rows: CrmRows, contact_id: int | None, kind: str, value: Any) -> None:
        row = (rows.phones if entity is Phone else rows.emails).get((contact_id, kind))
        if row is None:
            add = self._arrivals.add_phone if entity is Phone else self._arrivals.add_email
            add(rows.owner, contact_id, kind, value)
        elif value:
            self._set(entity, row["id"], {_VALUE[entity]: value})
        else:
            self._removed[entity].append(row["id"])

    def _set(self, entity: type[Any], row_id: int, values: Values) -> None:
        self._updates[entity].setdefault(row_id, {}).update(values)

    def flush(self) -> None:
        """Write the changes gathered so far."""
        self._arrivals.flush()
        for entity, changes in self._updates.items():
            self._bulk.update(entity, changes)
        for entity in (Phone, Email, Contact, Address):
            self._bulk.delete(entity, self._removed[entity])
        self._updates.clear()
        self._removed.clear()


def _by_key(rows: Iterable[Local]) -> dict[str, Local]:
    """Rows by what a path calls them."""
    return {row["erp_key"] or new_key(row["id"]): row for row in rows}


def _positions(name: str, erp: Snapshot) -> dict[str, int]:
    return {child["key"]: place for place, child in enumerate(erp.get(name, []))}


def _billing(rows: CrmRows) -> int | None:
    return next((row["id"] for row in rows.addresses.values() if row["is_default"]), None)
