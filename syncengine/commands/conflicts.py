"""``syncengine conflicts``: values both sides moved apart, side by side with the base, and decided (NEW-03)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from syncengine import integrations
from syncengine.commands.answers import show_result
from syncengine.commands.options import LIMIT, After, As, AsJson, Limit, Name, OfIntegration, acting
from syncengine.commands.pages import page_of, show_page
from syncengine.commands.words import CONFLICTS
from syncengine.core.reasons import why
from syncengine.cycle.act import Act
from syncengine.desk import conflicts
from syncengine.desk.conflicts import ConflictFilter, ConflictView
from syncengine.desk.resolution import Decision, Own, Take, resolve, resolve_many
from syncengine.desk.result import Result, refusal
from syncengine.engine import opened
from syncengine.errors import InputRefused
from syncengine.model import ConflictState
from syncengine.screen import show_facts, show_json

app = typer.Typer(no_args_is_help=True, help="Fields that both sides changed apart, and that somebody must decide.")

OfTiers = Annotated[str | None, typer.Option("--tiers", metavar="CODE", help="Only of that code comptable.")]
OfField = Annotated[
    str | None, typer.Option("--field", help="Only of that field: name, contact.phone, contacts/7/phone, contact.")
]


class Wanted(StrEnum):
    """Which conflicts a list shows."""

    OPEN = "open"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"
    ALL = "all"


@app.command("list")
def list_all(
    name: Name = None,
    *,
    tiers: OfTiers = None,
    field: OfField = None,
    state: Annotated[Wanted, typer.Option(help="Which ones.")] = Wanted.OPEN,
    limit: Limit = LIMIT,
    after: After = 0,
    as_json: AsJson = False,
) -> None:
    """List the conflicts with both values and the one they last agreed on."""
    wanted = None if state is Wanted.ALL else ConflictState(state.value)
    chosen = ConflictFilter(record=tiers, field=field, state=wanted)
    with opened() as engine, engine.store.reading() as session:
        of = integrations.find(session, name).id
        found = conflicts.conflicts(session, of, chosen, limit=limit + 1, after=after)
    headings = ("N°", "Code comptable", "Société", "Champ", "CRM", "Base", "Sage 100", "État")
    show_page(page_of(found, limit, lambda one: one.id), headings, _row, as_json=as_json)


@app.command()
def show(
    conflict: Annotated[int, typer.Argument(metavar="CONFLICT", min=1, help="Number of the conflict.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one conflict: the value of each side and the base, since when and why."""
    with opened() as engine, engine.store.reading() as session:
        found = conflicts.conflict(session, conflict)
    if as_json:
        show_json(found)
        return
    closed = {"Clos": found.closed_at, "Par": found.closed_by} if found.closed_at else {}
    show_facts(
        {
            "Conflit": f"n° {found.id} · {CONFLICTS[found.state]}",
            "Tiers": f"{found.code} {found.name or ''}",
            "Champ": f"{found.label} ({found.path})",
            "CRM": found.crm_value,
            "Base": found.base_value,
            "Sage 100": found.erp_value,
            "Règle": why(found.rule),
            "Depuis": found.opened_at,
            "Cycle": found.cycle_id,
            **closed,
        }
    )


@app.command("resolve")
def decide(  # noqa: PLR0913 - one parameter per option
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[CONFLICT]...", help="Their numbers.")] = None,
    *,
    take: Annotated[
        Take | None, typer.Option(help="Whose value is right; base is the one both last agreed on.")
    ] = None,
    value: Annotated[str | None, typer.Option(help="A value of your own; '' empties the field.")] = None,
    tiers: OfTiers = None,
    field: OfField = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    integration: OfIntegration = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Decide conflicts: some by number, those of a tiers or field, or --all; the next cycle brings both sides to agree."""
    if bool(numbers) is bool(tiers or field or everything):
        remedy = "Give numbers of `syncengine conflicts list`; or --tiers, --field, --all."
        raise InputRefused("conflicts are named by number, or chosen", remedy=remedy)
    decision = _decision(take, value)
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        of = integrations.find(session, integration).id
        if numbers:
            result = _resolve_each(session, numbers, decision, act)
        else:
            chosen = ConflictFilter(record=tiers, field=field)
            result = resolve_many(session, of, chosen, decision, at=act.at, by=act.by)
    show_result(result, done="conflits tranchés", as_json=as_json)


def _decision(take: Take | None, value: str | None) -> Decision:
    if (take is None) is (value is None):
        raise InputRefused("what is right is not said", remedy="Give --take crm, erp or base, or --value TEXT.")
    return Own(value=value or None) if take is None else take


def _resolve_each(session: Session, numbers: list[int], decision: Decision, act: Act) -> Result:
    """One after the other: a number that is no conflict stops none of the others."""
    done, refused = 0, []
    for number in dict.fromkeys(numbers):
        try:
            result = resolve(session, number, decision, at=act.at, by=act.by)
        except InputRefused as problem:
            refused.append(refusal(number, problem))
        else:
            done += result.done
            refused += result.refused
    return Result(done=done, refused=tuple(refused))


def _row(item: ConflictView) -> tuple[object, ...]:
    values = (item.crm_value, item.base_value, item.erp_value)
    return (item.id, item.code, item.name, item.label, *values, CONFLICTS[item.state])
