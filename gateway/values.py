"""From the elements of a record to the columns of a row, as the ERP stores them: the way back of `gateway.mapping`.

What equals the record as it is now is left alone, whatever it looks like: only a change is normalised and checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Table

from contracts.fields import ABSENT, Field, Flow, Kind, Record, Struct, Value
from contracts.siret import is_siret
from contracts.stored import in_cp1252, stored
from gateway.mapping import CIVILITIES, sources_in
from gateway.probe import Probe
from gateway.rejection import Rejected

CATEGORIES: Final = frozenset({"AccountingCategory", "PriceCategory"})
LISTED: Final = frozenset({*CATEGORIES, "Currency", "Language", "Service"})
REQUIRED: Final = frozenset({"Name", "LastName"})
# Told by their own rules, or no columns of the row.
_APART: Final = frozenset({"Code", "Version", "Modified", "Type", "Key", "Kind", "Payer"})
_CIVILITY_NUMBERS: Final = {label: number for number, label in CIVILITIES.items()}


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """What the rules must know of the base: its columns, its lists by field, its representatives, and who is a tiers."""

    probe: Probe
    lists: Mapping[str, frozenset[int]]
    representatives: frozenset[int]
    is_tiers: Callable[[str], bool]

    def first(self, name: str) -> int:
        """The value of a list that is taken when none is said (CRM-26)."""
        return min(self.lists.get(name, frozenset()), default=1) if name in CATEGORIES else 0


@dataclass(kw_only=True)
class Place:
    """Where in a transaction a value is, and the warnings so far; `name` is empty for the tiers itself."""

    name: str = ""
    warnings: list[str] = field(default_factory=list)

    def child(self, name: str) -> Place:
        """A place inside, with the same warnings."""
        return Place(name=name, warnings=self.warnings)

    def refuse(self, code: str, what: Field | str, words: str) -> Rejected:
        """The refusal of a field at this place."""
        name = what.name if isinstance(what, Field) else what
        return Rejected(code, f"{self._told(name)}: {words}", field=name)

    def warn(self, what: Field, words: str) -> None:
        """Tell of something that does not keep the value out."""
        self.warnings.append(f"{self._told(what.name)}: {words}")

    def _told(self, name: str) -> str:
        return f"{self.name}, {name}" if self.name else name


def columns_of(
    given: Record, present: Record | None, table: Table, knowledge: Knowledge, place: Place
) -> dict[str, Any]:
    """The columns of a row of that table that a record changes. Raises Rejected."""
    sources = sources_in(given.of.fields, table)
    found: dict[str, Any] = {}
    for known in given.of.fields:
        value = given[known.attr]
        before = ABSENT if present is None else present[known.attr]
        if value is ABSENT or known.name in _APART or (present is not None and same(value, before)):
            continue
        if known.flow is Flow.FROM_ERP:
            refuse_difference(known, value, before, place)
        elif known.name in sources:
            column = sources[known.name].partition(".")[2]
            if knowledge.probe.has(table.name, column):
                found[column] = _column(known, value, knowledge.probe.length(table.name, column), knowledge, place)
            elif value:
                place.warn(known, "this version of Sage 100 has no such column")
    return found


def same(one: Value, other: Value) -> bool:
    """Whether two values say the same; emptied, not said and false are one."""
    return (one or None) == (other or None)


def refuse_difference(known: Field, value: Value, before: Value, place: Place) -> None:
    """Refuse another value of a field that only the ERP changes (CRM-40)."""
    if not same(value, before):
        raise place.refuse("read_only_field", known, "only Sage 100 changes it")


def struct_field(struct: Struct, name: str) -> Field:
    """The leaf field of that wire name."""
    return next(known for known in struct.fields if known.name == name)


def _column(known: Field, value: Value, length: int | None, knowledge: Knowledge, place: Place) -> Any:
    kept = stored(known, value)
    if known.kind is Kind.FLAG:
        return int(kept is True)
    text = kept if isinstance(kept, str) else ""
    if known.name in LISTED:
        return _listed(known, text, knowledge, place)
    if known.name == "Representative":
        return _representative(known, text, knowledge, place)
    if known.name == "Civility":
        if text and text not in _CIVILITY_NUMBERS:
            raise place.refuse("unknown_value", known, f"{text!r} is none of {', '.join(_CIVILITY_NUMBERS)}")
        return _CIVILITY_NUMBERS.get(text, 0)
    return _text(known, value, text, length, place)


def _text(known: Field, value: Value, text: str, length: int | None, place: Place) -> str:
    if known.name in REQUIRED and not text:
        raise place.refuse("field_required", known, "it is mandatory")
    if known.name == "Siret" and text and not is_siret(text):
        # As in Sage 100, which stores it all the same.
        place.warn(known, f"{text!r} is no valid SIRET")
    most = min(known.length or len(text), length or len(text))
    if len(text) > most:
        raise place.refuse("too_long", known, f"{len(text)} characters, at most {most} are allowed")
    if isinstance(value, str) and "?" in text and not in_cp1252(value):
        place.warn(known, "characters that Sage 100 cannot hold were replaced by '?'")
    return text


def _listed(known: Field, text: str, knowledge: Knowledge, place: Place) -> int:
    if not text:
        return knowledge.first(known.name)
    slots = knowledge.lists.get(known.name, frozenset())
    number = _number(known, text)
    # A base whose list is empty has nothing to check against.
    if number is None or (slots and number not in slots):
        raise place.refuse("unknown_value", known, f"{text!r} is not in the list of Sage 100")
    return number


def _representative(known: Field, text: str, knowledge: Knowledge, place: Place) -> int:
    number = _number(known, text)
    if text and number not in knowledge.representatives:  # CRM-17
        raise place.refuse("unknown_representative", known, f"there is no representative {text!r}")
    return number or 0


def _number(known: Field, text: str) -> int | None:
    fits = len(text) <= (known.length or 0)
    return int(text) if fits and text.isascii() and text.isdecimal() else None
