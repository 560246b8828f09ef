"""Column types that mean the same on every store, and columns derived from the contract's field tables."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Identity,
    Integer,
    Numeric,
    String,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import MappedColumn, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from contracts.fields import Kind, Struct

CODE_LENGTH: Final = 20
MICRO: Final = Decimal("0.000001")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

BIGINT: Final = BigInteger().with_variant(Integer(), "sqlite")
JSON_VALUE: Final = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

Id = Annotated[int, mapped_column(BIGINT, Identity(always=False), primary_key=True)]
"""A surrogate key that the bulk writer may assign itself: identity BY DEFAULT, or SQLite's rowid."""


def to_micros(amount: Decimal) -> int:
    """An amount as whole millionths, half away from zero: how SQLite keeps it, rounding as PostgreSQL's numeric does."""
    return int(amount.quantize(MICRO, rounding=ROUND_HALF_UP).scaleb(6))


def to_instant_micros(instant: datetime) -> int:
    """An aware instant as microseconds since 1970 UTC: how SQLite keeps it. Raises ValueError for a naive one."""
    if instant.tzinfo is None:
        raise ValueError(f"an instant without time zone: {instant.isoformat()}")
    return (instant - EPOCH) // MICROSECOND


class Money(TypeDecorator[Decimal]):
    """An amount with six decimals: NUMERIC(24, 6), on SQLite an exact BIGINT of millionths (up to ±9.2 × 10¹²)."""

    impl = Numeric(24, 6)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """BIGINT on SQLite, which has no exact decimal."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else Numeric(24, 6))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | int | None:
        """Decimal to what the store keeps."""
        return to_micros(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        """What the store keeps to Decimal."""
        return Decimal(value).scaleb(-6) if value is not None and dialect.name == "sqlite" else value


class Instant(TypeDecorator[datetime]):
    """An instant, aware and in UTC: TIMESTAMP WITH TIME ZONE, on SQLite a BIGINT of microseconds since 1970."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """BIGINT on SQLite: it sorts, compares and takes a third of the room of a text."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | int | None:
        """An aware instant to what the store keeps. Raises ValueError for a naive one."""
        if value is None:
            return None
        micros = to_instant_micros(value)
        return micros if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """What the store keeps to an aware instant in UTC."""
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return None if value is None else EPOCH + int(value) * MICROSECOND


def codes_of(states: type[enum.Enum]) -> list[str]:
    """The codes under which the members of an enum are stored."""
    return [str(state.value) for state in states]


def field_type(struct: Struct, attr: str) -> TypeEngine[Any]:
    """The column type of a leaf field of the contract, with its length. Raises KeyError for an unknown field."""
    field = struct.field(attr)
    types: dict[Kind, TypeEngine[Any]] = {
        Kind.FLAG: Boolean(),
        Kind.INTEGER: Integer(),
        Kind.AMOUNT: Money(),
        Kind.DATE: Date(),
        Kind.INSTANT: Instant(),
    }
    return types.get(field.kind) or String(field.length)


def field_column(struct: Struct, attr: str, **options: Any) -> MappedColumn[Any]:
    """A column as the contract declares the field: same type, same length."""
    return mapped_column(field_type(struct, attr), **options)


def ref(target: str, **options: Any) -> MappedColumn[Any]:
    """A foreign key to ``table.id``. It has no index unless asked for: each one costs the bulk load."""
    return mapped_column(BIGINT, ForeignKey(target), **options)
