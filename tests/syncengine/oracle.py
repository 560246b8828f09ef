"""What both sides should hold after a cycle, from the guarantees alone: plain values, nothing of the engine's merge.

One-sided changes arrive (G2), equal ones agree, clashes go by the policy; a child that one side changed and the other removed
stays; and whatever a disturbed cycle did, each value is the old one or the agreed one (G1).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, TypeAlias

from contracts.stored import stored
from contracts.tables import ADDRESS, CONTACT, TIERS
from tests.syncengine.sides import BILLING, CHILDREN, LISTS, Tiers, Values

Winner: TypeAlias = str
"""'erp', 'crm', or 'ask': each keeps its own."""
Choose: TypeAlias = Callable[[str, str], Iterable[Winner]]
"""Kind of record and field → who may win a clash there; more than one where time alone tells."""
Ends: TypeAlias = list[tuple[Any, Any]]
"""What (CRM, ERP) may hold in the end."""

KINDS: Final = {"": "account", "contacts": "contact", "addresses": "address"}
_STRUCTS: Final = {"": TIERS, "contacts": CONTACT, "addresses": ADDRESS}
_FILLED_IN: Final = {
    "civility": "M",
    "accounting_category": "1",
    "price_category": "1",
    "currency": "0",
    "language": "0",
}
"""What Sage 100 has where nothing is said (CRM-26)."""
_ANYTHING: Final = "\0"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A child as last agreed on: its row, its number, and its values, of which more than one may be meant after a disturbance."""

    row: int | None
    number: str | None
    values: Mapping[str, tuple[Any, ...]]
    seen: Values = field(default_factory=dict)
    """As the ERP last told it."""

    @property
    def looks(self) -> list[Values]:
        """What it may be recognised by, beside what it is now."""
        return [{attr: value[-1] for attr, value in self.values.items()}, self.seen]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What both sides last agreed on."""

    leaves: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    pairs: Mapping[str, list[Pair]] = field(default_factory=lambda: {name: [] for name in LISTS})


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of one child: whether it stays, and the ends of its values if it does."""

    row: int | None
    number: str | None
    stays: frozenset[bool]
    fields: Mapping[str, Ends]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What should become of one tiers."""

    leaves: Mapping[str, Ends]
    children: Mapping[str, list[Fate]]
    doubtful: frozenset[str] = frozenset()
    """Lists in which a child without its partner looks like two of the other side."""

    @property
    def refusable(self) -> bool:
        """Whether the ERP may refuse it: two contacts of one name, two addresses of one title (CRM-41)."""
        return any(
            len(names) != len(set(names))
            for name, attrs in (("contacts", ("last_name", "first_name")), ("addresses", ("title",)))
            for names in [
                [
                    tuple(folded(_stored(name, a, fate.fields[a][0][1])) for a in attrs)
                    for fate in self.children[name]
                    if True in fate.stays and fate.number != BILLING and fate.fields[attrs[0]][0][1]
                ]
            ]
        )


def same(name: str, attr: str, one: Any, other: Any) -> bool:
    """Whether the ERP says the same of two values."""
    return bool(one == other or _stored(name, attr, one) == _stored(name, attr, other))


@cache
def _stored(name: str, attr: str, value: Any) -> Any:
    return stored(_STRUCTS[name].field(attr), value)


def alike(name: str, attr: str, wanted: Any, found: Any) -> bool:
    """Whether a value found is the one wanted, or what Sage 100 makes of it when it says nothing."""
    if same(name, attr, wanted, found):
        return True
    if _stored(name, attr, wanted) is not None:
        return False
    return found is not None if attr == "title" else found == _FILLED_IN.get(attr, _ANYTHING)


def judge(memory: Memory, crm: Tiers, erp: Tiers, choose: Choose) -> Verdict:
    """What should become of a tiers that both sides have."""
    leaves = {
        attr: _ends("", attr, memory.leaves.get(attr, (None,)), crm.leaves[attr], value, choose)
        for attr, value in erp.leaves.items()
    }
    children = {
        name: [_fate(name, trio, choose) for trio in _trios(name, memory.pairs[name], crm.lists[name], erp.lists[name])]
        for name in LISTS
    }
    doubtful = frozenset(
        name for name in LISTS if _doubtful(name, memory.pairs[name], crm.lists[name], erp.lists[name])
    )
    return Verdict(leaves=leaves, children=children, doubtful=doubtful)


def _ends(name: str, attr: str, bases: Iterable[Any], crm: Any, erp: Any, choose: Choose) -> Ends:
    ends: Ends = []
    for base in bases:
        if same(name, attr, crm, erp):
            ends.append((crm, erp))
        elif same(name, attr, crm, base):
            ends.append((erp, erp))
        elif same(name, attr, erp, base):
            ends.append((crm, crm))
        else:
            outcome = {"erp": (erp, erp), "crm": (crm, crm), "ask": (crm, erp)}
            ends += [outcome[winner] for winner in choose(KINDS[name], attr)]
    return ends


def _fate(name: str, trio: list[Any], choose: Choose) -> Fate:
    pair, row, ours, number, theirs = trio
    known = {} if pair is None else pair.values
    attrs = [attr for attr in CHILDREN[name] if (number, attr) != (BILLING, "title")]
    if ours is not None and theirs is not None:
        fields = {a: _ends(name, a, known.get(a, (None,)), ours[a], theirs.get(a), choose) for a in attrs}
        return Fate(row=row, number=number, stays=frozenset({True}), fields=fields)
    there = ours or theirs or {}
    moved = {
        any(not same(name, a, there[a], known[a][place % len(known[a])]) for a in attrs)
        for place in range(max(map(len, known.values()), default=0))
    }
    # Nobody agreed on it yet, or somebody changed what the other side removed: it stays.
    stays = frozenset({True}) if pair is None or number == BILLING else frozenset(moved)
    return Fate(row=row, number=number, stays=stays, fields={a: [(there.get(a), there.get(a))] for a in attrs})


def _trios(name: str, pairs: list[Pair], crm: Mapping[int, Values], erp: Mapping[str, Values]) -> list[Any]:
    """(pair, row, CRM's values, number, ERP's values) of each child; what is gone on both sides is left out.

    A child goes by its row and its number; one deleted and made again, or made on both sides, by its name.
    """
    ours, theirs = dict(crm), dict(erp)
    trios: list[list[Any]] = [
        [pair, pair.row, ours.pop(pair.row or 0, None), pair.number, theirs.pop(pair.number or "", None)]
        for pair in pairs
    ]
    trios += [
        [None, row, ours.pop(row), v["key"], theirs.pop(v["key"])]
        for row, v in crm.items()
        if row in ours and v["key"] in theirs
    ]
    for trio in trios:
        known, _, mine, _, yours = trio
        if mine is not None and yours is None:
            trio[3:] = _found(name, theirs, mine, known) or [trio[3], None]
        elif yours is not None and mine is None:
            trio[1:3] = _found(name, ours, yours, known) or [trio[1], None]
    for row, mine in ours.items():
        trios.append([None, row, mine, *(_found(name, theirs, mine, None) or [None, None])])
    trios += [[None, None, None, number, values] for number, values in theirs.items()]
    return [trio for trio in trios if trio[2] is not None or trio[4] is not None]


def _doubtful(name: str, pairs: list[Pair], crm: Mapping[int, Values], erp: Mapping[str, Values]) -> bool:
    known = {one: pair.looks for pair in pairs for one in (pair.row, pair.number)}
    rows = [(*known.get(row, ()), v) for row, v in crm.items() if v["key"] not in erp]
    numbers = [(*known.get(n, ()), v) for n, v in erp.items() if n not in {v["key"] for v in crm.values()}]
    likes = [
        (at, on)
        for at, row in enumerate(rows)
        for on, number in enumerate(numbers)
        if any(_is_one(name, one, other) for one in row for other in number)
    ]
    return any(len({pair[side] for pair in likes}) != len(likes) for side in (0, 1))


def _found(name: str, among: dict[Any, Values], wanted: Values, pair: Pair | None) -> list[Any] | None:
    """Take out the one that is this child, as it is or as it was agreed on."""
    looks = [wanted] if pair is None else [wanted, *pair.looks]
    for key, values in among.items():
        if any(_is_one(name, values, look) for look in looks):
            return [key, among.pop(key)]
    return None


def _is_one(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    attrs: tuple[str, ...] = ("last_name", "first_name")
    if name == "addresses":
        attrs = ("title",) if one.get("title") and other.get("title") else ("street", "postcode", "town")
    told, said = ([folded(_stored(name, attr, values.get(attr))) for attr in attrs] for values in (one, other))
    return any(told) and told == said


def folded(value: Any) -> str:
    plain = unicodedata.normalize("NFD", str(value or "").casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).rstrip()


def forget(memory: Memory, name: str, row: int) -> Memory:
    """That row is gone; another one may get its id."""
    pairs = [replace(pair, row=None) if pair.row == row else pair for pair in memory.pairs[name]]
    return replace(memory, pairs={**memory.pairs, name: pairs})


def arrived(memory: Memory, crm: Tiers, was: Tiers, erp: Tiers) -> Memory:
    """A write that was given up came through after all, outside of a cycle: what it changed is agreed, whatever the CRM says."""
    leaves = {a: (v,) if v != was.leaves[a] else memory.leaves.get(a, (None,)) for a, v in erp.leaves.items()}
    pairs = {}
    for name in LISTS:
        there, before = erp.lists[name], was.lists[name]
        known = [
            replace(
                pair,
                values={
                    a: (there[n].get(a),) if there[n].get(a) != before[n].get(a) else bases
                    for a, bases in pair.values.items()
                },
            )
            if (n := pair.number or "") in there and n in before
            else pair
            for pair in memory.pairs[name]
        ]
        new = {number: values for number, values in there.items() if number not in before}
        for row, ours in crm.lists[name].items():
            number = next((n for n, v in new.items() if ours["key"] is None and _is_one(name, v, ours)), None)
            if number is not None:
                known.append(Pair(row=row, number=number, values={a: (v,) for a, v in new.pop(number).items()}))
        pairs[name] = known
    return Memory(leaves=leaves, pairs=pairs)


def took(memory: Memory, crm: Tiers, passed: Iterable[Tiers]) -> Memory:
    """Where the CRM holds what the ERP held for a while in a disturbed cycle, that may be agreed."""
    leaves = dict(memory.leaves)
    for one in passed:
        for attr, value in one.leaves.items():
            if same("", attr, value, crm.leaves[attr]):
                leaves[attr] = tuple(dict.fromkeys((*leaves.get(attr, ()), value)))
    return replace(memory, leaves=leaves)


def remember(memory: Memory, before: tuple[Tiers, Tiers], after: tuple[Tiers, Tiers], *, sure: bool) -> Memory:
    """What is agreed after a cycle: where both sides say the same, that; else what was. A disturbed one leaves both possible."""
    was_crm, was_erp = before
    crm, erp = after
    leaves = {
        attr: _agreed(
            "",
            attr,
            memory.leaves.get(attr, (None,)),
            (was_crm.leaves[attr], was_erp.leaves[attr]),
            (crm.leaves[attr], value),
            sure=sure,
        )
        for attr, value in erp.leaves.items()
    }
    return Memory(leaves=leaves, pairs={name: _pairs(name, memory, before, after, sure=sure) for name in LISTS})


def _pairs(
    name: str, memory: Memory, before: tuple[Tiers, Tiers], after: tuple[Tiers, Tiers], *, sure: bool
) -> list[Pair]:
    (old_crm, old_erp), (crm, erp) = ((one.lists[name], other.lists[name]) for one, other in (before, after))
    known = {pair.number: pair for pair in memory.pairs[name]} | {
        pair.row: pair for pair in memory.pairs[name] if pair.row is not None
    }
    pairs: list[Pair] = []
    met: set[Any] = set()
    for row, ours in crm.items():
        number = ours["key"]
        if number not in erp and not sure:
            # Made in the ERP by a write whose answer was lost.
            made = [n for n, v in erp.items() if n not in old_erp and n not in met and _is_one(name, v, ours)]
            number = next(iter(made), number)
        theirs = erp.get(number)
        pair = known.get(row) or known.get(number)
        if theirs is None:
            continue
        met |= {row, number}
        values = {
            attr: _agreed(
                name,
                attr,
                pair.values.get(attr, (None,)) if pair else (None,),
                (old_crm.get(row, {}).get(attr), old_erp.get(number, {}).get(attr)),
                (ours[attr], theirs.get(attr)),
                sure=sure,
            )
            for attr in CHILDREN[name]
        }
        pairs.append(Pair(row=row, number=number, values=values, seen=theirs))
    # What is there on one side alone is still to be removed there, or to be made here.
    for pair in memory.pairs[name]:
        row = pair.row if pair.row in crm else None
        if not met & {pair.row, pair.number} and (row is not None or pair.number in erp):
            pairs.append(replace(pair, row=row))
    return pairs


def _agreed(
    name: str, attr: str, bases: tuple[Any, ...], before: tuple[Any, Any], after: tuple[Any, Any], *, sure: bool
) -> tuple[Any, ...]:
    crm, erp = after
    if not same(name, attr, crm, erp):
        return bases
    moved = not (same(name, attr, before[0], crm) and same(name, attr, before[1], erp))
    return (erp,) if sure or moved else tuple(dict.fromkeys((*bases, erp)))
