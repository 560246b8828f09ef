"""``syncengine errors``: records that one side refused, explained, tried again, corrected, taken out (CRM-49..51)."""

from __future__ import annotations

from typing import Annotated

import typer

from syncengine import integrations
from syncengine.commands.answers import show_result
from syncengine.commands.assignments import assigned
from syncengine.commands.options import LIMIT, As, AsJson, Limit, Name, OfIntegration, acting, now
from syncengine.commands.pages import page_of, show_after
from syncengine.commands.words import ERRORS, KINDS, SIDES
from syncengine.desk.analysis import Analysis, Group, analysis
from syncengine.desk.error_choice import Which
from syncengine.desk.error_desk import edit_and_retry, put_back, retry, take_out
from syncengine.desk.error_sheet import ErrorSheet, ErrorSummary, SheetLine, error_sheet, sync_errors
from syncengine.desk.status import last_cycles
from syncengine.engine import opened
from syncengine.errors import InputRefused
from syncengine.logs import log_name, read_log
from syncengine.model import Side, SyncErrorState
from syncengine.screen import show_facts, show_json, show_table

app = typer.Typer(no_args_is_help=True, help="Records that could not be synchronised.")

Numbers = Annotated[list[int] | None, typer.Argument(metavar="[ERROR]...", help="Numbers of `errors list`.")]
Codes = Annotated[list[str] | None, typer.Option("--tiers", metavar="CODE", help="A code comptable; several times.")]
All = Annotated[bool, typer.Option("--all", help="All for which it can be done.")]
OfSide = Annotated[Side | None, typer.Option(help="Only what that side refused: crm what came, erp what was sent.")]
OfCode = Annotated[str | None, typer.Option(help="Only errors of that code.")]


@app.command("list")
def list_all(
    name: Name = None,
    *,
    state: Annotated[SyncErrorState | None, typer.Option(help="Which ones; those that stand unless given.")] = None,
    side: OfSide = None,
    code: OfCode = None,
    limit: Limit = LIMIT,
    after: Annotated[int | None, typer.Option(help="Continue: what the page before ended with.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the records in error, with the reason and what to do, the latest first."""
    with opened() as engine, engine.store.reading() as session:
        of = integrations.find(session, name).id
        found = sync_errors(session, of, state=state, side=side, code=code, limit=limit + 1, after=after)
    page = page_of(found, limit, lambda error: error.id)
    if as_json:
        show_json(page)
        return
    for item in page.items:
        show_error(item)
    show_after(page.after)


@app.command()
def show(
    error: Annotated[int, typer.Argument(metavar="ERROR", min=1, help="Number of the error.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a record in error: its values as received or sent, what is wrong with which, and what can be ordered."""
    with opened() as engine, engine.store.reading() as session:
        sheet = error_sheet(session, error)
    if as_json:
        show_json(sheet)
    else:
        _show_sheet(sheet)


@app.command("retry")
def retry_again(
    errors: Numbers = None,
    *,
    tiers: Codes = None,
    everything: All = False,
    side: OfSide = None,
    code: OfCode = None,
    integration: OfIntegration = None,
    as_json: AsJson = False,
) -> None:
    """'Réessayer': the next cycle asks for these records again, or sends them again."""
    which = _which(errors, tiers, side, code, everything=everything)
    with opened() as engine, engine.store.writing() as session:
        result = retry(session, integrations.find(session, integration).id, which, at=now())
    show_result(result, done="à réessayer au prochain cycle", as_json=as_json)


@app.command()
def edit(
    error: Annotated[int, typer.Argument(metavar="ERROR", min=1, help="Number of the error.")],
    values: Annotated[
        list[str], typer.Argument(metavar="PATH=VALUE...", help="Fields as `errors show --json` names them.")
    ],
    *,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Correct values of a record in error and try again: contacts/7/phone=0102030405."""
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        wanted = {path: value or None for path, value in assigned(values).items()}
        edit_and_retry(session, error, wanted, at=act.at, by=act.by)
        sheet = error_sheet(session, error)
    if as_json:
        show_json(sheet)
    else:
        show_error(sheet.error)


@app.command("take-out")
def take_out_of_flow(
    errors: Numbers = None,
    *,
    tiers: Codes = None,
    everything: All = False,
    side: OfSide = None,
    code: OfCode = None,
    integration: OfIntegration = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """'Ne plus synchroniser': take records out of the flow, both ways; a tiers named by its code need not be in error."""
    which = _which(errors, tiers, side, code, everything=everything)
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        result = take_out(session, integrations.find(session, integration).id, which, at=act.at, by=act.by)
    show_result(result, done="sortis de la synchronisation", as_json=as_json)


@app.command("put-back")
def put_back_into_flow(
    errors: Numbers = None,
    *,
    tiers: Codes = None,
    everything: All = False,
    side: OfSide = None,
    code: OfCode = None,
    integration: OfIntegration = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """'Réactiver la synchronisation': put records back; the next cycle brings what changed meanwhile."""
    which = _which(errors, tiers, side, code, everything=everything)
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        result = put_back(session, integrations.find(session, integration).id, which, at=act.at, by=act.by)
    show_result(result, done="remis dans la synchronisation", as_json=as_json)


@app.command("analysis")
def analyse(
    cycle: Annotated[
        int | None, typer.Argument(metavar="CYCLE", min=1, help="Number of the cycle; the last one unless given.")
    ] = None,
    *,
    integration: OfIntegration = None,
    as_json: AsJson = False,
) -> None:
    """Analyse a cycle: errors and anomalies grouped, with counts, examples and what to do."""
    with opened() as engine, engine.store.reading() as session:
        of = integrations.find(session, integration).id
        number = cycle or next((one.id for one in last_cycles(session, of, count=1)), 0)
        kept = engine.settings.logs / log_name(of)
        found = analysis(session, number, read_log(engine.settings, kept.name) if kept.is_file() else ())
    if as_json:
        show_json(found)
    else:
        _show_analysis(found)


def _which(
    errors: list[int] | None, tiers: list[str] | None, side: Side | None, code: str | None, *, everything: bool
) -> Which:
    if not errors and not tiers and not everything:
        remedy = "Give numbers of `syncengine errors list`, --tiers CODE, or --all."
        raise InputRefused("no record is named", remedy=remedy)
    if (side or code) and not everything:
        raise InputRefused("--side and --code narrow --all", remedy="Give --all with them.")
    return Which(ids=tuple(errors or ()), keys=tuple(tiers or ()), everything=everything, side=side, code=code)


def show_error(item: ErrorSummary) -> None:
    """Print one record in error: the side that refused it, why, and what to do."""
    place = f" [{item.field}]" if item.field else ""
    who = f"{item.id}  {SIDES[item.side]}: {item.entity} {item.erp_key}{place}"
    typer.echo(f"{who}  {item.code}: {item.message}")
    state = f"{ERRORS[item.state]}, attempts: {item.attempts}, last {item.last_at:%Y-%m-%d %H:%M} UTC"
    typer.echo(f"  → {item.remedy}  ({state})" if item.remedy else f"  ({state})")


def _show_sheet(sheet: ErrorSheet) -> None:
    show_error(sheet.error)
    if sheet.lines:
        typer.echo()
        show_table(("", "Champ", "Chemin", "Valeur", "Correction", "Raison"), map(_line, sheet.lines))
    ordered = ", ".join(action.value.replace("_", "-") for action in sheet.actions)
    show_facts({"can be ordered": ordered or "nothing"})


def _line(line: SheetLine) -> tuple[object, ...]:
    return "✗" if line.refused else "", line.label, line.path, line.value, line.correction, line.reason


def _show_analysis(found: Analysis) -> None:
    cycle = found.cycle
    typer.echo(
        f"Cycle {cycle.id} · {KINDS[cycle.kind]} · {cycle.started_at:%Y-%m-%d %H:%M:%S} UTC · {cycle.status.label}"
    )
    if not found.groups:
        typer.echo("rien à signaler")
    for group in found.groups:
        _show_group(group)


def _show_group(group: Group) -> None:
    side = "" if group.side is None else f" · {SIDES[group.side]}"
    typer.echo(f"{group.count:>5} × {group.label}{side}  ({group.code})")
    for example in group.examples:
        number = "" if example.id is None else f"{example.id}  "
        typer.echo(f"        {number}{example.record}: {example.message or ''}")
    if group.remedy:
        typer.echo(f"        → {group.remedy}")
