"""``syncengine sync``, ``resync``, ``undo``: a cycle now, or the plan of what it would do (CRM-09, CRM-19, NEW-02, NEW-04)."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from syncengine import integrations
from syncengine.commands.options import As, AsJson, Name, OfIntegration, acting
from syncengine.commands.plans import show_plan_view
from syncengine.commands.undo import show_undo
from syncengine.core.undo_plan import UndoPlan
from syncengine.cycle.run import DIFFERENTIAL, Order, Report
from syncengine.demo import run_demo
from syncengine.desk.plans import refuse_other_kind, show_plan
from syncengine.desk.undoing import undo_preview
from syncengine.engine import Engine, opened
from syncengine.errors import ExitCode, InputRefused, Interrupted, exit_code
from syncengine.model import CycleKind, CycleStatus, Side
from syncengine.screen import show_json, show_problem
from syncengine.sync import preview, synchronise
from syncengine.terminal import progress_bar, show_report

DryRun = Annotated[bool, typer.Option("--dry-run", help="Make the plan of it and write nothing else.")]
Apply = Annotated[
    int | None,
    typer.Option(metavar="PLAN", min=1, help="Do exactly what that plan says, or nothing if it is outdated."),
]
_SYNC: Final = (CycleKind.FIRST, CycleKind.DIFFERENTIAL)


def sync(name: Name = None, *, dry_run: DryRun = False, apply: Apply = None, as_json: AsJson = False) -> None:
    """Synchronise now: the first time everything, then what changed; interrupted, it goes on where it was."""
    with opened() as engine:
        _order(engine, _find(engine, name), DIFFERENTIAL, _SYNC, dry_run=dry_run, apply=apply, as_json=as_json)


def resync(
    name: Name = None,
    *,
    side: Annotated[
        Side | None,
        typer.Option("--from", help="The side that is right wherever the two differ; only while deactivated."),
    ] = None,
    dry_run: DryRun = False,
    apply: Apply = None,
    as_json: AsJson = False,
) -> None:
    """Compare everything instead of following the changes, and write only what differs; by base and policies, or one side's way."""
    kinds = (CycleKind.FULL_SEND,) if side is Side.CRM else (CycleKind.RESYNC,)
    with opened() as engine:
        order = Order(full=True, preferred=side)
        _order(engine, _find(engine, name), order, kinds, dry_run=dry_run, apply=apply, as_json=as_json)


def undo(
    cycle: Annotated[int, typer.Argument(metavar="CYCLE", min=1, help="Number of the cycle: `syncengine cycles`.")],
    *,
    include_changed: Annotated[
        bool, typer.Option("--include-changed", help="Take back values that were changed again since, too.")
    ] = False,
    dry_run: DryRun = False,
    apply: Apply = None,
    integration: OfIntegration = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Take a whole cycle back on both sides, by a cycle that can be undone itself; what was changed since is asked about."""
    with opened() as engine:
        integration_id = _find(engine, integration)
        with engine.store.reading() as session:
            by = acting(session, as_).by
            found = undo_preview(session, integration_id, cycle)
        if not as_json:
            show_undo(found)
        too = include_changed or (not dry_run and apply is None and _asked(found))
        order = Order(undoes=cycle, changed_since_too=too, by=by)
        if found or (too and found.changed_since):
            kinds, told = (CycleKind.UNDO,), {"undo": found}
            _order(engine, integration_id, order, kinds, dry_run=dry_run, apply=apply, as_json=as_json, told=told)
        elif as_json:
            show_json({"undo": found})
        if not dry_run and not too and found.changed_since:
            raise typer.Exit(ExitCode.WARNING)


def demo(
    *,
    folder: Annotated[Path, typer.Option(help="Where the demonstration keeps its two bases; emptied first.")] = Path(
        ".demo"
    ),
    tiers: Annotated[int, typer.Option(min=60, max=200_000, help="Clients and suppliers in the ERP.")] = 2_000,
    serve: Annotated[bool, typer.Option("--serve", help="Then serve the console over it, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the console; 0: the system chooses.")] = 8_070,
) -> None:
    """Show the whole of it on this machine: first synchronisation, both ways, conflict, creation, repair, guard, undo."""
    run_demo(folder, tiers=tiers, console=Console(), port=port if serve else None)


def run(engine: Engine, integration_id: int, order: Order = DIFFERENTIAL) -> Report:
    """One cycle, with its progress on standard error."""
    with progress_bar(Console(stderr=True)) as watch:
        return synchronise(engine, integration_id, watch=watch, screen=False, order=order)


def end(report: Report, *, shown: bool) -> None:
    """Tell how a cycle ended, and end the command accordingly."""
    if not shown:
        show_report(Console(), report)
    if report.problem is not None:
        show_problem(report.problem)
        raise typer.Exit(exit_code(report.problem))
    if report.status is CycleStatus.WARNING:
        raise typer.Exit(ExitCode.WARNING)


def _find(engine: Engine, name: str | None) -> int:
    with engine.store.reading() as session:
        return integrations.find(session, name).id


def _order(
    engine: Engine,
    integration_id: int,
    order: Order,
    kinds: tuple[CycleKind, ...],
    *,
    dry_run: bool,
    apply: int | None,
    as_json: bool,
    told: dict[str, Any] | None = None,
) -> None:
    """Run the cycle, or show the plan of it; ``told`` is JSON that goes along."""
    if dry_run and apply is not None:
        raise InputRefused("a plan is made, or applied", remedy="Give --dry-run or --apply PLAN.")
    if dry_run:
        with progress_bar(Console(stderr=True)) as watch:
            number = preview(engine, integration_id, watch=watch, screen=False, order=order)
        with engine.store.reading() as session:
            view = show_plan(session, number)
        if as_json:
            show_json(view if told is None else {**told, "plan": view})
        else:
            show_plan_view(view)
        return
    if apply is not None:
        with engine.store.reading() as session:
            refuse_other_kind(session, apply, kinds)
    report = run(engine, integration_id, replace(order, plan_id=apply))
    if as_json:
        show_json(report if told is None else {**told, "report": report})
    end(report, shown=as_json)


def _asked(found: UndoPlan) -> bool:
    """Whether values changed since go back too: asked at a terminal, else they are kept."""
    if not found.changed_since or not sys.stdin.isatty():
        return False
    try:
        return typer.confirm("Take back what was changed since, too?", default=False, err=True)
    except typer.Abort:
        raise Interrupted("stopped by hand; nothing was written") from None
