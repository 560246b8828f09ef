"""``syncengine sync``: one cycle now, with its progress."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from syncengine import integrations
from syncengine.demo import run_demo
from syncengine.engine import opened
from syncengine.errors import ExitCode, exit_code
from syncengine.integration_commands import AsJson, Name
from syncengine.model import CycleStatus
from syncengine.screen import show_json, show_problem
from syncengine.sync import synchronise
from syncengine.terminal import progress_bar, show_report


def sync(name: Name = None, *, as_json: AsJson = False) -> None:
    """Synchronise now: the first time everything, then what changed; interrupted, it goes on where it was."""
    console = Console(stderr=True)
    with opened() as engine:
        with engine.store.reading() as session:
            integration_id = integrations.find(session, name).id
        with progress_bar(console) as watch:
            report = synchronise(engine, integration_id, watch=watch, screen=False)
    if as_json:
        show_json(report)
    else:
        show_report(Console(), report)
    if report.problem is not None:
        show_problem(report.problem)
        raise typer.Exit(exit_code(report.problem))
    if report.status is CycleStatus.WARNING:
        raise typer.Exit(ExitCode.WARNING)


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demonstration keeps its two bases; emptied first.")] = Path(
        ".demo"
    ),
    tiers: Annotated[int, typer.Option(min=10, max=200_000, help="Clients and suppliers in the ERP.")] = 2_000,
) -> None:
    """Show the whole of it on this machine: a Sage 100 base, a first and a differential synchronisation."""
    run_demo(folder, tiers=tiers, console=Console())
