"""New tiers of a page as rows of the CRM, in bulk (CRM-13, CRM-27, CRM-38, CRM-39, CRM-44).

The hot path of a first synchronisation: one tuple per row, no object per value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, TypeAlias

from contracts.fields import ABSENT, Record
from contracts.tables import ADDRESS, BILLING, CONTACT, TIERS
from syncengine.core.replicate import COMPANY_LEAVES, Rules, said, status_of
from syncengine.core.snapshot import LEAVES, base_text, compact, free_values, leaves
from syncengine.model import (
    Account,
    Address,
    Company,
    Contact,
    Email,
    EmailKind,
    ErpState,
    Link,
    LinkState,
    Phone,
    PhoneKind,
)
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, Row

Owner: TypeAlias = tuple[int | None, int]
"""Company and Account that own a child row."""

ACCOUNT_COLUMNS: Final = (
    *("id", "integration_id", "company_id", "is_main", "status", "erp_state"),
    *LEAVES,
    *("free_values", "created_at", "updated_at"),
)
COMPANY_COLUMNS: Final = (
    *("id", "company_type", "status"),
    *COMPANY_LEAVES,
    *("free_values", "manager_id", "territory_id", "created_at", "updated_at", "created_cycle_id"),
)
LINK_COLUMNS: Final = ("integration_id", "entity", "local_id", "erp_key", "erp_version", "base", "state")
ADDRESS_COLUMNS: Final = (
    *("id", "company_id", "account_id", "position", "is_default"),
    *("erp_key" if attr == "key" else attr for attr in ADDRESS.index),
)
CONTACT_LEAVES: Final = ("civility", "last_name", "first_name", "function", "service")
CONTACT_COLUMNS: Final = (
    *("id", "company_id", "account_id", "position", "is_default", "default_address_id", "erp_key"),
    *CONTACT_LEAVES,
)
PHONE_COLUMNS: Final = ("company_id", "account_id", "contact_id", "kind", "number")
EMAIL_COLUMNS: Final = ("company_id", "account_id", "contact_id", "kind", "address")

TIERS_PHONES: Final = (("phone", PhoneKind.STANDARD.value), ("fax", PhoneKind.FAX.value))
CONTACT_PHONES: Final = (
    ("phone", PhoneKind.PHONE.value),
    ("mobile", PhoneKind.MOBILE.value),
    ("fax", PhoneKind.FAX.value),
)
"""Field of the contract → kind of the phone row (CRM-39)."""

_company_leaves = itemgetter(*(LEAVES.index(attr) for attr in COMPANY_LEAVES))
_contact_leaves = itemgetter(*(CONTACT.index[attr] for attr in CONTACT_LEAVES))
_TYPE, _DORMANT, _REPRESENTATIVE, _CODE = (LEAVES.index(name) for name in ("type", "dormant", "representative", "code"))
_tiers_phones = tuple((TIERS.index[attr], kind) for attr, kind in TIERS_PHONES)
_contact_phones = tuple((CONTACT.index[attr], kind) for attr, kind in CONTACT_PHONES)
_EMAIL, _CONTACT_EMAIL = TIERS.index["email"], CONTACT.index["email"]
_CONTACT_KEY, _VERSION = CONTACT.index["key"], TIERS.index["version"]
_KIND, _MAIN = ADDRESS.index["kind"], ADDRESS.index["main"]


class Arrivals:
    """The rows that new tiers become; ``insert`` writes them."""

    def __init__(self, bulk: Bulk, rules: Rules, now: datetime) -> None:
        self._bulk = bulk
        self._rules = rules
        self._now = bulk.instant(now)
        self._companies: list[Row] = []
        self._accounts: list[Row] = []
        self._links: list[Row] = []
        self._addresses: list[Row] = []
        self._contacts: list[Row] = []
        self._phones: list[Row] = []
        self._emails: list[Row] = []

    def insert(self, records: Sequence[Record]) -> None:
        """Insert Company, Account, link and children of each of these tiers, which have no link yet."""
        if not records:
            return
        count = len(records)
        companies, accounts = self._bulk.next_ids(Company, count), self._bulk.next_ids(Account, count)
        addresses = self._bulk.next_ids(Address, sum(len(record.many("addresses")) for record in records))
        contacts = self._bulk.next_ids(Contact, sum(len(record.many("contacts")) for record in records))
        for record in records:
            owner = (next(companies), next(accounts))
            self._tiers(record, owner)
            billing: int | None = None
            for position, address in enumerate(record.many("addresses")):
                address_id = next(addresses)
                if self.add_address(address, owner, address_id, position):
                    billing = address_id
            for position, contact in enumerate(record.many("contacts")):
                self.add_contact(contact, owner, next(contacts), position, billing, default=position == 0)
        self.flush()

    def flush(self) -> None:
        """Write the rows gathered so far, parents first."""
        for entity, columns, rows in (
            (Company, COMPANY_COLUMNS, self._companies),
            (Account, ACCOUNT_COLUMNS, self._accounts),
            (Address, ADDRESS_COLUMNS, self._addresses),
            (Contact, CONTACT_COLUMNS, self._contacts),
            (Phone, PHONE_COLUMNS, self._phones),
            (Email, EMAIL_COLUMNS, self._emails),
            (Link, LINK_COLUMNS, self._links),
        ):
            self._bulk.insert(entity, columns, rows)
            rows.clear()

    def _tiers(self, record: Record, owner: Owner) -> None:
        company_id, account_id = owner
        values = leaves(record)
        if ABSENT in values:
            values = tuple(said(value) for value in values)
        rules, now = self._rules, self._now
        named = free_values(record)
        free = compact(named) if named else None
        status, tiers_type = status_of(values[_DORMANT]), values[_TYPE]
        manager, territory = rules.manager(values[_REPRESENTATIVE]), rules.territory(tiers_type)
        stamps = (now, now)
        state, linked = ErpState.PRESENT.value, LinkState.LINKED.value
        self._accounts.append(
            (account_id, rules.integration_id, company_id, True, status, state, *values, free, *stamps)
        )
        company_type = rules.company_type(tiers_type)
        own = _company_leaves(values)
        self._companies.append(
            (company_id, company_type, status, *own, free, manager, territory, *stamps, rules.cycle_id)
        )
        version, integration = record.values[_VERSION], rules.integration_id
        self._links.append(
            (integration, Entity.ACCOUNT.value, account_id, values[_CODE], version, base_text(record, free), linked)
        )
        for position, kind in _tiers_phones:
            self.add_phone(owner, None, kind, record.values[position])
        self.add_email(owner, None, EmailKind.INFORMATION.value, record.values[_EMAIL])

    def add_address(self, address: Record, owner: Owner, address_id: int, position: int) -> bool:
        """A row for an address; whether it is the billing address, which is the default one (CRM-26)."""
        values = list(map(said, address.values))
        values[_MAIN] = values[_MAIN] is True
        default = values[_KIND] == BILLING
        self._addresses.append((address_id, *owner, position, default, *values))
        return default

    def add_contact(
        self, contact: Record, owner: Owner, contact_id: int, position: int, billing: int | None, *, default: bool
    ) -> None:
        """Rows for a contact with its numbers; its default address is the billing one (CRM-44)."""
        values = contact.values
        own = map(said, _contact_leaves(values))
        key = said(values[_CONTACT_KEY])
        self._contacts.append((contact_id, *owner, position, default, billing, key, *own))
        for place, kind in _contact_phones:
            self.add_phone(owner, contact_id, kind, values[place])
        self.add_email(owner, contact_id, EmailKind.EMAIL.value, values[_CONTACT_EMAIL])

    def add_phone(self, owner: Owner, contact_id: int | None, kind: str, number: Any) -> None:
        """A row for a number that says something."""
        if number:
            self._phones.append((*owner, contact_id, kind, number))

    def add_email(self, owner: Owner, contact_id: int | None, kind: str, address: Any) -> None:
        """A row for an e-mail that says something."""
        if address:
            self._emails.append((*owner, contact_id, kind, address))
