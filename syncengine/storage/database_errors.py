"""The drivers' errors as problems with a code and a remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from contracts.errors import Problem
from syncengine.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseFull,
    DatabaseProblem,
    DatabaseRefused,
    DatabaseUnreachable,
)

_SQLITE: Final[dict[str, type[Problem]]] = {
    "SQLITE_BUSY": DatabaseBusy,
    "SQLITE_LOCKED": DatabaseBusy,
    "SQLITE_FULL": DatabaseFull,
    "SQLITE_CORRUPT": DatabaseDamaged,
    "SQLITE_NOTADB": DatabaseDamaged,
    "SQLITE_CANTOPEN": DatabaseUnreachable,
    "SQLITE_READONLY": DatabaseUnreachable,
    "SQLITE_PERM": DatabaseUnreachable,
    "SQLITE_IOERR": DatabaseUnreachable,
}
"""By the first two words of the error's name; the rest tells variants."""

_POSTGRESQL: Final[tuple[tuple[str, type[Problem]], ...]] = (
    ("53100", DatabaseFull),
    ("25P03", DatabaseUnreachable),  # the server ended what stood still in the middle of a transaction
    ("55P03", DatabaseBusy),
    ("40", DatabaseBusy),
    ("53", DatabaseUnreachable),
    ("57", DatabaseUnreachable),
    ("08", DatabaseUnreachable),
    ("28", DatabaseUnreachable),
    ("3D", DatabaseUnreachable),
    ("XX", DatabaseDamaged),
)
"""By the start of the SQLSTATE, the longer ones first."""


@contextmanager
def database_problems() -> Iterator[None]:
    """Turns a driver's error inside the block into a DatabaseProblem or DatabaseBusy."""
    try:
        yield
    except DBAPIError as error:
        raise database_problem(error.orig) from error
    except PoolTimeout as error:
        raise DatabaseBusy("no free connection to the database") from error
    except (sqlite3.Error, psycopg.Error) as error:
        raise database_problem(error) from error


def database_problem(error: BaseException | None) -> Problem:
    """The problem behind an error of a driver. Never holds the statement's values: they are people's data."""
    if isinstance(error, psycopg.Error):
        return _kind_postgresql(error)(_first_line(error))
    if isinstance(error, sqlite3.Error):
        return _kind_sqlite(error)(_first_line(error))
    return DatabaseProblem(type(error).__name__)


def _kind_sqlite(error: sqlite3.Error) -> type[Problem]:
    name = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
    return _SQLITE.get(name, DatabaseRefused)


def _kind_postgresql(error: psycopg.Error) -> type[Problem]:
    if error.sqlstate is None:
        return DatabaseUnreachable if isinstance(error, psycopg.OperationalError) else DatabaseRefused
    return next((kind for start, kind in _POSTGRESQL if error.sqlstate.startswith(start)), DatabaseRefused)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
