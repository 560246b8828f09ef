"""Verdict: whether a tiers says the same on both sides, and where it does not. Pure.

Both sides are compared with each other and not with what was agreed: a base that is wrong itself is no difference people see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from syncengine.core.merge import merge
from syncengine.core.paths import FREE_FIELDS, join, new_key
from syncengine.core.policies import Policies
from syncengine.core.snapshot import Snapshot
from syncengine.model import Drift, ErpState

Fields: TypeAlias = dict[str, list[Any]]
"""Path → [value in the CRM, value in the ERP]; a whole child where one side lacks it."""
STATE = "erp_state"
"""The path that says whether the ERP has the tiers at all."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a tiers differs; ``drift`` None: it does not."""

    drift: Drift | None = None
    fields: Fields = field(default_factory=dict)


AGREED = Verdict()


def verdict(
    crm: Snapshot | None,
    erp: Snapshot | str,
    *,
    state: ErpState | None = None,
    untold: frozenset[str] = frozenset(),
) -> Verdict:
    """Compare a tiers of the CRM, ``state`` being what its Account says of the ERP, with the ERP's, or why it is not there.

    ``untold`` names what the gateway does not tell (CRM-12): it is not compared.
    """
    here = crm is not None and (state is None or state is ErpState.PRESENT)
    if isinstance(erp, str):
        return Verdict(drift=Drift.ONLY_IN_CRM, fields={STATE: [_said(state), erp]}) if here else AGREED
    if crm is None:
        return Verdict(drift=Drift.ONLY_IN_ERP)
    fields = differing_fields(crm, erp, untold)
    if not here:
        fields[STATE] = [_said(state), ErpState.PRESENT.value]
    return Verdict(drift=Drift.VALUES, fields=fields) if fields else AGREED


def differing_fields(crm: Snapshot, erp: Snapshot, untold: frozenset[str] = frozenset()) -> Fields:
    """The values that differ, as the ERP stores them; children are matched as in any cycle."""
    # With the ERP's state as base, every value that differs is a change that one side or the other would take.
    found = merge(erp, crm, erp, policies=_NONE, untold=untold)
    fields: Fields = {change.path: [change.before, change.after] for change in found.crm}
    fields |= {change.path: [change.after, change.before] for change in found.erp}
    if FREE_FIELDS in fields:
        fields |= _by_name(*fields.pop(FREE_FIELDS))
    own = {(name, child["id"]): child.get("key") for name in ("addresses", "contacts") for child in crm.get(name, ())}
    for (name, row), number in found.keys.items():
        if number is not None:
            fields[join(name, new_key(row), "key")] = [own.get((name, row)), number]
    return fields


def _by_name(ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None) -> Fields:
    mine, others = ours or {}, theirs or {}
    names = sorted(mine.keys() | others.keys())
    return {f"{FREE_FIELDS}/{n}": [mine.get(n), others.get(n)] for n in names if mine.get(n) != others.get(n)}


def _said(state: ErpState | None) -> str:
    return (ErpState.PRESENT if state is None else state).value


_NONE = Policies()
