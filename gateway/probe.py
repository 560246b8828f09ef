"""What a Sage 100 database really has: columns and lengths vary by version, free fields add some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Inspector,
    String,
    Table,
    TableClause,
    column,
    inspect,
    table,
    text,
)
from sqlalchemy.engine.interfaces import ReflectedColumn

from gateway.errors import NotSage
from gateway.free_fields import FreeField, read_free_fields
from gateway.sage import CB_SYSLIBRE, F_COMPTET, SAGE


@dataclass(frozen=True, kw_only=True)
class Probe:
    """The tables, columns and text lengths of one base, its free fields, and how its clock is kept.

    `lengths` maps table → column → length (None where a length means nothing). `minute_clock` is true where
    `cbModification` is a `smalldatetime`, which rounds to the minute and can land 30 seconds ahead.
    """

    lengths: Mapping[str, Mapping[str, int | None]]
    free_fields: tuple[FreeField, ...]
    minute_clock: bool

    def has(self, table_name: str, column_name: str | None = None) -> bool:
        """Whether the base has this table, or this column of it."""
        present = self.lengths.get(table_name)
        return present is not None and (column_name is None or column_name in present)

    def length(self, table_name: str, column_name: str) -> int | None:
        """The length of a text column in this base; None when it has none, KeyError when it is absent."""
        return self.lengths[table_name][column_name]

    def free_fields_of(self, table_name: str) -> tuple[FreeField, ...]:
        """The definitions on one host table, in their order."""
        return tuple(field for field in self.free_fields if field.table == table_name)

    def readable(self, model: Table) -> TableClause:
        """The table with only the columns this base has, and its readable free fields: select from it."""
        free = [field.column for field in self.free_fields_of(model.name) if field.readable]
        return table(model.name, *(_clause(known) for known in self.columns(model)), *free)

    def columns(self, model: Table) -> tuple[Column[Any], ...]:
        """Those of the model's columns that this base has."""
        return tuple(known for known in model.columns if self.has(model.name, known.name))


def probe(engine: Engine) -> Probe:
    """Look at the base behind `engine`. Raises NotSage when it has no table of tiers."""
    with engine.connect() as connection:
        return probe_connection(connection)


def probe_connection(connection: Connection) -> Probe:
    """As `probe`, inside the caller's connection."""
    inspector = inspect(connection)
    present = [name for name in inspector.get_table_names() if name in SAGE.tables]
    if F_COMPTET.name not in present:
        raise NotSage(f"the database has no table {F_COMPTET.name}")
    reflected = {key[1]: found for key, found in inspector.get_multi_columns(filter_names=present).items()}
    lengths = {name: _lengths(found) for name, found in reflected.items()}
    names = {name: set(found) for name, found in lengths.items()}
    return Probe(
        lengths=MappingProxyType(lengths),
        free_fields=read_free_fields(connection, names) if CB_SYSLIBRE.name in names else (),
        minute_clock=_declared_clock(connection, inspector) == "SMALLDATETIME",
    )


def _lengths(columns: list[ReflectedColumn]) -> Mapping[str, int | None]:
    return MappingProxyType({found["name"]: _length(found["type"]) for found in columns})


def _length(kind: Any) -> int | None:
    return kind.length if isinstance(kind, String) else None


def _clause(known: Column[Any]) -> Any:
    return column(known.name, known.type)


def _declared_clock(connection: Connection, inspector: Inspector) -> str:
    """The declared type of the tiers' `cbModification`; SQLite reflects only its affinity."""
    if connection.dialect.name == "sqlite":
        query = "SELECT upper(type) FROM pragma_table_info('F_COMPTET') WHERE name = 'cbModification'"
        return connection.scalar(text(query)) or ""
    for found in inspector.get_columns(F_COMPTET.name):
        if found["name"] == "cbModification":
            return str(found["type"]).upper()
    return ""
