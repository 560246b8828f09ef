"""Replication Account → Company, and the values the CRM adds by itself. Pure.

CRM-29: an ERP change updates the Account and, by replication, the Company. The pairs of columns derive from the contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

from contracts.errors import InvalidRecord
from contracts.fields import ABSENT, Record, Value
from contracts.tables import SUPPLIER, TIERS
from syncengine.core.policies import Policies
from syncengine.core.snapshot import LEAVES
from syncengine.model import AssignmentRule, RecordStatus

Assignee = TypeVar("Assignee", int, str)
"""A user or a representative."""

TELECOM: Final = ("phone", "fax", "email")
"""Leaves of a tiers that are rows of their own on the CRM side (CRM-39)."""

COMPANY_LEAVES: Final = tuple(attr for attr in LEAVES if attr not in {"type", "dormant", *TELECOM})
"""Leaves that a Company holds under the same name as its Account."""

DEFAULTED: Final = ("currency", "accounting_category", "price_category", "language")
"""Fields that take the first of the ERP's list when empty (CRM-26)."""

CHECKED: Final = {
    "currency": "currency",
    "accounting_category": "accounting_category",
    "price_category": "price_category",
}
"""Fields whose value must be in a list of the ERP: field → kind of parameter."""


UNKNOWN: Final = tuple(f"unknown_{attr}" for attr in (*CHECKED, "representative"))
"""The reasons for which ``Rules.check`` refuses a value, which later lists of the ERP may hold."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What decides how a tiers becomes a Company: the integration's settings and the ERP's lists."""

    integration_id: int
    cycle_id: int
    client_type: str
    supplier_type: str
    company_types: Mapping[str, str | None] = field(default_factory=dict)
    territory_id: int | None = None
    supplier_territory_id: int | None = None
    manager_id: int | None = None
    manager_rule: AssignmentRule = AssignmentRule.NONE
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    representatives: Mapping[str, int | None] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    clock_tolerance: timedelta = timedelta(minutes=5)
    untold: frozenset[str] = frozenset()
    dormant_told: bool = True

    def with_defaults(self, record: Record) -> Record:
        """The record with the first of the ERP's list where a listed field is empty (CRM-26)."""
        values: list[Value] | None = None
        for attr in DEFAULTED:
            position = TIERS.index[attr]
            known = self.parameters.get(attr)
            if not record.values[position] and known:
                values = values or list(record.values)
                values[position] = known[0]
        return record if values is None else Record(TIERS, tuple(values))

    def check(self, record: Record) -> None:
        """Raises InvalidRecord when the tiers has no code or name, or names a category, currency or representative not known."""
        key = record.text("code")
        if not key:
            raise InvalidRecord("the tiers has no code", code="code_missing", record=key, field="Code")
        if not record.values[_NAME]:
            raise InvalidRecord(
                "the tiers has no name",
                code="name_missing",
                record=key,
                field="Name",
                remedy="Enter the Intitulé of the tiers in Sage 100; it arrives with the next cycle.",
            )
        for attr, kind in CHECKED.items():
            value = record.values[TIERS.index[attr]]
            if value and value not in self.parameters.get(kind, ()):
                raise self._unknown(key, attr, value)
        representative = record.values[_REPRESENTATIVE]
        if representative and representative not in self.representatives:
            raise self._unknown(key, "representative", representative)
        for position, label in _CHILDREN:
            _distinct(key, record.values[position], label)

    def _unknown(self, key: str, attr: str, value: Value) -> InvalidRecord:
        declared = TIERS.field(attr)
        return InvalidRecord(
            f"{declared.label} {value} is not in the ERP's list",
            code=f"unknown_{attr}",
            record=key,
            field=declared.name,
            remedy=f"Choose an existing value for '{declared.label}' on the tiers in Sage 100; it arrives with the next cycle.",
        )

    def company_type(self, tiers_type: Any) -> str:
        """The type of the Company of a new tiers (CRM-35)."""
        return self.supplier_type if tiers_type == SUPPLIER else self.client_type

    def following_type(self, tiers_type: Any, current: str) -> str:
        """The Company's type once its tiers is of that type: unchanged while it stands for it (CRM-35)."""
        return current if self.company_types.get(current) == tiers_type else self.company_type(tiers_type)

    def territory(self, tiers_type: Any) -> int | None:
        """The territory of a new Company; suppliers may have one of their own (CRM-16)."""
        if tiers_type == SUPPLIER and self.supplier_territory_id is not None:
            return self.supplier_territory_id
        return self.territory_id

    def manager(self, representative: Any, current: int | None = None) -> int | None:
        """The account manager by the rule manager ← representative (CRM-17); ``current`` is the Company's own."""
        user = self.representatives.get(representative) if representative else None
        found = assigned(self.manager_rule, current, () if user is None else (user,))
        return self.manager_id if found is None else found


def assigned(rule: AssignmentRule, current: Assignee | None, candidates: Sequence[Assignee]) -> Assignee | None:
    """Who is assigned by a rule of CRM-17, either way: ``candidates`` are tied to the other one, the first comes first."""
    if not candidates or rule is AssignmentRule.NONE or (rule is AssignmentRule.IF_EMPTY and current):
        return current
    return current if current in candidates else candidates[0]


_NAME, _REPRESENTATIVE = TIERS.index["name"], TIERS.index["representative"]
_CHILDREN = ((TIERS.index["addresses"], "Addresses"), (TIERS.index["contacts"], "Contacts"))


def _distinct(code: str, children: Value, label: str) -> None:
    """Raises InvalidRecord when two children of a tiers have one number: they could not be told apart (G4)."""
    if not isinstance(children, list) or len(children) < 2:
        return
    keys = [child.values[0] for child in children]
    if len(set(keys)) != len(keys):
        raise InvalidRecord("two of them have the same number", code="duplicate_child", record=code, field=label)


def status_of(dormant: Any) -> str:
    """Status ↔ dormant (CRM-37): a dormant tiers is an inactive Account and Company (CRM-12)."""
    return (RecordStatus.INACTIVE if dormant is True else RecordStatus.ACTIVE).value


def to_company(changed: Mapping[str, Any]) -> dict[str, Any]:
    """The Company's columns for changed columns of its Account (CRM-29)."""
    return {attr: value for attr, value in changed.items() if attr in COMPANY_LEAVES or attr in _ALSO}


_ALSO: Final = ("status", "free_values")


def to_account(changed: Mapping[str, Any]) -> dict[str, Any]:
    """The Account's columns for changed columns of its Company (CRM-28); making it inactive makes the tiers dormant (CRM-32)."""
    replicas = {attr: value for attr, value in changed.items() if attr in COMPANY_LEAVES or attr in _ALSO}
    if "status" in changed:
        replicas["dormant"] = changed["status"] == RecordStatus.INACTIVE
    return replicas


def said(value: Value) -> Value:
    """A value for a new row: what was not said is empty."""
    return None if value is ABSENT else value
