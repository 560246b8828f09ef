"""What the contract is made of: fields, structures, and the values they carry.

A structure is declared once as a tuple of parts; the XSD, the wire codec, the gateway's reader, the engine's decoder and the
documentation derive from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cached_property
from typing import Final, TypeAlias


class Absent(Enum):
    """The one value of an element that was not sent: 'not said', where None means 'emptied'."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent.ABSENT

AMOUNT_MAX: Final = Decimal(9_000_000_000_000)
"""The largest amount either way: what 64 bits of millionths hold."""

Scalar: TypeAlias = str | bool | int | Decimal | date | datetime | None
Value: TypeAlias = "Scalar | Absent | Record | list[Record]"


class Kind(StrEnum):
    """The type of a field on the wire."""

    TEXT = "text"
    CODE = "code"  # a key of the ERP: opaque, alphanumeric, no blank inside
    FLAG = "flag"
    INTEGER = "integer"
    AMOUNT = "amount"
    DATE = "date"
    INSTANT = "instant"


class Flow(StrEnum):
    """Which way a field's changes travel."""

    BOTH = "both"
    FROM_ERP = "from_erp"


def snake(name: str) -> str:
    """The Python name of a wire name: ``AccountingCategory`` → ``accounting_category``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@dataclass(frozen=True, kw_only=True)
class Field:
    """One leaf element: its wire name, type, length, ERP column, direction, and the requirement behind it."""

    name: str
    kind: Kind = Kind.TEXT
    length: int | None = None
    erp: str = ""
    flow: Flow = Flow.BOTH
    required: bool = False
    label: str = ""
    req: str = ""
    doc: str = ""

    @cached_property
    def attr(self) -> str:
        """The name of the field in Python and in the CRM base."""
        return snake(self.name)


@dataclass(frozen=True, kw_only=True)
class One:
    """A part that is itself a structure, at most once."""

    name: str
    of: Struct
    required: bool = False

    @cached_property
    def attr(self) -> str:
        return snake(self.name)


@dataclass(frozen=True, kw_only=True)
class Many:
    """A list part: a wrapper element holding any number of items; an absent wrapper means 'not said'."""

    name: str
    of: Struct

    @cached_property
    def attr(self) -> str:
        return snake(self.name)


Part: TypeAlias = Field | One | Many


@dataclass(frozen=True, eq=False)
class Struct:
    """A structure of the contract: a named sequence of parts, in wire order. Each is declared once, and equal to itself only."""

    name: str
    parts: tuple[Part, ...]
    doc: str = ""

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each part by its Python name."""
        return {part.attr: position for position, part in enumerate(self.parts)}

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The leaf fields, in wire order."""
        return tuple(part for part in self.parts if isinstance(part, Field))

    def field(self, attr: str) -> Field:
        """The leaf field of that Python name. Raises KeyError for another part or an unknown name."""
        part = self.parts[self.index[attr]]
        if not isinstance(part, Field):
            raise KeyError(attr)
        return part

    def record(self, **values: Value) -> Record:
        """A record of this structure; what is not given is 'not said'. Raises TypeError for an unknown name."""
        unknown = values.keys() - self.index.keys()
        if unknown:
            raise TypeError(f"{self.name} has no {', '.join(sorted(unknown))}")
        return Record(self, tuple(values.get(part.attr, ABSENT) for part in self.parts))


class Record:
    """The values of one structure, in wire order, with typed access by Python name.

    Values live in a tuple so that a page of thousands costs one allocation each, and a merge can walk them with ``zip``.
    """

    __slots__ = ("of", "values")

    def __init__(self, of: Struct, values: tuple[Value, ...]) -> None:
        self.of = of
        self.values = values

    def __getitem__(self, attr: str) -> Value:
        return self.values[self.of.index[attr]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self.of is other.of and self.values == other.values

    def __hash__(self) -> int:
        return hash((self.of.name, repr(self.values)))

    def __repr__(self) -> str:
        said = ", ".join(f"{attr}={value!r}" for attr, value in self.items() if value is not ABSENT)
        return f"{self.of.name}({said})"

    def items(self) -> Iterator[tuple[str, Value]]:
        """Pairs of Python name and value, in wire order."""
        return zip(self.of.index, self.values, strict=True)

    def text(self, attr: str) -> str:
        """A text or code value; empty when emptied or not said."""
        value = self[attr]
        return value if isinstance(value, str) else ""

    def flag(self, attr: str) -> bool:
        """A flag; False when not said."""
        return self[attr] is True

    def integer(self, attr: str) -> int:
        """An integer; 0 when not said."""
        value = self[attr]
        return value if isinstance(value, int) else 0

    def amount(self, attr: str) -> Decimal:
        """An amount; 0 when not said."""
        value = self[attr]
        return value if isinstance(value, Decimal) else Decimal(0)

    def day(self, attr: str) -> date | None:
        """A date; None when empty."""
        value = self[attr]
        return value if isinstance(value, date) and not isinstance(value, datetime) else None

    def instant(self, attr: str) -> datetime | None:
        """An aware instant; None when empty."""
        value = self[attr]
        return value if isinstance(value, datetime) else None

    def one(self, attr: str) -> Record | None:
        """A nested structure; None when not said."""
        value = self[attr]
        return value if isinstance(value, Record) else None

    def many(self, attr: str) -> list[Record]:
        """The items of a list part; empty when not said."""
        value = self[attr]
        return value if isinstance(value, list) else []
