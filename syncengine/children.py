"""Addresses, contacts, phones and e-mails of tiers that are linked already: what the ERP changed, row by row (CRM-38, CRM-39)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from contracts.tables import ADDRESS, CONTACT
from syncengine.arrivals import CONTACT_LEAVES, CONTACT_PHONES, TIERS_PHONES, Arrivals, Owner
from syncengine.bulk import Bulk
from syncengine.journal import Journal, Rule
from syncengine.model import Address, Contact, Email, EmailKind, Phone
from syncengine.model.link import Entity
from syncengine.snapshot import ChildChange, Values

Local: TypeAlias = dict[str, Any]
ADDRESS_LEAVES: Final = tuple(attr for attr in ADDRESS.index if attr != "key")


class Children:
    """The child rows of some accounts, and the changes to them."""

    def __init__(self, bulk: Bulk, journal: Journal, arrivals: Arrivals, account_ids: Iterable[int]) -> None:
        self._bulk, self._journal, self._arrivals = bulk, journal, arrivals
        ids = list(account_ids)
        self._addresses = self._by_account(Address, ids)
        self._contacts = self._by_account(Contact, ids)
        self._numbers = {Phone: self._by_owner(Phone, ids), Email: self._by_owner(Email, ids)}
        self._updates: dict[type[Any], dict[int, Values]] = defaultdict(dict)
        self._removed: dict[type[Any], list[int]] = defaultdict(list)

    def _by_account(self, entity: type[Any], ids: list[int]) -> dict[int, dict[str, Local]]:
        found: dict[int, dict[str, Local]] = defaultdict(dict)
        for row in self._bulk.rows(entity, "account_id", ids):
            found[row["account_id"]][row["erp_key"] or ""] = row
        return found

    def _by_owner(self, entity: type[Any], ids: list[int]) -> dict[tuple[int, int | None, str], Local]:
        return {
            (row["account_id"], row["contact_id"], row["kind"]): row
            for row in self._bulk.rows(entity, "account_id", ids)
        }

    def apply_numbers(self, owner: Owner, code: str, fields: Mapping[str, Any]) -> None:
        """Phone, fax and e-mail of the tiers itself, where they changed."""
        for attr, kind in TIERS_PHONES:
            if attr in fields:
                self._number(Phone, owner, None, kind, fields[attr], code)
        if "email" in fields:
            self._number(Email, owner, None, EmailKind.INFORMATION.value, fields["email"], code)

    def apply_addresses(self, owner: Owner, changes: list[ChildChange]) -> None:
        """Addresses that came, changed or went; a contact of one that goes takes the billing address (CRM-44)."""
        known = self._addresses[owner[1]]
        for change in changes:
            row = known.get(change.key)
            if change.after is None:
                self._remove_address(owner, row)
            elif row is None:
                new_id = next(self._bulk.next_ids(Address, 1))
                self._arrivals.add_address(ADDRESS.record(**change.after), owner, new_id, change.position)
                self._arrivals.flush()
                self._journal.row(Entity.ADDRESS, new_id, change.key, before=None, after=change.after)
            else:
                self._change(Address, Entity.ADDRESS, row, change, ADDRESS_LEAVES)

    def _remove_address(self, owner: Owner, row: Local | None) -> None:
        if row is None:
            return
        billing = next((other["id"] for other in self._addresses[owner[1]].values() if other["is_default"]), None)
        for contact in self._contacts[owner[1]].values():
            if contact["default_address_id"] == row["id"]:
                self._set(Contact, contact["id"], {"default_address_id": billing if billing != row["id"] else None})
        self._journal.row(Entity.ADDRESS, row["id"], row["erp_key"] or "", before=_said(row), after=None)
        self._removed[Address].append(row["id"])

    def apply_contacts(self, owner: Owner, changes: list[ChildChange]) -> None:
        """Contacts that came, changed or went, with their numbers; there is always a default contact (CRM-44)."""
        known = self._contacts[owner[1]]
        billing = next((row["id"] for row in self._addresses[owner[1]].values() if row["is_default"]), None)
        staying = {key: row for key, row in known.items() if key not in {c.key for c in changes if c.after is None}}
        for change in changes:
            row = known.get(change.key)
            if change.after is None:
                self._remove_contact(owner, row)
            elif row is None:
                new_id = next(self._bulk.next_ids(Contact, 1))
                first = not staying
                contact = CONTACT.record(**change.after)
                self._arrivals.add_contact(contact, owner, new_id, change.position, billing, default=first)
                self._arrivals.flush()
                staying[change.key] = {"id": new_id, "is_default": first, "position": change.position}
                self._journal.row(Entity.CONTACT, new_id, change.key, before=None, after=change.after)
            else:
                self._change(Contact, Entity.CONTACT, row, change, CONTACT_LEAVES)
                self._contact_numbers(owner, row["id"], change)
        if staying and not any(row["is_default"] for row in staying.values()):
            heir = min(staying.values(), key=lambda row: int(row["position"]))
            self._set(Contact, heir["id"], {"is_default": True})

    def _contact_numbers(self, owner: Owner, contact_id: int, change: ChildChange) -> None:
        before, after = change.before or {}, change.after or {}
        for attr, kind in CONTACT_PHONES:
            if before.get(attr) != after.get(attr):
                self._number(Phone, owner, contact_id, kind, after.get(attr), change.key)
        if before.get("email") != after.get("email"):
            self._number(Email, owner, contact_id, EmailKind.EMAIL.value, after.get("email"), change.key)

    def _remove_contact(self, owner: Owner, row: Local | None) -> None:
        if row is None:
            return
        numbers: Values = {}
        for entity, known in self._numbers.items():
            for (account_id, contact_id, kind), number in known.items():
                if account_id == owner[1] and contact_id == row["id"]:
                    numbers[kind] = number[_VALUE[entity]]
                    self._removed[entity].append(number["id"])
        self._journal.row(Entity.CONTACT, row["id"], row["erp_key"] or "", before=_said(row) | numbers, after=None)
        self._removed[Contact].append(row["id"])

    def _change(self, entity: type[Any], name: Entity, row: Local, change: ChildChange, attrs: tuple[str, ...]) -> None:
        before, after = change.before or {}, change.after or {}
        changed = {attr: after.get(attr) for attr in attrs if before.get(attr) != after.get(attr)}
        if "main" in changed:
            changed["main"] = changed["main"] is True
        changed = {attr: value for attr, value in changed.items() if (row[attr] or None) != (value or None)}
        for attr, value in changed.items():
            self._journal.value(name, row["id"], change.key, attr, row[attr], value, Rule.ERP_CHANGED)
        if row["position"] != change.position:
            changed["position"] = change.position
        if changed:
            self._set(entity, row["id"], changed)

    def _number(self, entity: type[Any], owner: Owner, contact_id: int | None, kind: str, value: Any, key: str) -> None:
        row = self._numbers[entity].get((owner[1], contact_id, kind))
        name = Entity.CONTACT if contact_id else Entity.ACCOUNT
        record_id = contact_id or owner[1]
        before = row[_VALUE[entity]] if row else None
        if before == value:
            return
        if contact_id:
            self._journal.value(name, record_id, key, kind, before, value, Rule.ERP_CHANGED)
        if row is None:
            (self._arrivals.add_phone if entity is Phone else self._arrivals.add_email)(owner, contact_id, kind, value)
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


_VALUE: Final[dict[type[Any], str]] = {Phone: "number", Email: "address"}


def _said(row: Local) -> Values:
    return {attr: value for attr, value in row.items() if value is not None and attr not in {"id", "company_id"}}
