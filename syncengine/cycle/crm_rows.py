"""The CRM's side of some tiers: their Accounts with Companies and child rows, loaded in bulk, and as snapshots to merge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from contracts.tables import ADDRESS
from syncengine.core.snapshot import LEAVES, Snapshot, Values
from syncengine.cycle.arrivals import CONTACT_LEAVES, CONTACT_PHONES
from syncengine.model import Account, Address, Company, Contact, Email, Phone
from syncengine.storage.bulk import Bulk

Local: TypeAlias = dict[str, Any]
ADDRESS_LEAVES: Final = tuple(attr for attr in ADDRESS.index if attr != "key")


@dataclass(frozen=True, kw_only=True)
class CrmRows:
    """The rows of one Account, numbers by (contact or None, kind); ``company`` is None for a secondary or orphan one (CRM-34)."""

    account: Local
    company: Local | None
    addresses: dict[int, Local] = field(default_factory=dict)
    contacts: dict[int, Local] = field(default_factory=dict)
    phones: dict[tuple[int | None, str], Local] = field(default_factory=dict)
    emails: dict[tuple[int | None, str], Local] = field(default_factory=dict)

    @property
    def owner(self) -> tuple[int | None, int]:
        """Company and Account that own a child row."""
        return self.account["company_id"], self.account["id"]

    def snapshot(self) -> Snapshot:
        """The tiers as the CRM has it; a child carries its row as 'id', and 'key' once the ERP has it too."""
        account = self.account
        said: Snapshot = {attr: value for attr in LEAVES if (value := account[attr])}
        said["addresses"] = [_address(row) for row in self.addresses.values()]
        said["contacts"] = [self._contact(row) for row in self.contacts.values()]
        said["free_fields"] = account["free_values"] or {}
        return said

    def _contact(self, row: Local) -> Values:
        values: Values = {attr: value for attr in CONTACT_LEAVES if (value := row[attr])}
        for attr, kind in CONTACT_PHONES:
            if (phone := self.phones.get((row["id"], kind))) is not None:
                values[attr] = phone["number"]
        if (email := self.emails.get((row["id"], "email"))) is not None:
            values["email"] = email["address"]
        return _identified(values, row)


def _address(row: Local) -> Values:
    return _identified({attr: value for attr in ADDRESS_LEAVES if (value := row[attr])}, row)


def _identified(values: Values, row: Local) -> Values:
    values["id"] = row["id"]
    if row["erp_key"]:
        values["key"] = row["erp_key"]
    return values


def load_rows(bulk: Bulk, account_ids: Iterable[int], *, lock: bool = True) -> dict[int, CrmRows]:
    """The rows of these Accounts, by Account; locked, nobody edits them until the transaction ends.

    Without lock they are only looked at, and come without their Companies.
    """
    ids = list(account_ids)
    accounts = list(bulk.locked(Account, ids) if lock else bulk.rows(Account, "id", ids))
    main = [row["company_id"] for row in accounts if lock and row["is_main"] and row["company_id"] is not None]
    companies = {row["id"]: row for row in bulk.rows(Company, "id", main)}
    addresses, contacts = _children(bulk, Address, ids), _children(bulk, Contact, ids)
    phones, emails = _numbers(bulk, Phone, ids), _numbers(bulk, Email, ids)
    return {
        row["id"]: CrmRows(
            account=row,
            company=companies.get(row["company_id"]) if row["is_main"] else None,
            addresses=addresses.get(row["id"], {}),
            contacts=contacts.get(row["id"], {}),
            phones=phones.get(row["id"], {}),
            emails=emails.get(row["id"], {}),
        )
        for row in accounts
    }


def _children(bulk: Bulk, entity: type[Any], ids: list[int]) -> Mapping[int, dict[int, Local]]:
    """By Account and id, in the order of the ERP's list."""
    rows = sorted(bulk.rows(entity, "account_id", ids), key=lambda row: (row["position"], row["id"]))
    found: dict[int, dict[int, Local]] = defaultdict(dict)
    for row in rows:
        found[row["account_id"]][row["id"]] = row
    return found


def _numbers(bulk: Bulk, entity: type[Any], ids: list[int]) -> Mapping[int, dict[tuple[int | None, str], Local]]:
    found: dict[int, dict[tuple[int | None, str], Local]] = defaultdict(dict)
    for row in bulk.rows(entity, "account_id", ids):
        found[row["account_id"]][row["contact_id"], row["kind"]] = row
    return found
