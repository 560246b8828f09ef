"""A tiers as plain values: what a Link keeps as base. Pure.

A snapshot holds a name only when its value says something (not empty, not False), so that a field added to the contract, an
emptied value and a value never set are one and the same, and normalisation never looks like a change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, Final, TypeAlias

from contracts.fields import ABSENT, Record, Value
from contracts.tables import ADDRESS, CONTACT, TIERS

Values: TypeAlias = dict[str, Any]
"""Attribute → value of one record; what is missing is empty."""
Snapshot: TypeAlias = dict[str, Any]
"""``Values`` of a tiers, with 'free_fields' (name → value) and 'addresses' and 'contacts' (lists of ``Values``)."""

CHILDREN: Final = ("addresses", "contacts")
FORMAT: Final = 1
"""Of the text a Link keeps; a change of the order or number of the contract's fields needs a new one, and a reader of both."""
ABOUT: Final = frozenset({"version", "modified"})
"""What the ERP says about a record rather than in it: no value, and no change of one."""
LEAVES: Final = tuple(field.attr for field in TIERS.fields if field.attr not in ABOUT)
_POSITIONS = tuple(TIERS.index[attr] for attr in LEAVES)
_pick = itemgetter(*_POSITIONS)
_ADDRESS_ATTRS = tuple(ADDRESS.index)
_CONTACT_ATTRS = tuple(CONTACT.index)
_FREE, _ADDRESSES, _CONTACTS = (TIERS.index[name] for name in ("free_fields", *CHILDREN))


def leaves(record: Record) -> tuple[Value, ...]:
    """The leaf values of a tiers in the order of ``LEAVES``."""
    return _pick(record.values)  # type: ignore[no-any-return]


def snapshot(record: Record, before: Mapping[str, Any] | None = None) -> Snapshot:
    """The values of a tiers as received; what it did not say is taken from the snapshot before (CRM-12)."""
    kept = before or {}
    said: Snapshot = {}
    for attr, value in zip(LEAVES, leaves(record), strict=True):
        known = kept.get(attr) if value is ABSENT else value
        if known:
            said[attr] = known
    for name, position, attrs in (
        ("addresses", _ADDRESSES, _ADDRESS_ATTRS),
        ("contacts", _CONTACTS, _CONTACT_ATTRS),
    ):
        children = record.values[position]
        if isinstance(children, list):
            said[name] = [child_values(attrs, child, kept.get(name)) for child in children]
        elif name in kept:
            said[name] = kept[name]
    free = free_values(record)
    said["free_fields"] = kept.get("free_fields", {}) if free is None else free
    return said


def child_values(attrs: tuple[str, ...], child: Record, before: Iterable[Values] | None) -> Values:
    """The values of an address or contact; what it did not say is taken from the child of the same key before."""
    values = {attr: value for attr, value in zip(attrs, child.values, strict=True) if value}
    if before is not None and ABSENT in child.values:
        same = next((kept for kept in before if kept.get("key") == values.get("key")), {})
        not_said = {attr for attr, value in zip(attrs, child.values, strict=True) if value is ABSENT}
        values |= {attr: value for attr, value in same.items() if attr in not_said}
    return values


def free_values(record: Record) -> Values | None:
    """The free-field values of a tiers by name, empty ones left out; None when not said."""
    free = record.values[_FREE]
    if not isinstance(free, list):
        return None
    return {item.values[0]: item.values[1] for item in free if item.values[1]}  # type: ignore[misc]


def compact(values: Any) -> str:
    """JSON without blanks; a value that was not said is null."""
    return _encode(values)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=lambda _absent: None).encode


def base_text(record: Record, free: str | None) -> str:
    """What a Link keeps of a record as received; ``free`` is its free values as JSON. The hot path of ``dump(snapshot(…))``."""
    addresses, contacts = record.values[_ADDRESSES], record.values[_CONTACTS]
    return (
        f"[{FORMAT},{_encode(leaves(record))},"
        f"{_encode([child.values for child in addresses]) if isinstance(addresses, list) else 'null'},"
        f"{_encode([child.values for child in contacts]) if isinstance(contacts, list) else 'null'},{free or '{}'}]"
    )


def dump(values: Snapshot) -> str:
    """A snapshot as a Link keeps it: values in the order of the contract, without their names, which are two thirds of the text."""
    addresses, contacts = (
        [[child.get(attr) for attr in attrs] for child in values[name]] if name in values else None
        for name, attrs in zip(CHILDREN, (_ADDRESS_ATTRS, _CONTACT_ATTRS), strict=True)
    )
    free = values.get("free_fields", {})
    return _encode([FORMAT, [values.get(attr) for attr in LEAVES], addresses, contacts, free])


def load(text: str | None) -> Snapshot:
    """A snapshot from what a Link keeps. Raises ValueError for a format this program does not know."""
    if not text:
        return {}
    form, own, addresses, contacts, free = json.loads(text)
    if form != FORMAT:
        raise ValueError(f"a base of format {form}, this program reads {FORMAT}")
    values: Snapshot = {attr: value for attr, value in zip(LEAVES, own, strict=True) if value}
    for name, attrs, children in zip(CHILDREN, (_ADDRESS_ATTRS, _CONTACT_ATTRS), (addresses, contacts), strict=True):
        if children is not None:
            values[name] = [
                {attr: value for attr, value in zip(attrs, child, strict=True) if value} for child in children
            ]
    values["free_fields"] = free
    return values
