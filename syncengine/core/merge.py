"""Three states of a tiers into one: what to write in the CRM, what in the ERP, what somebody must decide. Pure (NEW-01).

Value by value: equal is agreed; moved on one side is taken; moved apart is a clash, which the field's policy decides or parks.
Values are compared as the ERP stores them, so that a value tidied on its way is no change (G6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from contracts.fields import Field
from contracts.stored import stored
from contracts.tables import BILLING_KEY, DELIVERY
from syncengine.core.matching import Trio, match
from syncengine.core.paths import FREE_FIELDS, LISTS, STRUCTS, is_new, join, new_key, split
from syncengine.core.policies import FROM_ERP, Ages, Policies, decide, is_from_erp
from syncengine.core.snapshot import CHILDREN, LEAVES, Snapshot, Values
from syncengine.model.journal import Rule, Side
from syncengine.model.link import Entity


@dataclass(frozen=True, kw_only=True)
class Change:
    """One value to write on one side, or a whole child: ``before`` None comes, ``after`` None goes."""

    path: str
    before: Any
    after: Any
    rule: Rule


@dataclass(frozen=True, kw_only=True)
class Clash:
    """A value that both sides moved apart, and what decided; ASKED is parked until somebody does (NEW-03)."""

    path: str
    crm: Any
    base: Any
    erp: Any
    rule: Rule


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What follows from three states of a tiers.

    ``crm`` and ``erp`` are the values to write there. A child of the ERP goes by its number there, that of ``keys`` where these
    rename it; one that only the CRM has by '+' and its row. ``base`` is what is agreed from now on: the ERP's values, and the
    former base value of a parked path; it shares its parts with what was merged. ``keys`` is (list, row) → number, for the
    rows whose number changes; None for a row whose child is gone from the ERP and will be made again.
    """

    crm: tuple[Change, ...]
    erp: tuple[Change, ...]
    clashes: tuple[Clash, ...]
    base: Snapshot
    keys: Mapping[tuple[str, int], str | None]


def merge(
    base: Snapshot,
    crm: Snapshot,
    erp: Snapshot,
    *,
    policies: Policies,
    ages: Ages | None = None,
    untold: frozenset[str] = frozenset(),
) -> Merge:
    """What to write on either side so that they agree, and the base from then on.

    ``untold`` names what the gateway does not tell (CRM-12): a list, a leaf, or a leaf of a list ('contacts/phone'); these and
    lists that a side lacks are left alone. Children in ``crm`` have an 'id', and a 'key' once the ERP has them.
    """
    merging = _Merging(policies, ages, untold)
    agreed = dict(erp)
    for attr in _silent("", untold):
        _put(agreed, attr, base.get(attr))
    for attr in _told("", untold):
        ours, theirs = crm.get(attr), erp.get(attr)
        if ours != theirs:
            _put(agreed, attr, merging.value("", "", attr, base.get(attr), ours, theirs))
    agreed[FREE_FIELDS] = merging.free_fields(base, crm, erp)
    for name in CHILDREN:
        if name in untold or name not in crm or name not in erp:
            _restore(agreed, base, name)
        else:
            agreed[name] = merging.children(name, base.get(name, ()), crm[name], erp[name])
    return merging.result(agreed)


class _Merging:
    """Gathers the changes of one tiers."""

    def __init__(self, policies: Policies, ages: Ages | None, untold: frozenset[str]) -> None:
        self._policies, self._ages, self._untold = policies, ages, untold
        self._crm: list[Change] = []
        self._erp: list[Change] = []
        self._clashes: list[Clash] = []
        self._keys: dict[tuple[str, int], str | None] = {}

    def result(self, agreed: Snapshot) -> Merge:
        return Merge(
            crm=tuple(self._crm),
            erp=tuple(self._erp),
            clashes=tuple(self._clashes),
            base=agreed,
            keys=self._keys,
        )

    def value(self, name: str, key: str, attr: str, base: Any, crm: Any, erp: Any) -> Any:
        """One value of the tiers or of a child; returns the one agreed from now on."""
        field = _FIELDS[name][attr]
        if same(field, crm, erp):
            return erp
        path = join(name, key, attr) if name else attr
        if is_from_erp(_ENTITY[name], key, attr) or same(field, crm, base):
            self._crm.append(Change(path=path, before=crm, after=erp, rule=Rule.ERP_CHANGED))
        elif same(field, erp, base):
            self._erp.append(Change(path=path, before=erp, after=crm, rule=Rule.CRM_CHANGED))
        else:
            return self._clash(path, base, crm, erp)
        return erp

    def _clash(self, path: str, base: Any, crm: Any, erp: Any) -> Any:
        winner, rule = decide(self._policies.of(path), self._ages)
        self._clashes.append(Clash(path=path, crm=crm, base=base, erp=erp, rule=rule))
        if winner is None:
            return base
        if winner is Side.ERP:
            self._crm.append(Change(path=path, before=crm, after=erp, rule=rule))
        else:
            self._erp.append(Change(path=path, before=erp, after=crm, rule=rule))
        return erp

    def free_fields(self, base: Snapshot, crm: Snapshot, erp: Snapshot) -> Values:
        """The free fields as a whole (CRM-46); returns those agreed from now on."""
        ours, theirs = crm.get(FREE_FIELDS) or {}, erp.get(FREE_FIELDS)
        if theirs is None:
            return base.get(FREE_FIELDS) or {}
        if ours != theirs:
            self._crm.append(Change(path=FREE_FIELDS, before=ours, after=theirs, rule=Rule.ERP_CHANGED))
        return theirs  # type: ignore[no-any-return]

    def children(self, name: str, base: Sequence[Values], crm: Sequence[Values], erp: Sequence[Values]) -> list[Values]:
        """All children of one kind; returns those agreed from now on, in the ERP's order."""
        agreed = []
        for trio in match(name, base, crm, erp):
            if trio.erp is None:
                kept = self._without_erp(name, trio)
            elif trio.crm is None:
                kept = self._without_crm(name, trio, trio.erp)
            else:
                kept = self._both(name, trio.base or {}, trio.crm, trio.erp)
            if kept is not None:
                agreed.append(self._remembered(name, trio.base, kept))
        return agreed

    def _both(self, name: str, base: Values, crm: Values, erp: Values) -> Values:
        key = erp["key"]
        if crm.get("key") != key and not is_new(key):
            self._keys[name, crm["id"]] = key
        agreed = erp
        for attr in _told(name, self._untold):
            ours, theirs = crm.get(attr), erp.get(attr)
            if ours != theirs:
                value = self.value(name, key, attr, base.get(attr), ours, theirs)
                if value != theirs:
                    agreed = dict(agreed)
                    _put(agreed, attr, value)
        return agreed

    def _without_erp(self, name: str, trio: Trio) -> Values | None:
        """A child that only the CRM has: made there, or removed in the ERP."""
        row = trio.crm or {}
        number = row.get("key")
        if BILLING_KEY in (number, (trio.base or {}).get("key")):
            return trio.base  # CRM-38: the billing address is the tiers' own, it is never removed
        if trio.base is not None and not self._moved(name, trio.base, row):
            gone = {attr: value for attr, value in row.items() if attr != "id"}
            path = join(name, number or new_key(row["id"]))
            self._crm.append(Change(path=path, before=gone, after=None, rule=Rule.ERP_CHANGED))
            return None
        values = {attr: row[attr] for attr in _sendable(name, self._untold) if row.get(attr)}
        if values:
            values |= {"kind": DELIVERY} if name == "addresses" else {}
            rule = Rule.CRM_CHANGED if trio.base is None else Rule.EDIT_BEATS_DELETE
            self._erp.append(Change(path=join(name, new_key(row["id"])), before=None, after=values, rule=rule))
        if number:
            self._keys[name, row["id"]] = None
        return None

    def _without_crm(self, name: str, trio: Trio, erp: Values) -> Values:
        """A child that only the ERP has: made there, or removed in the CRM."""
        path = join(name, erp["key"])
        edited = trio.base is not None and self._moved(name, trio.base, erp)
        if trio.base is None or edited or erp["key"] == BILLING_KEY:
            rule = Rule.EDIT_BEATS_DELETE if edited else Rule.ERP_CHANGED
            silent = _silent(name, self._untold)
            values = {attr: value for attr, value in erp.items() if attr not in silent}
            self._crm.append(Change(path=path, before=None, after=values, rule=rule))
        else:
            self._erp.append(Change(path=path, before=dict(erp), after=None, rule=Rule.CRM_CHANGED))
        return erp

    def _moved(self, name: str, base: Values, now: Values) -> bool:
        """Whether a child says something else than agreed, in what either side may change."""
        fields = _FIELDS[name]
        return any(
            base.get(attr) != now.get(attr) and not same(fields[attr], base.get(attr), now.get(attr))
            for attr in _sendable(name, self._untold)
        )

    def _remembered(self, name: str, base: Values | None, kept: Values) -> Values:
        """The child with the values that the gateway does not tell as they were."""
        silent = _silent(name, self._untold)
        if not silent:
            return kept
        child = dict(kept)
        for attr in silent:
            _put(child, attr, (base or {}).get(attr))
        return child


def same(field: Field, one: Any, other: Any) -> bool:
    """Whether two values are one in the ERP: it says the same of both."""
    return one == other or stored(field, one) == stored(field, other)


def sent(base: Snapshot, changes: Iterable[Change]) -> Snapshot:
    """The base once these changes of the ERP's side are agreed: a child that was made goes by '+' and its row.

    A change of a child that the base does not have (any more) is left out. The base itself stays as it is.
    """
    agreed = dict(base)
    for change in changes:
        name, key, attr = split(change.path)
        if name:
            agreed[name] = _sent_child(agreed.get(name, ()), key, attr, change.after)
        else:
            _put(agreed, attr, change.after)
    return agreed


def _sent_child(children: Sequence[Values], key: str, attr: str, after: Any) -> list[Values]:
    if not attr:
        others = [child for child in children if child["key"] != key]
        return others if after is None else [*others, {"key": key, **after}]
    changed = []
    for child in children:
        if child["key"] == key:
            child = dict(child)  # noqa: PLW2901 - the base stays as it is
            _put(child, attr, after)
        changed.append(child)
    return changed


def _put(values: Values, attr: str, value: Any) -> None:
    """A snapshot holds a name only when its value says something."""
    if value:
        values[attr] = value
    else:
        values.pop(attr, None)


def _restore(agreed: Snapshot, base: Snapshot, name: str) -> None:
    """A list that is not told stays as it was, which may be not there at all."""
    agreed.pop(name, None)
    if name in base:
        agreed[name] = base[name]


_ENTITY: Final = {"": Entity.ACCOUNT, **LISTS}
_FIELDS: Final = {name: {part.attr: part for part in STRUCTS[entity].fields} for name, entity in _ENTITY.items()}
_ATTRS: Final = {"": LEAVES} | {name: tuple(attr for attr in _FIELDS[name] if attr != "key") for name in CHILDREN}


@cache
def _silent(name: str, untold: frozenset[str]) -> tuple[str, ...]:
    """The values of the tiers ('') or of a list's children that the gateway does not tell."""
    return tuple(attr for attr in _ATTRS[name] if (f"{name}/{attr}" if name else attr) in untold)


@cache
def _told(name: str, untold: frozenset[str]) -> tuple[str, ...]:
    return tuple(attr for attr in _ATTRS[name] if attr not in _silent(name, untold))


@cache
def _sendable(name: str, untold: frozenset[str]) -> tuple[str, ...]:
    """The values of a new child that the ERP takes."""
    told = _told(name, untold)
    return tuple(attr for attr in told if attr not in FROM_ERP[_ENTITY[name]])
