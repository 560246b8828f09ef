"""Which address or contact of one side is which of the other: by number, then by content. Pure (G4).

A child deleted and made again under a new number, on either side, is the same child; a child made on both sides is one. A child
that was sent is the one that the ERP made of it, even when its row in the CRM is gone by now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from contracts.fields import Field
from contracts.stored import stored
from contracts.tables import BILLING, BILLING_KEY
from syncengine.core.fold import fold
from syncengine.core.paths import LISTS, STRUCTS, is_new, new_key
from syncengine.core.policies import FROM_ERP
from syncengine.core.snapshot import Values


class Trio(NamedTuple):
    """One child in its three states; None where it is not."""

    base: Values | None
    crm: Values | None
    erp: Values | None


CONTENT: Final[Mapping[str, tuple[Field, ...]]] = {
    name: tuple(part for part in STRUCTS[entity].fields if part.attr not in FROM_ERP[entity])
    for name, entity in LISTS.items()
}
"""The fields that say what a child is, by the name of its list."""
_FIELDS: Final = {name: {part.attr: part for part in parts} for name, parts in CONTENT.items()}
_NAMED_BY: Final = {"contacts": ("last_name", "first_name"), "addresses": ("title",)}
_ELSE_BY: Final = {"contacts": ("email",), "addresses": ("street", "postcode", "town")}
_FILLED: Final = {"contacts": ("civility",), "addresses": ("title",)}
"""What the ERP says of a new child by itself when it is not told (CRM-41): nobody's edit."""


class _Look(NamedTuple):
    """What a child is recognised by; '' or () where it does not say."""

    whole: tuple[Any, ...]
    named: str
    other: str


_Sign: TypeAlias = Callable[[_Look], Any]
_Passes: TypeAlias = tuple[tuple[_Sign, _Sign], ...]


@dataclass(frozen=True, eq=False)
class _Face:
    """A child without its partner: as it is, and as it was when last agreed on."""

    child: Values
    base: Values | None
    looks: tuple[_Look, ...]


def match(name: str, base: Sequence[Values], crm: Sequence[Values], erp: Sequence[Values]) -> Iterator[Trio]:
    """Every child in its three states: those of the ERP in its order, then those that only the CRM has.

    What is gone on both sides is left out. Children in ``crm`` have an 'id', the others a 'key'.
    """
    known, told = _by_key(base), _by_key(erp)
    partners: dict[int, tuple[Values, Values | None]] = {}
    alone: list[tuple[Values, Values | None]] = []
    for row, number in zip(crm, _numbers(crm), strict=True):
        new = new_key(row["id"])
        was = known.pop(new, None) or known.pop(number or "", None)
        record = told.pop(number or "", None) or told.pop(new, None)
        if record is None:
            alone.append((row, was))
        else:
            partners[id(record)] = (row, was)
    if told:
        alone = _by_sending(name, base, alone, told, known, partners)
    if alone and told:
        alone = _by_content(name, alone, told, known, partners)
    for record in erp:
        found, was = partners.get(id(record)) or (None, known.get(record["key"]))
        if found is None and was is not None and was["key"] != record["key"]:
            was = _as_made(name, was, record)
        yield Trio(was, found, record)
    for row, was in alone:
        yield Trio(was, row, None)


def _by_key(children: Iterable[Values]) -> dict[str, Values]:
    return {child["key"]: child for child in children}


def _numbers(rows: Sequence[Values]) -> list[str | None]:
    """The number of each row; the first billing address has that of the ERP's, whether it knows or not."""
    numbers = [row.get("key") for row in rows]
    if BILLING_KEY not in numbers:
        for place, row in enumerate(rows):
            if row.get("kind") == BILLING and not numbers[place]:
                numbers[place] = BILLING_KEY
                break
    return numbers


def _by_sending(
    name: str,
    base: Sequence[Values],
    alone: list[tuple[Values, Values | None]],
    told: dict[str, Values],
    known: dict[str, Values],
    partners: dict[int, tuple[Values, Values | None]],
) -> list[tuple[Values, Values | None]]:
    """Adds as partners the rows whose child the ERP has made, and to ``known`` those made whose row is gone; the rest."""
    waiting = {was["key"]: row for row, was in alone if was is not None}
    sent = [was for was in base if is_new(was["key"]) and was.get("kind") != BILLING]
    sent = [was for was in sent if was["key"] in waiting or (was["key"] in known and was["key"] not in told)]
    if not sent:
        return alone
    made = [record for key, record in told.items() if key not in known and key != BILLING_KEY]
    for was, record in _made_of(name, sent, made):
        row = waiting.get(was["key"])
        if row is None:
            known[record["key"]] = was
        else:
            partners[id(record)] = (row, was)
            del told[record["key"]]
    found = {id(row) for row, _ in partners.values()}
    return [(row, was) for row, was in alone if id(row) not in found]


def _made_of(name: str, sent: Sequence[Values], made: Sequence[Values]) -> Iterator[tuple[Values, Values]]:
    """What was sent with what the ERP made of it: the one that is like it, else the one that says all of it and least else."""
    left, free = {id(was): was for was in sent}, {id(record): record for record in made}
    children, records = (
        [_face(name, child, own) for child, own in pairs]
        for pairs in ([(was, was) for was in sent], [(record, None) for record in made])
    )
    for child, record in _pairs(children, records, _LIKE):
        yield left.pop(id(child.child)), free.pop(id(record.child))
    for was in left.values():
        holding = [(beyond, key) for key, record in free.items() if (beyond := _beyond(name, was, record)) is not None]
        if holding:
            _, key = min(holding, key=itemgetter(0))
            yield was, free.pop(key)


def _beyond(name: str, was: Values, record: Values) -> int | None:
    """How many values a record has beyond those sent; None when it does not say all of these, or none were."""
    pairs = [(stored(part, was.get(part.attr)), stored(part, record.get(part.attr))) for part in CONTENT[name]]
    said = [one == other for one, other in pairs if one]
    return sum(1 for one, other in pairs if other and not one) if said and all(said) else None


def _as_made(name: str, was: Values, record: Values) -> Values:
    """What was sent, with what the ERP fills in."""
    filled = {attr: record[attr] for attr in _FILLED[name] if attr in record}
    return filled | was | {"key": record["key"]}


def _by_content(
    name: str,
    alone: list[tuple[Values, Values | None]],
    told: Mapping[str, Values],
    known: Mapping[str, Values],
    partners: dict[int, tuple[Values, Values | None]],
) -> list[tuple[Values, Values | None]]:
    """Adds partners found by content; returns the rows still alone."""
    rows = [_face(name, row, was) for row, was in alone if row.get("kind") != BILLING]
    records = [_face(name, record, known.get(key)) for key, record in told.items() if key != BILLING_KEY]
    pairs = {id(row.child): record for row, record in _pairs(rows, records, (*_LIKE, *_LIKE_ELSE))}
    left = []
    for row, was in alone:
        record = pairs.get(id(row))
        if record is None:
            left.append((row, was))
        else:
            partners[id(record.child)] = (row, was or record.base)
    return left


def _pairs(rows: list[_Face], records: list[_Face], passes: _Passes) -> Iterator[tuple[_Face, _Face]]:
    """One to one, the surest likeness first, in the order of the lists.

    Two children that were agreed on apart are never one: each was removed on the other side.
    """
    taken: set[int] = set()
    for of_row, of_record in passes:
        for row_known, record_known in ((True, False), (False, True), (False, False)):
            waiting: dict[Any, list[_Face]] = defaultdict(list)
            for record in _free(records, taken, known=record_known):
                for sign in _signs(of_record, record):
                    waiting[sign].append(record)
            for row in _free(rows, taken, known=row_known) if waiting else ():
                found = _first(waiting, _signs(of_row, row), taken)
                if found is not None:
                    taken |= {id(row), id(found)}
                    yield row, found


def _free(faces: list[_Face], taken: set[int], *, known: bool) -> Iterator[_Face]:
    return (face for face in faces if id(face) not in taken and (face.base is not None) is known)


def _first(waiting: Mapping[Any, list[_Face]], signs: Iterable[Any], taken: set[int]) -> _Face | None:
    return next((face for sign in signs for face in waiting.get(sign, ()) if id(face) not in taken), None)


def _signs(sign: _Sign, face: _Face) -> Iterator[Any]:
    seen = None
    for look in face.looks:
        found = sign(look)
        if found and found != seen:
            seen = found
            yield found


def _whole(look: _Look) -> Any:
    return look.whole


def _named(look: _Look) -> str:
    return look.named


def _other(look: _Look) -> str:
    return look.other


def _nameless(look: _Look) -> str:
    return "" if look.named else look.other


_LIKE: Final[_Passes] = ((_whole, _whole), (_named, _named))
_LIKE_ELSE: Final[_Passes] = (
    # Two names that differ are two people, even with one e-mail address between them.
    (_other, _nameless),
    (_nameless, _other),
)


def _face(name: str, child: Values, base: Values | None) -> _Face:
    return _Face(child, base, tuple(_look(name, values) for values in (child, base) if values is not None))


def _look(name: str, child: Values) -> _Look:
    whole = tuple(stored(part, child.get(part.attr)) for part in CONTENT[name])
    return _Look(whole if any(whole) else (), _text(name, child, _NAMED_BY[name]), _text(name, child, _ELSE_BY[name]))


def _text(name: str, child: Values, attrs: Iterable[str]) -> str:
    """These values without case and accents, as the ERP keeps them; '' when none says anything."""
    words = [fold(str(stored(_FIELDS[name][attr], child.get(attr)) or "")) or "" for attr in attrs]
    return "\n".join(words) if any(words) else ""
