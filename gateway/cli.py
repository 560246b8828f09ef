"""`sage-gateway`: the command line of the Sage 100 side.

Errors go to standard error as code, what happened, and what to do. Exit codes: see `Exit`.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from dataclasses import asdict
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from sqlalchemy import Engine

from contracts.errors import Problem
from gateway.backend import SqlBackend
from gateway.checks import CheckResult, Severity, run_checks
from gateway.clock import DEFAULT_ZONE
from gateway.companies import load_companies
from gateway.database import open_database
from gateway.demo import apply_changes, build_base, work
from gateway.demo.base import DEFAULT_COMPANY
from gateway.errors import BaseNotEmpty, DatabaseProblem, InputInvalid, SettingsInvalid
from gateway.load_report import Finding, ReportFile
from gateway.passwords import hash_password
from gateway.serve import serve
from gateway.settings import DEFAULT_FILE, load_settings


class Exit(IntEnum):
    """What the exit code says; the table of `docs` is made from this."""

    DONE = 0
    BLOCKING = 1  # `check` found something that blocks a first synchronisation
    USAGE = 2  # the command line itself is wrong
    SETTINGS = 3
    DATABASE = 4
    INPUT = 5  # a file or number given cannot be used
    OTHER = 6


EXIT_OF: tuple[tuple[type[Problem], Exit], ...] = (
    (SettingsInvalid, Exit.SETTINGS),
    (DatabaseProblem, Exit.DATABASE),
    (InputInvalid, Exit.INPUT),
    (BaseNotEmpty, Exit.INPUT),
)

app = typer.Typer(
    help="The Sage 100 side of the synchronisation: serves a Sage 100 base to the CRM, checks it, makes one to try.",
    no_args_is_help=True,
    # A traceback with local variables could show a password.
    pretty_exceptions_enable=False,
    add_completion=False,
)
PLAIN: dict[str, Any] = {"markup": False, "soft_wrap": True}
errors = Console(stderr=True, highlight=False)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Place = Annotated[str, typer.Argument(help="An SQLite file or a database URL.", show_default=False)]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="SAGE_GATEWAY_DATABASE",
        help="An SQLite file or a database URL, instead of the settings file's. Put a URL with a password into "
        "the environment variable, not on the command line.",
    ),
]
Settings = Annotated[Path, typer.Option(help="The settings file, read when no --database is given.")]
Company = Annotated[str, typer.Option(help="The company's name (raison sociale), for a base to be made.")]


@app.command("demo-base")
def demo_base(
    place: Place,
    *,
    tiers: Annotated[int, typer.Option(help="Clients and suppliers, 2 to 200,000.")] = 500,
    seed: Annotated[int, typer.Option(help="The same seed makes the same base.")] = 1,
    company: Company = DEFAULT_COMPANY,
    dirt: Annotated[bool, typer.Option(help="Spoil a few records, as real bases have them.")] = True,
    documents: Annotated[float, typer.Option(help="Documents per tiers, on average.")] = 2.0,
    as_json: Json = False,
) -> None:
    """Make a complete, believable Sage 100 base in an empty file or database."""
    engine = open_database(place, create=True)
    with _progress(hidden=as_json) as bar:
        task = bar.add_task("tiers", total=tiers)
        summary = build_base(
            engine,
            tiers=tiers,
            seed=seed,
            company=company,
            dirt=dirt,
            documents_per_tiers=documents,
            progress=lambda made: bar.update(task, completed=made),
        )
    engine.dispose()
    _show(asdict(summary) | {"bad": [asdict(record) for record in summary.bad]}, as_json=as_json)


@app.command("demo-changes")
def demo_changes(place: Place, *, as_json: Json = False) -> None:
    """Make one change of every kind in a base, as a user of Sage 100 would; can be repeated."""
    engine = open_database(place)
    changes = apply_changes(engine)
    engine.dispose()
    if as_json:
        typer.echo(json.dumps(asdict(changes), ensure_ascii=False))
    else:
        typer.echo("\n".join(changes.lines))


@app.command("demo-desk")
def demo_desk(place: Place) -> None:
    """Work in a base as a user of Sage 100 would: orders as JSON, one per line of standard input, answered line by line."""
    engine = open_database(place)
    for answer in work(engine, sys.stdin):
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    engine.dispose()


@app.command("load-companies")
def load(
    file: Annotated[Path, typer.Argument(help="CSV: siret, name, brand, naf, address, …", show_default=False)],
    *,
    database: Database = None,
    settings: Settings = DEFAULT_FILE,
    company: Company = DEFAULT_COMPANY,
    report: Annotated[Path | None, typer.Option(help="Write a CSV line per row adjusted or refused.")] = None,
    as_json: Json = False,
) -> None:
    """Load a file of companies, each as a client tiers; running it again adds only what is missing."""
    engine, zone = _open(database, settings, create=True)
    with ReportFile(report) if report else nullcontext() as written:

        def tell(finding: Finding) -> None:
            if written is not None:
                written.write(finding)

        summary = load_companies(engine, file, company=company, report=tell, zone=zone)
    engine.dispose()
    _show(asdict(summary), as_json=as_json)


@app.command()
def check(
    *,
    database: Database = None,
    settings: Settings = DEFAULT_FILE,
    as_json: Json = False,
) -> None:
    """Check the data before a first synchronisation; exit code 1 when something blocks it."""
    engine, zone = _open(database, settings)
    results = run_checks(engine, zone=zone)
    engine.dispose()
    if as_json:
        typer.echo(json.dumps({"checks": [asdict(result) for result in results]}, ensure_ascii=False))
    else:
        _print_checks([result for result in results if not result.passed], len(results))
    if any(not result.passed and result.severity is Severity.BLOCKING for result in results):
        raise typer.Exit(Exit.BLOCKING)


@app.command("serve")
def serve_command(
    settings: Settings = DEFAULT_FILE,
    *,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Instead of the settings file's; 0: any free one.")
    ] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Receives the port once the gateway answers.")] = None,
) -> None:
    """Serve the base of the settings file until told to stop."""
    loaded = load_settings(settings)
    serve(loaded if port is None else loaded.model_copy(update={"port": port}), ready_file=ready_file)


@app.command()
def rescan(*, settings: Settings = DEFAULT_FILE) -> None:
    """Read all tiers again, for what changed in Sage 100 without a mark; a running gateway does so every day."""
    backend = SqlBackend(load_settings(settings))
    backend.compare_now()
    backend.close()


@app.command("hash-password")
def hash_password_command() -> None:
    """Ask for a password (or read it from standard input) and print the hash to put into the settings file."""
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise InputInvalid("the password is empty", remedy="Choose one: nobody signs in without a password.")
    typer.echo(hash_password(password))


def main() -> None:
    """Run the command line; the one place where errors become text and exit codes."""
    try:
        app()
    except Problem as problem:
        _fail(problem)


def _fail(problem: Problem) -> NoReturn:
    where = "".join(f" [{value}]" for value in (problem.record, problem.field) if value)
    errors.print(f"{problem.problem_code}: {problem.message}{where}", style="bold red", **PLAIN)
    if problem.remedy:
        errors.print(f"→ {problem.remedy}", **PLAIN)
    sys.exit(next((code for kind, code in EXIT_OF if isinstance(problem, kind)), Exit.OTHER))


def _open(database: str | None, settings: Path, *, create: bool = False) -> tuple[Engine, str]:
    """The database named on the command line or in the settings, and the time zone of its clock."""
    if database is not None:
        return open_database(database, create=create), DEFAULT_ZONE
    found = load_settings(settings)
    return open_database(found.database.get_secret_value(), create=create), found.time_zone


def _progress(*, hidden: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors, disable=hidden)


def _show(values: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False))
        return
    table = Table(show_header=False, box=None)
    for name, value in values.items():
        table.add_row(name.replace("_", " "), _plain(value))
    Console().print(table)


def _plain(value: Any) -> str:
    """A figure as a person reads it: lists by their length, figures by reason on lines of their own."""
    if isinstance(value, dict):
        return "\n".join(f"{name!s}: {count}" for name, count in value.items()) or "none"
    return str(len(value) if isinstance(value, list | tuple) else value)


def _print_checks(failed: list[CheckResult], total: int) -> None:
    console = Console()
    if not failed:
        console.print(f"{total} contrôles, aucune anomalie.")
        return
    table = Table("Gravité", "Nombre", Column("Contrôle, et que faire", ratio=3), Column("Exemples", ratio=1))
    for result in failed:
        severity = "bloquant" if result.severity is Severity.BLOCKING else "à vérifier"
        examples = ", ".join(result.examples[:3]) + (" …" if result.count > 3 else "")
        table.add_row(severity, str(result.count), f"{result.title}\n→ {result.remedy}", escape(examples))
    console.print(table)
    console.print(f"{total} contrôles, {len(failed)} avec anomalies.")


if __name__ == "__main__":
    main()
