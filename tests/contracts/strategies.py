"""Records of any structure of the contract: generated for the properties, or one full sample for the examples."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import strategies as st

from contracts.fields import ABSENT, AMOUNT_MAX, Field, Kind, Many, One, Part, Record, Struct, Value

TEXTS = (
    "Société Générale & <Fils>",
    "l'Haÿ-les-Roses",
    "a]]>b",
    "deux\nlignes\r\nici\r",
    "\ttab ",
    " ",
    "É😀𝄞",
    "\x85\u2028",
)
EMPTIABLE = frozenset({Kind.TEXT, Kind.CODE})
FORBIDDEN = "\x00\x01\x08\x0b\x0c\x0e\x1f\ud800\udfff\ufffe\uffff"
SAMPLES: dict[Kind, Value] = {
    Kind.TEXT: "é&",
    Kind.CODE: "A1",
    Kind.FLAG: True,
    Kind.INTEGER: 7,
    Kind.AMOUNT: Decimal("-1234.560000"),
    Kind.DATE: date(2026, 11, 21),
    Kind.INSTANT: datetime(2026, 11, 21, 8, 30, tzinfo=UTC),
}

_legal = st.characters(codec="utf-8", exclude_characters=FORBIDDEN, exclude_categories=["Cc", "Cs"]) | st.sampled_from(
    "\t\n\r&<>\"'"
)
_amounts = st.decimals(-AMOUNT_MAX, AMOUNT_MAX, places=6) | st.sampled_from(
    [Decimal(0), Decimal("-0.000001"), AMOUNT_MAX, -AMOUNT_MAX, Decimal("1E+3"), Decimal("12.50")]
)
_zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def texts(length: int | None) -> st.SearchStrategy[str]:
    """Texts of up to that many characters, the full length among them."""
    longest = 40 if length is None else length
    samples = [text for text in TEXTS if len(text) <= longest]
    return st.sampled_from([*samples, "x" * longest, "é" * longest]) | st.text(_legal, max_size=min(longest, 20))


def instants() -> st.SearchStrategy[datetime]:
    """Aware instants of whole seconds, in any zone."""
    return st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=_zones).map(  # noqa: DTZ001 - bounds are naive
        lambda instant: instant.replace(microsecond=0)
    )


def values(field: Field) -> st.SearchStrategy[Value]:
    """What a field may hold: a value, or None for 'emptied'."""
    kinds: dict[Kind, st.SearchStrategy[Value]] = {
        Kind.TEXT: texts(field.length),
        Kind.CODE: st.from_regex(rf"[0-9A-Za-z]{{1,{field.length or 17}}}", fullmatch=True),
        Kind.FLAG: st.booleans(),
        Kind.INTEGER: st.integers(-(2**31), 2**31 - 1),
        Kind.AMOUNT: _amounts,
        Kind.DATE: st.dates(),
        Kind.INSTANT: instants(),
    }
    may_be_empty = not field.required or field.kind in EMPTIABLE
    return kinds[field.kind] | st.none() if may_be_empty else kinds[field.kind]


def parts(part: Part) -> st.SearchStrategy[Value]:
    """What a part may hold, 'not said' included unless it is required."""
    if isinstance(part, Field):
        said = values(part)
    elif isinstance(part, One):
        said = records(part.of)
    else:
        said = st.lists(records(part.of), max_size=2)
    required = not isinstance(part, Many) and part.required
    return said if required else st.just(ABSENT) | said


def records(struct: Struct) -> st.SearchStrategy[Record]:
    """Records of a structure, valid by its schema."""
    return st.tuples(*map(parts, struct.parts)).map(lambda drawn: Record(struct, tuple(drawn)))


def sample(struct: Struct) -> Record:
    """The record of a structure with everything said, and two items in each list."""
    return Record(struct, tuple(map(_sampled, struct.parts)))


def _sampled(part: Part) -> Value:
    if isinstance(part, Field):
        value = SAMPLES[part.kind]
        return value[: part.length] if isinstance(value, str) else value
    return sample(part.of) if isinstance(part, One) else [sample(part.of), sample(part.of)]


def as_read(record: Record) -> Record:
    """What a reader makes of a record that was sent: an empty text is 'emptied', an emptied typed value is 'not said'."""
    return Record(
        record.of, tuple(_as_read(part, value) for part, value in zip(record.of.parts, record.values, strict=True))
    )


def _as_read(part: Part, value: Value) -> Value:
    if isinstance(value, Record):
        return as_read(value)
    if isinstance(value, list):
        return [as_read(item) for item in value]
    if isinstance(part, Field) and value is None and part.kind not in EMPTIABLE:
        return ABSENT
    return None if value == "" else value
