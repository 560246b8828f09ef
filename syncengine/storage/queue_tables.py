"""The queue's own tables: PgQueuer makes and upgrades them, in a PostgreSQL schema of their own beside the tables of the CRM.

They hold nothing that cannot be lost: when something is due stands in the integrations. So they are not written ahead
(UNLOGGED), and a backup need not contain them.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final, TypeVar, cast

import psycopg
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.ports.driver import Driver
from psycopg.rows import dict_row
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from sqlalchemy import Engine

T = TypeVar("T")


class _Names(DBSettings):
    """PgQueuer's names, which no variable of the environment changes."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is said here, and nothing else."""
        return (init_settings,)


NAMES: Final = _Names(db_schema="syncengine_queue", durability=Durability.volatile)
_LOCK: Final = "SELECT pg_advisory_lock($1)"
_UNLOCK: Final = "SELECT pg_advisory_unlock($1)"
_KEY: Final = 0x51554555  # any number, the same for all: only one process at a time makes the tables


def converge(engine: Engine) -> None:
    """Make the queue's tables, or bring them to what this release of PgQueuer needs; nothing happens when they are."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver = AnswersAtOnce(cast("psycopg.Connection[Any]", connection.connection.driver_connection))
        queries = Queries(cast("Driver", driver), qbe=QueryBuilderEnvironment(NAMES))
        at_once(driver.execute(_LOCK, _KEY))
        try:
            if at_once(queries.schema_is_installed()):
                at_once(queries.apply_upgrade())
            else:
                at_once(queries.install())
        finally:
            at_once(driver.execute(_UNLOCK, _KEY))


def is_current(engine: Engine) -> bool:
    """Whether the queue's tables are there as this release of PgQueuer needs them."""
    with engine.connect() as connection:
        driver = AnswersAtOnce(cast("psycopg.Connection[Any]", connection.connection.driver_connection))
        queries = Queries(cast("Driver", driver), qbe=QueryBuilderEnvironment(NAMES))
        return at_once(queries.schema_is_installed()) and not at_once(queries.plan_upgrade()).statements


class AnswersAtOnce:
    """PgQueuer's statements on a connection of ours, in whatever transaction it is: for code that does not wait."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    async def fetch(self, query: str, *values: object) -> list[dict[str, object]]:
        """The rows of a query in PostgreSQL's own notation ($1, $2)."""
        with psycopg.RawCursor(self._connection, row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), values or None).fetchall()

    async def execute(self, query: str, *values: object) -> str:
        """The status of a statement."""
        with psycopg.RawCursor(self._connection) as cursor:
            return cursor.execute(query.encode(), values or None).statusmessage or ""


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits: its driver answers at once. Works inside a running event loop, too."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise RuntimeError("the queue waits for something where nothing may be waited for")
