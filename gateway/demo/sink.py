"""Writing many rows fast: only what varies travels, the rest of each row is spelled out once in the statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection, Dialect, Integer, Numeric, SmallInteger, Table

from gateway.database import problem_said
from gateway.demo.calendar import Calendar
from gateway.sage.types import Amount

Row = tuple[Any, ...]


class Sink:
    """Buffers of rows per table, sent to the database in the order the tables were first named."""

    def __init__(self, dialect: Dialect, calendar: Calendar) -> None:
        self._dialect = dialect
        self._empty_date = calendar.empty
        self._buffers: list[tuple[list[Row], str, Row]] = []

    def rows(self, table: Table, *varying: str, **constants: str | int) -> list[Row]:
        """A buffer for tuples of the `varying` columns; the table's other columns get `constants` or are blank."""
        buffer: list[Row] = []
        fixed = {c.name: self._blank(c.type) for c in table.columns if c.name not in {*varying, "cbMarq"}}
        fixed |= {name: value for name, value in constants.items() if name not in varying}
        self._buffers.append((buffer, self._statement(table, varying, fixed), tuple(fixed.values())))
        return buffer

    def flush(self, connection: Connection) -> None:
        """Send every buffer and empty it."""
        for buffer, statement, fixed in self._buffers:
            if buffer:
                self._send(connection, buffer, statement, fixed)
                buffer.clear()

    def _send(self, connection: Connection, buffer: list[Row], statement: str, fixed: Row) -> None:
        if self._dialect.name != "postgresql":
            connection.exec_driver_sql(statement, buffer)
            return
        driver: Any = connection.connection.driver_connection
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for row in buffer:
                    copy.write_row(row + fixed)
        except psycopg.Error as error:
            raise problem_said(str(error)) from error

    def _statement(self, table: Table, varying: Sequence[str], fixed: dict[str, Any]) -> str:
        quote = self._dialect.identifier_preparer.quote
        names = ", ".join(map(quote, [*varying, *fixed]))
        if self._dialect.name == "postgresql":
            return f"COPY {quote(table.name)} ({names}) FROM STDIN"
        values = ", ".join([*("?" for _ in varying), *map(_literal, fixed.values())])
        return f"INSERT INTO {quote(table.name)} ({names}) VALUES ({values})"  # noqa: S608 - names are ours

    def _blank(self, kind: Any) -> str | int:
        if isinstance(kind, (SmallInteger, Integer, Numeric, Amount)):
            return 0
        return "" if hasattr(kind, "collation") else self._empty_date


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
