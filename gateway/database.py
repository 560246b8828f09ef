"""Opening the Sage 100 database: SQL Server in production, PostgreSQL in tests, SQLite embedded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from gateway.errors import (
    DatabaseBusy,
    DatabaseFull,
    DatabaseMissing,
    DatabaseProblem,
    DatabaseRefused,
    DatabaseUnreachable,
    NotSage,
)
from gateway.sage import SAGE

DRIVERS = {"postgresql": "postgresql+psycopg", "mssql": "mssql+pyodbc"}
POOLS: dict[str, dict[str, Any]] = {
    # A production server drops idle connections: test each before use, and renew them twice an hour.
    "mssql": {"pool_pre_ping": True, "pool_recycle": 1800, "pool_size": 5, "fast_executemany": True},
    "postgresql": {"pool_pre_ping": True},
    "sqlite": {},
}
SQLITE_WAIT_MS = 30_000


def database_url(text: str) -> URL:
    """Read a URL, or a bare path as that of an SQLite file. Raises DatabaseProblem."""
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
    except ArgumentError:
        # The text itself may hold a password: never repeat it.
        raise DatabaseProblem("the database URL cannot be read", field="database") from None
    if url.get_backend_name() not in POOLS:
        raise DatabaseProblem(f"no support for databases of the kind {url.get_backend_name()!r}", field="database")
    return url.set(drivername=DRIVERS[url.drivername]) if url.drivername in DRIVERS else url


def open_database(text: str, *, create: bool = False) -> Engine:
    """Open the database named by a URL or an SQLite path; with `create`, a missing SQLite file is made.

    Raises DatabaseMissing for an SQLite file that is not there, DatabaseProblem for an unusable URL.
    """
    url = database_url(text)
    kind = url.get_backend_name()
    if kind == "sqlite" and not create and not _sqlite_exists(url):
        raise DatabaseMissing(f"there is no database file {url.database!r}")
    try:
        engine = create_engine(url, hide_parameters=True, **POOLS[kind])
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        advice = "Install the driver: `pip install crm-sage100-sync[sqlserver]`."
        raise DatabaseProblem(f"the database driver is missing ({error})", remedy=advice) from error
    if kind == "sqlite":
        _prepare_sqlite(engine)
    return engine


def _sqlite_exists(url: URL) -> bool:
    return url.database in (None, "", ":memory:") or Path(str(url.database)).is_file()


def _prepare_sqlite(engine: Engine) -> None:
    """WAL, so that readers never wait; transactions begun by us, a writer's with its lock at once."""

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={SQLITE_WAIT_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writer = connection.get_execution_options().get("sage_writer", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction: committed at the end, rolled back on any error, errors as the gateway's own."""
    with writer_connection(engine) as connection, connection.begin():
        yield connection


@contextmanager
def writer_connection(engine: Engine) -> Iterator[Connection]:
    """A connection for write transactions, one after the other, errors as the gateway's own."""
    with database_problems(), engine.connect().execution_options(sage_writer=True) as connection:
        yield connection


@contextmanager
def transacting(connection: Connection) -> Iterator[None]:
    """One transaction on that connection, as `writing` has it on one of its own."""
    with database_problems(), connection.begin():
        yield


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction, errors as the gateway's own."""
    with database_problems(), engine.connect() as connection:
        yield connection


@contextmanager
def database_problems() -> Iterator[None]:
    """Turn what the driver raises into the gateway's errors, without parameters or connection strings."""
    try:
        yield
    except DBAPIError as error:
        raise problem_of(error) from error


def problem_of(error: DBAPIError) -> DatabaseProblem:
    """The gateway's error for one that came through SQLAlchemy."""
    problem = problem_said(str(error.orig))
    if type(problem) is DatabaseRefused and (error.connection_invalidated or _is_connection_failure(error)):
        return DatabaseUnreachable(problem.message)
    return problem


def problem_said(said: str) -> DatabaseProblem:
    """The gateway's error for what a driver said."""
    for pattern, problem in (
        (r"database (table )?is locked|lock timeout|deadlock", DatabaseBusy),
        (r"disk is full|no space left|could not extend file|filegroup is full", DatabaseFull),
        (r"unable to open database file|database \"[^\"]*\" does not exist|cannot open database", DatabaseMissing),
        (r"file is not a database|malformed", NotSage),
    ):
        if re.search(pattern, said, re.IGNORECASE):
            return problem(_first_line(said))
    return DatabaseRefused(_first_line(said))


def _is_connection_failure(error: DBAPIError) -> bool:
    # A failure to connect carries no statement.
    return isinstance(error, OperationalError) and error.statement is None


def _first_line(said: str) -> str:
    return said.strip().splitlines()[0] if said.strip() else "the database driver gave no reason"


def create_base(engine: Engine) -> None:
    """Create those tables of a Sage 100 company that are missing."""
    with writing(engine) as connection:
        SAGE.create_all(connection)


def is_empty(engine: Engine) -> bool:
    """Whether the database has none of the tables of a Sage 100 company."""
    with reading(engine) as connection:
        return not set(inspect(connection).get_table_names()) & set(SAGE.tables)
