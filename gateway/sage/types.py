"""Column types of a Sage 100 database: exact amounts, and dates whose emptiness is a date."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Dialect, Numeric
from sqlalchemy.dialects.sqlite import REAL
from sqlalchemy.types import TypeDecorator, TypeEngine

MICRO = Decimal("0.000001")
EMPTY_DATE = dt.datetime(1753, 1, 1)  # noqa: DTZ001  (Sage stores local wall-clock times without a zone)
EMPTY_DATES = frozenset({dt.date(1753, 1, 1), dt.date(1900, 1, 1)})


class Amount(TypeDecorator[Decimal]):
    """`numeric(24,6)`, read as a Decimal with six places; SQLite has no decimal, so there it is a REAL."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """REAL on SQLite, NUMERIC(24, 6) elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(REAL())
        return dialect.type_descriptor(Numeric(24, 6))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Hand SQLite a float, every other driver the Decimal itself."""
        return float(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Read either storage as a Decimal with six places."""
        return None if value is None else Decimal(str(value)).quantize(MICRO)


class SageMoment(TypeDecorator[dt.datetime]):
    """`datetime` in the server's local time, naive; 1753-01-01 and 1900-01-01 are None."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.date | None, dialect: Dialect) -> dt.datetime:  # noqa: ARG002
        """Write none as 1753-01-01 and a bare date as its midnight; refuse an aware instant."""
        if value is None:
            return EMPTY_DATE
        if not isinstance(value, dt.datetime):
            return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001
        if value.tzinfo is not None:
            raise ValueError("a Sage 100 column holds the server's local time: convert the instant first")
        return value

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002
        """Read both of Sage's empty dates as None."""
        return None if value is None or value.date() in EMPTY_DATES else value


class SageDate(TypeDecorator[dt.date]):
    """`datetime` of which only the day counts; read as a date, with the same empty dates as `SageMoment`."""

    impl = SageMoment
    cache_ok = True

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.date | None:  # noqa: ARG002
        """Keep the day of what `SageMoment` read."""
        return None if value is None else value.date()
