"""The CRM base: one SQLite file on one machine, PostgreSQL beyond it, through the same code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from contracts.errors import Problem
from syncengine.core.fold import fold
from syncengine.errors import SettingsInvalid
from syncengine.storage.clock import BaseClock, local_time
from syncengine.storage.database_errors import database_problems
from syncengine.storage.schema import check_version

BUSY_TIMEOUT_S: Final = 30.0
POOL_DEFAULT: Final = 5
_ABANDONED: Final = {
    # What a worker holds that is frozen in the middle of a transaction, or whose host vanished, is another's after a minute.
    "idle_in_transaction_session_timeout": 60_000,
    "tcp_keepalives_idle": 20,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 4,
}
"""How PostgreSQL learns that nobody will end a transaction; its own defaults are never, and after two hours."""
_READING: Final = "syncengine_reading"

to_json = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))
"""JSON as the base keeps it: compact, in UTF-8."""


class Dialect(StrEnum):
    """The databases the CRM base can live in."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, kw_only=True)
class Store:
    """An open CRM base. ``str(store.url)`` masks the password.

    ``clock()`` is the present instant for leases and schedules: the server's, whatever this host's clock shows; with SQLite the
    machine's own.
    """

    url: URL
    dialect: Dialect
    engine: Engine
    sessions: sessionmaker[Session]
    readers: sessionmaker[Session]
    clock: Callable[[], datetime] = local_time

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session in one write transaction: committed at the end, rolled back on any error.

        Raises DatabaseBusy, DatabaseFull and the other DatabaseProblems instead of the driver's errors.
        """
        with database_problems(), self.sessions.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads: it waits for no writer, and no writer waits for it."""
        with database_problems(), self.readers.begin() as session:
            yield session

    def close(self) -> None:
        """End all connections."""
        self.engine.dispose()


def open_store(
    url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S, check: bool = True, pool: int = POOL_DEFAULT
) -> Store:
    """Open the CRM base; an empty database gets its tables.

    Raises SettingsInvalid for a URL that is none, DatabaseNewer, DatabaseOutdated, DatabaseForeign, DatabaseUnreachable.
    ``check=False`` leaves the version alone, for the commands that show or change it. ``pool``: connections kept open; at most
    twice as many are opened.
    """
    address = _address(url)
    dialect = Dialect(address.get_backend_name())
    make = _sqlite if dialect is Dialect.SQLITE else _postgresql
    engine = make(address, busy_timeout_s, pool)
    reader = engine.execution_options(**{_READING: True}, postgresql_readonly=True)
    store = Store(
        url=address,
        dialect=dialect,
        engine=engine,
        sessions=sessionmaker(engine, expire_on_commit=False),
        readers=sessionmaker(reader, expire_on_commit=False),
        clock=local_time if dialect is Dialect.SQLITE else BaseClock(partial(_ask_time, engine)),
    )
    if check:
        _check(store, reader)
    return store


def _check(store: Store, reader: Engine) -> None:
    try:
        with database_problems():
            check_version(reader, store.engine)
    except Problem:
        store.close()
        raise


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        dialect = Dialect(address.get_backend_name())
    except (ArgumentError, ValueError):
        # The URL itself is not repeated: it may hold a password.
        raise SettingsInvalid(
            "the database URL is none of sqlite:///path or postgresql://user@host/database", field="database_url"
        ) from None
    return address.set(drivername="postgresql+psycopg") if dialect is Dialect.POSTGRESQL else address


def _sqlite(address: URL, busy_timeout_s: float, pool: int) -> Engine:
    sizes: dict[str, Any] = {}
    if address.database and address.database != ":memory:":
        _make_folder(Path(address.database).parent)
        sizes = {"pool_size": pool, "max_overflow": pool}
    engine = create_engine(address, json_serializer=to_json, connect_args={"timeout": busy_timeout_s}, **sizes)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsInvalid(
            f"the folder {folder} of the database cannot be made: {error.strerror}", field="database_url"
        ) from None


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # Python's driver opens transactions by itself, late and without asking; _begin_sqlite does it instead.
    connection.isolation_level = None
    connection.create_function("folded", 1, fold, deterministic=True)
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        # FULL, not NORMAL: an outbox row lost in a power cut after its call would let a write happen twice (G4, G9).
        # It costs one fsync per commit, and a commit is a page.
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-32000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer asks for the lock at once: a transaction that reads first and then writes could not wait for it.
    reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _postgresql(address: URL, busy_timeout_s: float, pool: int) -> Engine:
    said = {"timezone": "UTC", "lock_timeout": int(busy_timeout_s * 1000), **_ABANDONED}
    options = " ".join(f"-c {name}={value}" for name, value in said.items())
    arguments: dict[str, Any] = {
        "connect_timeout": 10,
        "application_name": "syncengine",
        "options": options,
        # A host that vanished without a word is noticed within a minute, not after the two hours of the system's default.
        "keepalives_idle": 20,
        "keepalives_interval": 10,
        "keepalives_count": 4,
        "tcp_user_timeout": 60_000,
    }
    return create_engine(
        address, json_serializer=to_json, connect_args=arguments, pool_pre_ping=True, pool_size=pool, max_overflow=pool
    )


def _ask_time(engine: Engine) -> datetime:
    # A connection of its own: those of the pool may all be held by those who ask what time it is.
    alone = create_engine(engine.url, poolclass=NullPool, connect_args={"connect_timeout": 10})
    with database_problems(), alone.connect() as connection:
        return cast("datetime", connection.scalar(select(func.clock_timestamp())))
