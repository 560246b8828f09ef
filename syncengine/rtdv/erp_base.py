"""The ERP database read in SQL: one connection for one look, nothing written, nothing kept, over in seconds (CRM-59).

No connection outlives the look, so that a base which is released for exclusive work is free ``LONGEST_S`` later at the latest
(CRM-58), whichever process was reading.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from syncengine.core import sql_address
from syncengine.errors import DirectReadRefused, ErpUnreachable

LOOK_S: Final = 10.0
"""How long one look may take, all its statements together."""
CONNECT_S: Final = 3
LONGEST_S: Final = LOOK_S + CONNECT_S
"""When a look that began is over for certain."""
_STEPS: Final = 5_000  # instructions of SQLite between two looks at the clock
_CAN_WRITE: Final = (
    "SELECT HAS_PERMS_BY_NAME('F_COMPTET', 'OBJECT', 'UPDATE') + HAS_PERMS_BY_NAME('F_DOCENTETE', 'OBJECT', 'UPDATE')"
)


class Deadline:
    """When a look has to be over; it runs from before anything is asked, so that a process that slept asks nothing more."""

    def __init__(self, seconds: float = LOOK_S) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left. Raises ErpUnreachable when there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise ErpUnreachable("the ERP database did not answer in time")
        return left

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._until


@contextmanager
def looking(address: SecretStr, deadline: Deadline) -> Iterator[Connection]:
    """A connection that can only read, for one look. Raises ErpUnreachable, DirectReadRefused."""
    url = sql_address.parsed(address.get_secret_value())
    opened = _OPEN[url.get_backend_name()](url, deadline)
    try:
        with _problems(deadline), opened.connect() as connection:
            yield connection
    finally:
        opened.dispose()


def _sqlite(url: URL, deadline: Deadline) -> Engine:
    path = quote(str(url.database))

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=CONNECT_S, check_same_thread=False)
        connection.execute("PRAGMA query_only=ON")
        connection.set_progress_handler(lambda: deadline.passed, _STEPS)
        return connection

    return _engine(url, deadline, creator=connect)


def _postgresql(url: URL, deadline: Deadline) -> Engine:
    options = "-c default_transaction_read_only=on"
    arguments = {"connect_timeout": CONNECT_S, "options": options, "application_name": "syncengine"}
    engine = _engine(url, deadline, connect_args=arguments)

    @event.listens_for(engine, "before_cursor_execute")
    def limit(_connection: Connection, cursor: Any, *_: Any) -> None:
        cursor.execute(f"SET LOCAL statement_timeout = {math.ceil(deadline.left * 1000)}")

    return engine.execution_options(postgresql_readonly=True)


def _sql_server(url: URL, deadline: Deadline) -> Engine:
    url = url.update_query_dict({"ApplicationIntent": "ReadOnly"})
    engine = _engine(url, deadline, connect_args={"timeout": CONNECT_S})

    @event.listens_for(engine, "before_cursor_execute")
    def limit(connection: Connection, *_: Any) -> None:
        connection.connection.driver_connection.timeout = math.ceil(deadline.left)  # type: ignore[union-attr]

    @event.listens_for(engine, "engine_connect")
    def refuse_writers(connection: Connection) -> None:
        # SQL Server has no transaction that only reads: the login itself must not be able to write.
        if connection.exec_driver_sql(_CAN_WRITE).scalar():
            raise DirectReadRefused("the user of the direct connection may write to the ERP database")

    return engine


_OPEN: Final[dict[str, Callable[[URL, Deadline], Engine]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "mssql": _sql_server,
}


def _engine(url: URL, deadline: Deadline, **options: Any) -> Engine:
    _ = deadline.left
    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, **options)
    except (NoSuchModuleError, ModuleNotFoundError):
        advice = "Install the driver of SQL Server: `pip install crm-sage100-sync[sqlserver]`."
        raise DirectReadRefused("the driver of the ERP database is not installed", remedy=advice) from None
    event.listen(engine, "before_cursor_execute", lambda *_: deadline.left)
    return engine


@contextmanager
def _problems(deadline: Deadline) -> Iterator[None]:
    """What the driver raises in our words, without parameters or addresses."""
    try:
        yield
    except DBAPIError as error:
        if deadline.passed:
            raise ErpUnreachable("the ERP database did not answer in time") from None
        if error.connection_invalidated or (isinstance(error, OperationalError) and error.statement is None):
            raise ErpUnreachable("the ERP database cannot be reached") from None
        raise DirectReadRefused(f"the ERP database refuses: {_first_line(str(error.orig))}") from None


def _first_line(said: str) -> str:
    return (said.strip().splitlines() or ["no reason given"])[0][:200]


def columns_of(connection: Connection, table: str) -> frozenset[str]:
    """The columns a table of this base has: versions differ. Raises DirectReadRefused without the table."""
    return frozenset(connection.execute(text(f'SELECT * FROM "{table}" WHERE 1 = 0')).keys())  # noqa: S608 - our own names
