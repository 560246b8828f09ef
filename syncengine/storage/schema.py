"""The version of the CRM base: what it is, whether this program can work with it, and how to bring it up to date."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import as_file, files
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect, text

from syncengine.errors import DatabaseForeign, DatabaseNewer, DatabaseOutdated

_LOCK: Final = 0x53414745  # any number, the same for all: only one process migrates at a time


class SchemaState(StrEnum):
    """How a database stands to this program.

    ::

        empty ──► current ◄── outdated        by upgrade
        newer, foreign                        refused
    """

    EMPTY = "empty"
    CURRENT = "current"
    OUTDATED = "outdated"
    NEWER = "newer"
    FOREIGN = "foreign"


@dataclass(frozen=True, kw_only=True)
class SchemaStatus:
    """The version found, the one wanted, and what that means; ``found`` is None for a database without versions."""

    state: SchemaState
    found: str | None
    wanted: str


def schema_status(connection: Connection) -> SchemaStatus:
    """How the database stands to this program."""
    with as_file(files("migrations")) as folder:
        scripts = ScriptDirectory(str(folder))
        wanted = scripts.get_current_head() or ""
        found = MigrationContext.configure(connection).get_current_revision()
        return SchemaStatus(state=_state(connection, scripts, found, wanted), found=found, wanted=wanted)


def _state(connection: Connection, scripts: ScriptDirectory, found: str | None, wanted: str) -> SchemaState:
    if found is None:
        return SchemaState.FOREIGN if inspect(connection).get_table_names() else SchemaState.EMPTY
    if found == wanted:
        return SchemaState.CURRENT
    return SchemaState.OUTDATED if _knows(scripts, found) else SchemaState.NEWER


def _knows(scripts: ScriptDirectory, revision: str) -> bool:
    try:
        return scripts.get_revision(revision) is not None
    except CommandError:
        return False


def check_version(reader: Engine, writer: Engine) -> None:
    """Make the tables in an empty database; refuse one that is not of this program's version.

    Raises DatabaseNewer, DatabaseOutdated, DatabaseForeign.
    """
    with reader.connect() as connection:
        status = schema_status(connection)
    if status.state is SchemaState.EMPTY:
        upgrade(writer)
    elif status.state is SchemaState.OUTDATED:
        raise DatabaseOutdated(f"the database has version {status.found}, the program needs {status.wanted}")
    else:
        _refuse(status)


def upgrade(writer: Engine) -> SchemaStatus:
    """Bring the database to this program's version, all or nothing; on PostgreSQL the queue's tables, too.

    Raises DatabaseNewer, DatabaseForeign.
    """
    with writer.begin() as connection, as_file(files("migrations")) as folder:
        _take_lock(connection)
        _refuse(schema_status(connection))
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        status = schema_status(connection)
    if writer.dialect.name == "postgresql":
        from syncengine.storage.queue_tables import converge  # noqa: PLC0415 - a third of a second that nothing else needs

        converge(writer)
    return status


def _take_lock(connection: Connection) -> None:
    # On SQLite the write transaction is the lock.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})


def _refuse(status: SchemaStatus) -> None:
    if status.state is SchemaState.NEWER:
        raise DatabaseNewer(f"the database has version {status.found}, which this program does not know")
    if status.state is SchemaState.FOREIGN:
        raise DatabaseForeign("the database holds tables, but not those of the CRM")
