"""How alembic runs: on the connection that ``schema`` hands over, or on the one of ``-x url=…`` when writing a migration."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from syncengine.model import Base
from syncengine.storage.store import open_store


def _run(connection: Connection) -> None:
    batch = connection.dialect.name == "sqlite"  # which cannot alter a column in place
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=batch)
    with context.begin_transaction():
        context.run_migrations()


def _run_from_command_line() -> None:
    url = context.get_x_argument(as_dictionary=True)["url"]
    with open_store(str(url), check=False).engine.begin() as connection:
        _run(connection)


given = context.config.attributes.get("connection")
if isinstance(given, Connection):
    _run(given)
else:
    _run_from_command_line()
