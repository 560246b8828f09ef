"""``syncengine``: the command line. Exit codes: ``syncengine.errors.ExitCode``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from contracts.errors import Problem
from syncengine import company_commands, integration_commands, integrations, logs, secrets, sync_command
from syncengine.engine import opened
from syncengine.errors import ExitCode, Interrupted, exit_code
from syncengine.integration_commands import AsJson, Name
from syncengine.model import SyncErrorState
from syncengine.schema import SchemaStatus, schema_status, upgrade
from syncengine.screen import show_facts, show_json, show_problem, show_table
from syncengine.status import CycleSummary, IntegrationStatus, overview, sync_errors

_STOPPED_BY_KEYBOARD: Final = 130  # how typer ends after Ctrl-C

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Two-way synchronisation between the CRM and Sage 100.",
)
database = typer.Typer(no_args_is_help=True, help="The CRM base.")
errors = typer.Typer(no_args_is_help=True, help="Records that could not be synchronised.")
log_files = typer.Typer(no_args_is_help=True, help="Log files, one per integration.")
key = typer.Typer(no_args_is_help=True, help="The key of the stored passwords.")
app.add_typer(integration_commands.app, name="integration")
app.add_typer(company_commands.app, name="company")
app.add_typer(database, name="db")
app.add_typer(errors, name="errors")
app.add_typer(log_files, name="logs")
app.add_typer(key, name="key")
app.command("sync")(sync_command.sync)
app.command("demo")(sync_command.demo)
app.command("fields")(company_commands.fields)


def main() -> None:
    """Run a command and end with its exit code; a problem is told on standard error with its remedy."""
    try:
        app()
    except Problem as problem:
        show_problem(problem)
        sys.exit(exit_code(problem))
    except SystemExit as end:
        if end.code != _STOPPED_BY_KEYBOARD:
            raise
        show_problem(Interrupted("stopped by hand"))
        sys.exit(ExitCode.INTERRUPTED)


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


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show how the integrations stand, and the cycle that runs or ran last."""
    with opened() as engine, engine.store.reading() as session:
        found = overview(session, at=datetime.now(UTC))
    if as_json:
        show_json(found)
        return
    for item in found:
        show_facts(_facts(item))
        typer.echo()


@errors.command("list")
def errors_list(
    name: Name = None,
    *,
    state: Annotated[SyncErrorState, typer.Option(help="Which ones.")] = SyncErrorState.OPEN,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the records in error, with the reason and what to do."""
    with opened() as engine, engine.store.reading() as session:
        found = sync_errors(session, integrations.find(session, name).id, state=state, count=count)
    if as_json:
        show_json(found)
        return
    for item in found:
        place = f" [{item.field}]" if item.field else ""
        typer.echo(f"{item.entity} {item.erp_key}{place}  {item.code}: {item.message}")
        typer.echo(f"  → {item.remedy or ''}  (attempts: {item.attempts}, last {item.last_at:%Y-%m-%d %H:%M} UTC)")


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


def _facts(item: IntegrationStatus) -> dict[str, object]:
    record = item.integration
    return {
        "integration": record.name,
        "company": record.draft.company,
        "state": record.state,
        "connected": record.connected,
        "running now": item.running,
        "accounts": item.accounts,
        "open errors": item.open_errors,
        "last cycle": _cycle(item.last_cycle) if item.last_cycle else "none yet",
    }


def _cycle(cycle: CycleSummary) -> str:
    progress = f"{cycle.done}" + (f" of {cycle.total}" if cycle.total is not None else "")
    reason = f", {cycle.error_code}: {cycle.error_message}" if cycle.error_code else ""
    return f"{cycle.kind} {cycle.started_at:%Y-%m-%d %H:%M:%S} UTC: {cycle.status.label}, {progress}{reason}"
