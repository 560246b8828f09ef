"""``syncengine plan``: what a cycle would do, per side and per tiers (NEW-02, NEW-06)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Annotated

import typer

from syncengine import integrations
from syncengine.commands.options import After, AsJson, Limit, Name
from syncengine.commands.pages import page_of, show_after, show_page
from syncengine.commands.words import KINDS, LINES, SIDES
from syncengine.core.guards import Counts
from syncengine.desk.plans import LIMIT, PlanLine, PlanSummary, PlanView, list_plans, show_plan
from syncengine.engine import opened
from syncengine.model import Side
from syncengine.screen import show_json, show_table

app = typer.Typer(no_args_is_help=True, help="Plans: what a cycle would do, made by --dry-run or by a guard.")


@app.command("list")
def list_all(
    name: Name = None,
    *,
    limit: Limit = 20,
    before: Annotated[int | None, typer.Option("--after", help="Continue: what the page before ended with.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the plans that were made, the newest first."""
    with opened() as engine, engine.store.reading() as session:
        found = list_plans(session, integrations.find(session, name).id, limit=limit + 1, before=before)
    headings = ("N°", "Fait le", "Cycle", "CRM", "Sage 100", "Arrêté par", "Appliqué par le cycle")
    show_page(page_of(found, limit, lambda plan: plan.id), headings, _row, as_json=as_json)


@app.command()
def show(
    plan: Annotated[int, typer.Argument(metavar="PLAN", min=1, help="Number of the plan.")],
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many lines at most.")] = LIMIT,
    after: After = 0,
    as_json: AsJson = False,
) -> None:
    """Show what a plan would do: every value on both sides, before and after, and why."""
    with opened() as engine, engine.store.reading() as session:
        view = show_plan(session, plan, limit=limit, after=after)
    if as_json:
        show_json(view)
    else:
        show_plan_view(view)


def show_plan_view(view: PlanView) -> None:
    """Print a plan: how much it would do on each side, then its lines by side and tiers."""
    plan = view.plan
    typer.echo(f"Plan n° {plan.id} · {KINDS[plan.kind]} · {plan.made_at:%Y-%m-%d %H:%M:%S} UTC")
    if plan.stopped_by:
        typer.echo(f"Arrêté : {plan.stopped_by}")
    if plan.applied_cycle_id:
        typer.echo(f"Appliqué par le cycle {plan.applied_cycle_id}")
    for side in Side:
        typer.echo(f"{SIDES[side]:<9} {_figures(view.totals.on(side))}")
    typer.echo(f"{view.size} lignes, {view.tiers} tiers, {view.refused} refusés, {view.conflicts} conflits")
    for side, lines in groupby(view.lines, lambda line: line.side):
        typer.echo(f"\n{SIDES[Side(side)]}")
        show_table(("Tiers", "Nom", "", "Champ", "Avant", "Après", "Pourquoi"), _lines(lines))
    show_after(view.after)


def _figures(counts: Counts) -> str:
    return f"{counts.created} à créer, {counts.changed} à modifier, {counts.deactivated} à désactiver"


def _lines(lines: Iterable[PlanLine]) -> Iterator[tuple[object, ...]]:
    """The lines of one side; the tiers stands before its first one."""
    for (code, _), own in groupby(lines, lambda line: (line.code, line.name)):
        for number, line in enumerate(own):
            who = ("", "") if number else (code, line.name)
            after = "" if line.why == line.after else line.after
            yield (*who, LINES[line.kind], line.label, line.before, after, line.why)


def _row(plan: PlanSummary) -> tuple[object, ...]:
    sides = (_of(plan, side) for side in Side)
    return (plan.id, plan.made_at, KINDS[plan.kind], *sides, plan.stopped_by, plan.applied_cycle_id)


def _of(plan: PlanSummary, side: Side) -> str:
    names = ("created", "changed", "deactivated")
    return _figures(Counts(**{name: plan.counts.get(f"{side}_{name}", 0) for name in names}))
