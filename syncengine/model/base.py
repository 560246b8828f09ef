"""The declarative base: naming of constraints and the column type of each Python type."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import Enum, MetaData
from sqlalchemy.orm import DeclarativeBase

from syncengine.model.columns import CODE_LENGTH, JSON_VALUE, Instant, Money, codes_of

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables of the CRM base. Attributes name their Python type; the column type follows from it."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Instant(),
        Decimal: Money(),
        dict[str, Any]: JSON_VALUE,
        list[str]: JSON_VALUE,
        # A state is stored as its code: readable in the base, and a new one needs no migration.
        enum.Enum: Enum(enum.Enum, native_enum=False, length=CODE_LENGTH, values_callable=codes_of),
    }
