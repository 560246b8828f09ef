"""``syncengine journal`` and ``cycles``: what was written, when, by which cycle or person, and why (NEW-04)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from syncengine import integrations
from syncengine.commands.options import LIMIT, After, AsJson, Limit, Name, Which, named
from syncengine.commands.pages import page_of, show_page
from syncengine.commands.words import KINDS, SIDES
from syncengine.crm import names
from syncengine.desk.explanation import Explanation, explain
from syncengine.desk.history import HistoryLine, lines_of_cycle, lines_of_record
from syncengine.desk.status import CycleSummary, last_cycles
from syncengine.engine import opened
from syncengine.screen import show_facts, show_json, show_table

app = typer.Typer(no_args_is_help=True, help="Every value written, with the one before and the reason.")

_HEADINGS = ("Ligne", "Quand", "Cycle", "Côté", "Tiers", "Champ", "Avant", "Après", "Pourquoi")


@app.command("cycle")
def of_cycle(
    cycle: Annotated[int, typer.Argument(metavar="CYCLE", min=1, help="Number of the cycle: `syncengine cycles`.")],
    *,
    limit: Limit = LIMIT,
    after: After = 0,
    as_json: AsJson = False,
) -> None:
    """Show what a cycle wrote, in order."""
    with opened() as engine, engine.store.reading() as session:
        found = lines_of_cycle(session, cycle, limit=limit + 1, after=after)
    show_page(page_of(found, limit, lambda line: line.id), _HEADINGS, _line, as_json=as_json)


@app.command("company")
def of_company(
    which: Which,
    *,
    limit: Limit = LIMIT,
    before: Annotated[
        int | None, typer.Option("--after", min=1, help="Continue: what the page before ended with.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was written to a company, its tiers, contacts and addresses, the newest first; id:NUMBER finds one that is gone."""
    which_one = named(which)
    with opened() as engine, engine.store.reading() as session:
        number = which_one if isinstance(which_one, int) else names.company_id(session, which_one)
        found = lines_of_record(session, number, limit=limit + 1, before=before)
    show_page(page_of(found, limit, lambda line: line.id), _HEADINGS, _line, as_json=as_json)


@app.command("explain")
def explain_field(
    which: Which,
    field: Annotated[str, typer.Argument(help="The field: name, contacts/7/phone, manager_id, custom.NAME.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Explain a value: what each side holds, every write with its reason, and what is still to happen to it."""
    with opened() as engine, engine.store.reading() as session:
        found = explain(session, names.company_id(session, named(which)), field)
    if as_json:
        show_json(found)
    else:
        _show(found)


def cycles(name: Name = None, *, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List the last cycles, the newest first, with what they did and what stopped them."""
    with opened() as engine, engine.store.reading() as session:
        found = last_cycles(session, integrations.find(session, name).id, count=limit)
    if as_json:
        show_json(found)
    else:
        show_table(("N°", "Début", "Fin", "Genre", "Statut", "Compte", "Raison"), map(_cycle, found))


def _cycle(cycle: CycleSummary) -> Sequence[object]:
    counts = ", ".join(f"{name} {count}" for name, count in cycle.counts.items() if count)
    reason = f"{cycle.error_code}: {cycle.error_message}" if cycle.error_code else ""
    return (cycle.id, cycle.started_at, cycle.ended_at, KINDS[cycle.kind], cycle.status.label, counts, reason)


def _line(line: HistoryLine) -> Sequence[object]:
    lost = " (perdue)" if line.lost else ""
    before = None if line.before is None else f"{line.before}{lost}"
    return (line.id, line.at, line.cycle_id, SIDES[line.side], line.code, line.label, before, line.after, line.why)


def _show(found: Explanation) -> None:
    facts: dict[str, object] = {
        "Champ": f"{found.label} ({found.path})",
        "Société": found.company_value,
        "Tiers CRM": found.account_value,
        "Base": found.base_value,
        "Sage 100": found.erp_value,
        "Situation": found.standing.label,
        "Attend depuis": found.waiting_since,
        "Conflit": None if found.conflict is None else f"n° {found.conflict.id}",
        "Erreur": None if found.error is None else f"n° {found.error.id}: {found.error.message}",
    }
    show_facts(facts)
    if found.writes:
        typer.echo()
        show_table(_HEADINGS, map(_line, found.writes))
