"""Many rows at once, through the driver: the way that is 45 times faster than ``session.merge`` and as safe.

Rows are tuples of what the driver takes; ``instant`` and ``money`` convert the two types that stores keep differently. SQLite
gets ``executemany``, PostgreSQL ``COPY``. Everything happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, TypeAlias, cast

import psycopg
from sqlalchemy import Connection, Table, func, select
from sqlalchemy.orm import DeclarativeBase

from syncengine.model.columns import Instant, Money

Row: TypeAlias = tuple[Any, ...]
KEYS_MAX = 500
"""Keys in one IN list; below every store's limit of parameters."""


def table_of(entity: type[DeclarativeBase]) -> Table:
    """The table of an entity."""
    return cast("Table", entity.__table__)


def batches(items: Iterable[Any], size: int = KEYS_MAX) -> Iterator[list[Any]]:
    """The items in lists of at most ``size``."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


class Bulk:
    """Writes rows in one transaction of one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._dialect = connection.dialect
        self._postgresql = connection.dialect.name == "postgresql"
        self._mark = "%s" if self._postgresql else "?"

    def instant(self, value: datetime) -> Any:
        """An instant as the driver takes it."""
        return Instant().process_bind_param(value, self._dialect)

    def money(self, value: Decimal) -> Any:
        """An amount as the driver takes it."""
        return Money().process_bind_param(value, self._dialect)

    def next_ids(self, entity: type[DeclarativeBase], count: int) -> Iterator[int]:
        """``count`` new ids. On SQLite the next ones, which the write lock keeps ours: a rerun gives the same ids."""
        table = table_of(entity)
        if not self._postgresql:
            last = self.connection.scalar(select(func.coalesce(func.max(table.c.id), 0)))
            return iter(range(int(last or 0) + 1, int(last or 0) + 1 + count))
        sequence = func.nextval(func.pg_get_serial_sequence(table.name, "id"))
        numbers = func.generate_series(1, count).table_valued("n")
        return iter(self.connection.scalars(select(sequence).select_from(numbers)).all())

    def insert(self, entity: type[DeclarativeBase], columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert new rows. A key that exists already fails the transaction: callers have looked before."""
        if not rows:
            return
        name, listed = self._name(entity), self._columns(columns)
        if self._postgresql:
            driver = cast("psycopg.Connection[Any]", self.connection.connection.driver_connection)
            with driver.cursor() as cursor, cursor.copy(f"COPY {name} ({listed}) FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ",".join(self._mark for _ in columns)
        self.connection.exec_driver_sql(f"INSERT INTO {name} ({listed}) VALUES ({marks})", list(rows))  # noqa: S608

    def update(self, entity: type[DeclarativeBase], changes: Mapping[int, Mapping[str, Any]]) -> None:
        """Set columns of rows by id; rows that change the same columns go together."""
        groups: dict[tuple[str, ...], list[Row]] = {}
        for key, change in changes.items():
            groups.setdefault(tuple(change), []).append((*change.values(), key))
        name = self._name(entity)
        for columns, rows in groups.items():
            assigned = ", ".join(f"{self._columns([column])} = {self._mark}" for column in columns)
            self.connection.exec_driver_sql(f"UPDATE {name} SET {assigned} WHERE id = {self._mark}", rows)  # noqa: S608

    def upsert(
        self, entity: type[DeclarativeBase], columns: Sequence[str], key: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Insert rows, or set their columns where the key exists; for the small sets."""
        if not rows:
            return
        marks = ",".join(self._mark for _ in columns)
        kept = ", ".join(
            f"{self._columns([column])} = excluded.{self._columns([column])}" for column in columns if column not in key
        )
        self.connection.exec_driver_sql(
            f"INSERT INTO {self._name(entity)} ({self._columns(columns)}) VALUES ({marks})"  # noqa: S608
            f" ON CONFLICT ({self._columns(key)}) DO UPDATE SET {kept}",
            list(rows),
        )

    def delete(self, entity: type[DeclarativeBase], ids: Iterable[int]) -> None:
        """Delete rows by id."""
        table = table_of(entity)
        for batch in batches(ids):
            self.connection.execute(table.delete().where(table.c.id.in_(batch)))

    def rows(
        self, entity: type[DeclarativeBase], column: str, keys: Iterable[Any], /, **same: Any
    ) -> Iterator[dict[str, Any]]:
        """The rows whose column is one of the keys and whose other columns are as given."""
        table = table_of(entity)
        narrow = [table.c[name] == value for name, value in same.items()]
        for batch in batches(keys):
            query = select(table).where(*narrow, table.c[column].in_(batch)).order_by(*table.primary_key)
            found = self.connection.execute(query)
            # A row's own mapping looks every column up by name; this is three times as fast.
            names = tuple(found.keys())
            for row in found:
                yield dict(zip(names, row, strict=True))

    def locked(self, entity: type[DeclarativeBase], ids: Iterable[int]) -> Iterator[dict[str, Any]]:
        """The rows of these ids, in order and nobody else's to write until the transaction ends; on SQLite all of them are."""
        table = table_of(entity)
        for batch in batches(sorted(ids)):
            query = select(table).where(table.c.id.in_(batch)).order_by(table.c.id)
            found = self.connection.execute(query.with_for_update())
            names = tuple(found.keys())
            for row in found:
                yield dict(zip(names, row, strict=True))

    def lock(self, entity: type[DeclarativeBase], ids: Iterable[int]) -> None:
        """Lock these rows in order, for a transaction that reads them in several steps; SQLite's has the whole base."""
        table = table_of(entity)
        if self._postgresql:
            for batch in batches(sorted(ids)):
                query = select(table.c.id).where(table.c.id.in_(batch)).order_by(table.c.id).with_for_update()
                self.connection.execute(query).all()

    def _name(self, entity: type[DeclarativeBase]) -> str:
        return self._dialect.identifier_preparer.format_table(table_of(entity))

    def _columns(self, columns: Iterable[str]) -> str:
        quote = self._dialect.identifier_preparer.quote
        return ", ".join(quote(column) for column in columns)


__all__ = ["KEYS_MAX", "Bulk", "Row", "batches", "table_of"]
