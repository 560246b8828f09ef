"""``syncengine audit``: how far both sides agree, what differs, and the order to bring it into step."""

from __future__ import annotations

from typing import Annotated

import typer

from syncengine import integrations
from syncengine.auditing import audit
from syncengine.commands.answers import show_result
from syncengine.commands.options import LIMIT, After, As, AsJson, Limit, Name, OfIntegration, acting
from syncengine.commands.pages import page_of, show_after
from syncengine.commands.words import DRIFTS
from syncengine.cycle.audit import Portion, PortionState
from syncengine.desk.drift import Agreement, DifferenceView, agreement, differences, repair
from syncengine.engine import opened
from syncengine.errors import InputRefused
from syncengine.screen import show_facts, show_json

app = typer.Typer(no_args_is_help=True, help="Whether both sides really agree, compared in the background.")


@app.command()
def status(name: Name = None, *, as_json: AsJson = False) -> None:
    """Show how far both sides agree, when that was measured, and where the comparison under way is."""
    with opened() as engine, engine.store.reading() as session:
        found = agreement(session, integrations.find(session, name).id)
    if as_json:
        show_json(found)
    else:
        show_facts(_facts(found))


@app.command("list")
def list_all(
    name: Name = None,
    *,
    settled: Annotated[bool, typer.Option("--settled", help="What differed and was found equal again.")] = False,
    limit: Limit = LIMIT,
    after: After = 0,
    as_json: AsJson = False,
) -> None:
    """List what differs although nothing waits to be synchronised, with the value of each side."""
    with opened() as engine, engine.store.reading() as session:
        of = integrations.find(session, name).id
        found = differences(session, of, settled=settled, limit=limit + 1, after=after)
    page = page_of(found, limit, lambda one: one.id)
    if as_json:
        show_json(page)
        return
    for item in page.items:
        _show(item)
    show_after(page.after)


@app.command()
def run(
    name: Name = None,
    *,
    whole: Annotated[bool, typer.Option("--whole", help="All portions up to the end of the pass.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the next portion now; it runs beside cycles and writes nothing but what it finds."""
    with opened() as engine:
        with engine.store.reading() as session:
            of = integrations.find(session, name).id
        done = [audit(engine, of)]
        while whole and done[-1].state is PortionState.DONE and not done[-1].ended:
            done.append(audit(engine, of))
    if as_json:
        show_json(done)
    else:
        _show_portions(done)


@app.command("repair")
def bring_into_step(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[DIFFERENCE]...", help="Numbers of `audit list`.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that differ.")] = False,
    integration: OfIntegration = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Have the next cycle reconcile what differs, by the same rules as any change; the next comparison settles it."""
    if bool(numbers) is everything:
        raise InputRefused("no difference is named", remedy="Give numbers of `syncengine audit list`, or --all.")
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        of = integrations.find(session, integration).id
        result = repair(session, of, numbers or (), at=act.at, by=act.by, everything=everything)
    show_result(result, done="à réconcilier au prochain cycle", as_json=as_json)


def _facts(found: Agreement) -> dict[str, object]:
    measured = found.measured_at or found.since
    words = "no comparison yet" if measured is None else f"{measured:%Y-%m-%d %H:%M} UTC"
    return {
        "agreement": "not measured yet" if found.share is None else f"{found.share} %",
        "measured": words if found.measured_at or measured is None else f"under way since {words}",
        "compared": found.compared,
        "differing": found.differing,
        "differing since": found.first_found_at or "-",
        "under way": f"{found.done} of {found.total}" if found.since else "-",
        "next portion": found.next_at or "-",
    }


def _show(item: DifferenceView) -> None:
    until = "" if item.settled_at is None else f", equal again {item.settled_at:%Y-%m-%d %H:%M} UTC"
    found = f"{item.found_at:%Y-%m-%d %H:%M} UTC"
    typer.echo(f"{item.id}  {item.code} {item.name or ''}: {DRIFTS[item.drift]} ({found}{until})")
    for field in item.fields:
        typer.echo(f"   {field.label}: CRM {_said(field.crm)} · Sage 100 {_said(field.erp)}")


def _said(value: object) -> str:
    return "–" if value in (None, "") else str(value)


def _show_portions(done: list[Portion]) -> None:
    last = done[-1]
    if last.state is PortionState.POSTPONED:
        typer.echo(f"reporté : {last.reason}")
    typer.echo(
        f"{sum(one.compared for one in done)} tiers comparés, {sum(one.waiting for one in done)} en attente, "
        f"{sum(one.found for one in done)} différences trouvées, {sum(one.settled for one in done)} levées"
    )
