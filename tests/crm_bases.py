"""CRM bases as the migrations leave them: to run the migrations takes longer than most tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from sqlalchemy import make_url

from syncengine.storage.store import open_store
from tests.postgresql import PostgresqlServer

Connection: TypeAlias = psycopg.Connection[Any]
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
_SHAPE = """
SELECT md5(string_agg(concat_ws(',', relname, attname, atttypid, attnotnull), ';' ORDER BY relname, attnum))
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
"""
_EMPTY = """
DO $$
DECLARE one text;
BEGIN
    FOR one IN SELECT oid::regclass FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
    LOOP EXECUTE 'DELETE FROM ' || one; END LOOP;
    FOR one IN SELECT quote_ident(sequencename) FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL
    LOOP EXECUTE 'ALTER SEQUENCE ' || one || ' RESTART'; END LOOP;
END $$
"""


def lay(url: str) -> str:
    """Make the base at the URL of an SQLite file that is not there yet, and leave every other URL alone; answers the URL."""
    address = make_url(url)
    file = Path(str(address.database))
    if address.get_backend_name() == "sqlite" and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_sqlite_file())
    return url


@cache
def _sqlite_file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="crm-") as folder:
        file = Path(folder) / "crm.db"
        open_store(f"sqlite:///{file}").close()
        return file.read_bytes()


@dataclass(frozen=True, kw_only=True)
class _Fresh:
    """What the migrations leave: the columns as one hash, the rows of each table as COPY tells them, where sequences stand."""

    shape: str
    rows: dict[str, bytes]
    sequences: dict[str, int]

    @classmethod
    def made(cls, url: str) -> _Fresh:
        """Run the migrations on that empty database."""
        open_store(url).close()
        with _session(url) as connection:
            names = [name for (name,) in connection.execute(_TABLES).fetchall()]
            rows = {name: _told(connection, name) for name in names}
            sequences = dict(connection.execute(_SEQUENCES).fetchall())
            return cls(shape=_shape(connection), rows=rows, sequences=sequences)

    def put_back(self, url: str) -> bool:
        """Bring the base to that again; False when its columns are others now."""
        with _session(url) as connection:
            if _shape(connection) != self.shape:
                return False
            # Without triggers, and so without foreign keys: in whatever order.
            connection.execute("SET session_replication_role = replica")
            connection.execute(_EMPTY)
            for name, rows in self.rows.items():
                if rows:
                    with connection.cursor().copy(f'COPY "{name}" FROM STDIN'.encode()) as copy:
                        copy.write(rows)
            for name, value in self.sequences.items():
                connection.execute("SELECT setval(%s, %s)", [name, value])
            return True


@dataclass(frozen=True, kw_only=True)
class CrmBases:
    """Bases on one PostgreSQL server, lent to one test after the other."""

    server: PostgresqlServer
    _spare: dict[str, _Fresh] = field(default_factory=dict)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The URL of one."""
        url, fresh = self._spare.popitem() if self._spare else self._new()
        try:
            yield url
        finally:
            self.server.end_connections(url)
            if fresh.put_back(url):
                self._spare[url] = fresh
            else:
                self.server.drop(url)

    def _new(self) -> tuple[str, _Fresh]:
        url = self.server.new_database()
        return url, _Fresh.made(url)


def _session(url: str) -> Connection:
    return psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(), autocommit=True)


def _shape(connection: Connection) -> str:
    (shape,) = connection.execute(_SHAPE).fetchall()[0]
    return str(shape)


def _told(connection: Connection, table: str) -> bytes:
    with connection.cursor().copy(f'COPY "{table}" TO STDOUT'.encode()) as copy:
        return b"".join(bytes(part) for part in copy)
