"""What other programs and a full disk do to an SQLite base, for as long as a block lasts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool


@contextmanager
def full_disk(engine: Engine, *, spare: int) -> Iterator[None]:
    """The base of that engine can grow by so many pages and no more, whoever in this process opens it: a real SQLITE_FULL."""
    file = Path(str(engine.url.database))
    with closing(sqlite3.connect(file)) as connection:
        most = connection.execute("PRAGMA page_count").fetchone()[0] + spare

    def limit(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        (opened,) = [path for _, name, path in cursor.execute("PRAGMA database_list") if name == "main"]
        if opened and Path(opened) == file:
            cursor.execute(f"PRAGMA max_page_count = {most}")
        cursor.close()

    event.listen(Pool, "connect", limit)
    engine.dispose()
    try:
        yield
    finally:
        event.remove(Pool, "connect", limit)
        engine.dispose()


def backup(engine: Engine, copy: Path) -> None:
    """A copy of the base as it is now."""
    with closing(sqlite3.connect(str(engine.url.database))) as ours, closing(sqlite3.connect(copy)) as theirs:
        ours.backup(theirs)


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    """Another program holds the write lock of that base."""
    file = str(engine.url.database)
    # Taken in the thread of a call on its way, given back in the test's.
    with closing(sqlite3.connect(file, isolation_level=None, timeout=5, check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
