"""``syncengine db``, ``logs`` and ``key``: the base, the log files and the key of this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from syncengine import integrations, logs, secrets
from syncengine.commands.options import AsJson, Name
from syncengine.engine import opened
from syncengine.screen import show_facts, show_json, show_table
from syncengine.storage.schema import SchemaStatus, schema_status, upgrade

database = typer.Typer(no_args_is_help=True, help="The CRM base.")
log_files = typer.Typer(no_args_is_help=True, help="Log files, one per integration.")
key = typer.Typer(no_args_is_help=True, help="The key of the stored passwords.")


@database.command("upgrade")
def db_upgrade(*, as_json: AsJson = False) -> None:
    """Bring the base to this program's version; back it up first."""
    with opened(check=False) as engine:
        found = upgrade(engine.store.engine)
    _show_schema(found, as_json=as_json)


@database.command("status")
def db_status(*, as_json: AsJson = False) -> None:
    """Show the version of the base."""
    with opened(check=False) as engine, engine.store.reading() as session:
        found = schema_status(session.connection())
    _show_schema(found, as_json=as_json)


@log_files.command("list")
def logs_list(name: Name = None, *, as_json: AsJson = False) -> None:
    """List the log files of an integration, the current one first."""
    with opened() as engine, engine.store.reading() as session:
        found = logs.list_logs(engine.settings, integrations.find(session, name).id)
    if as_json:
        show_json(found)
        return
    show_table(("FILE", "BYTES", "LAST WRITTEN"), [(item.name, item.size, item.modified_at) for item in found])


@log_files.command("show")
def logs_show(
    name: Annotated[str | None, typer.Argument(help="The file; the current one unless given.")] = None,
    *,
    integration: Annotated[str | None, typer.Option(help="Whose current file.")] = None,
) -> None:
    """Print a log file: one JSON object per line."""
    with opened() as engine, engine.store.reading() as session:
        file = name or logs.log_name(integrations.find(session, integration).id)
        for line in logs.read_log(engine.settings, file):
            typer.echo(line)


@key.command("rotate")
def key_rotate(*, as_json: AsJson = False) -> None:
    """Make a new key, encrypt every stored password with it, and forget the older ones."""
    with opened() as engine:
        count = secrets.rotate(engine.store, engine.settings)
    if as_json:
        show_json({"passwords": count})
    else:
        typer.echo(f"{count} passwords encrypted again")


def _show_schema(found: SchemaStatus, *, as_json: bool) -> None:
    if as_json:
        show_json(found)
    else:
        show_facts({"state": found.state, "version": found.found, "needed": found.wanted})
