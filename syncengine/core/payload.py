"""What a write says: the changes to one tiers, as the contract carries them (CRM-01, CRM-38, CRM-45). Pure.

An element that is absent is left alone by the ERP; a list of children that is given is the whole truth. So only fields that change
are said, and of a list each child that stays, with its number and what the contract cannot do without.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from contracts.fields import Flow, Kind, Record, Struct, Value
from contracts.tables import ADDRESS, CONTACT, TIERS
from syncengine.core.account_code import sent_code
from syncengine.core.merge import Change
from syncengine.core.paths import split
from syncengine.core.snapshot import CHILDREN, LEAVES, Snapshot, Values

_STRUCTS: Final = {"addresses": ADDRESS, "contacts": CONTACT}
_MANDATORY: Final = {"addresses": ("key", "kind"), "contacts": ("key", "last_name")}
_ERP_ONLY: Final = frozenset({"main"})


def update_of(code: str, erp: Snapshot, changes: Iterable[Change]) -> Record:
    """A record of TIERS with these changes to the tiers as the ERP has it."""
    values: dict[str, Value] = {"code": code, "type": erp.get("type"), "name": erp.get("name")}
    children: dict[str, list[Change]] = {}
    for change in changes:
        name, key, _ = split(change.path)
        if key:
            children.setdefault(name, []).append(change)
        else:
            values[change.path] = _said(TIERS, change.path, change.after)
    for name, own in children.items():
        values[name] = _list(name, erp.get(name, []), own)
    return TIERS.record(**values)


def _list(name: str, present: list[Values], changes: list[Change]) -> list[Record]:
    struct, mandatory = _STRUCTS[name], _MANDATORY[name]
    wanted: dict[str, dict[str, Value]] = {
        child["key"]: {attr: child.get(attr) for attr in mandatory} for child in present
    }
    new: list[Record] = []
    for change in changes:
        _, key, attr = split(change.path)
        if attr:
            wanted[key][attr] = _said(struct, attr, change.after)
        elif change.after is None:
            wanted.pop(key, None)
        else:
            new.append(_new_child(struct, change.after))
    return [struct.record(**values) for values in wanted.values()] + new


def _new_child(struct: Struct, values: Values) -> Record:
    known = struct.index.keys() - _ERP_ONLY - {"key"}
    return struct.record(**{attr: value for attr, value in values.items() if attr in known})


def creation_of(crm: Snapshot) -> Record:
    """A record of TIERS for a tiers that the ERP is to make; the default address is its billing address (CRM-26)."""
    values: dict[str, Value] = {
        attr: crm[attr] for attr in LEAVES if crm.get(attr) and TIERS.field(attr).flow is Flow.BOTH
    }
    values["code"] = sent_code(crm.get("code") or "") or None
    for name in CHILDREN:
        values[name] = [_new_child(_STRUCTS[name], child) for child in crm.get(name, [])]
    return TIERS.record(**values)


def _said(struct: Struct, attr: str, value: Any) -> Value:
    # An emptied text is an empty element; a flag has no empty form.
    return value is True if struct.field(attr).kind is Kind.FLAG else value
