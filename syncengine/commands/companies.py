"""``syncengine company``: what is in the CRM, in the words of Sage 100; edited, deleted, merged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from contracts.tables import TIERS
from syncengine.commands.answers import show_edited, tell
from syncengine.commands.assignments import company_values
from syncengine.commands.options import As, AsJson, Values, Which, Yes, acting, confirm, named
from syncengine.commands.pages import show_after
from syncengine.commands.sheet import show_company
from syncengine.commands.words import LINKS, NO_TIERS, STATUSES, TYPES
from syncengine.crm import edits, names
from syncengine.crm.companies import company_view
from syncengine.crm.company_search import LIMIT, LIMIT_MAX, CompanyLine, search_companies
from syncengine.engine import opened
from syncengine.errors import InputRefused
from syncengine.model import RecordStatus
from syncengine.screen import show_json, show_table

app = typer.Typer(no_args_is_help=True, help="The Companies of the CRM (fiches Société).")


@app.command("list")
def list_found(
    text: Annotated[str | None, typer.Argument(help="Words of the name, code, SIRET or town.")] = None,
    *,
    free: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="A free field to match; may be given several times.")
    ] = None,
    status: Annotated[RecordStatus | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="How many at most.")] = LIMIT,
    after: Annotated[str | None, typer.Option(help="Continue: what the page before ended with.")] = None,
    as_json: AsJson = False,
) -> None:
    """List companies by name, a page at a time."""
    criteria = _free_criteria(free or ())
    with opened() as engine, engine.store.reading() as session:
        page = search_companies(session, text=text, free=criteria, status=status, limit=limit, after=after)
    if as_json:
        show_json(page)
        return
    headings = (
        "N°",
        *(TIERS.field(attr).label for attr in ("code", "name", "type")),
        "Statut",
        "SIRET",
        "Ville",
        "Lien",
    )
    show_table(headings, map(_row, page.items))
    show_after(page.after)


@app.command()
def show(which: Which, *, as_json: AsJson = False) -> None:
    """Show one company with its addresses, contacts, free fields, statistics and turnover."""
    with opened() as engine, engine.store.reading() as session:
        view = company_view(session, named(which))
    if as_json:
        show_json(view)
    else:
        show_company(view)


@app.command()
def create(values: Values, *, as_: As = None, as_json: AsJson = False) -> None:
    """Create a company, without tiers; it needs a name and a company_type."""
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        edited = edits.create_company(session, company_values(session, values), act)
    show_edited(edited, TIERS, as_json=as_json, done="créée")


@app.command()
def edit(which: Which, values: Values, *, as_: As = None, as_json: AsJson = False) -> None:
    """Change a company; what travels is on the Account at once and in Sage 100 with the next cycle. status=inactive deactivates."""
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        number = names.company_id(session, named(which))
        edited = edits.edit_company(session, number, company_values(session, values), act)
    show_edited(edited, TIERS, as_json=as_json)


@app.command()
def delete(which: Which, *, yes: Yes = False, as_: As = None, as_json: AsJson = False) -> None:
    """Delete a company that is not linked, with its contacts and addresses; the journal keeps what it was."""
    with opened() as engine:
        confirm(f"Delete the company {which}?", yes=yes)
        with engine.store.writing() as session:
            act = acting(session, as_)
            number = names.company_id(session, named(which))
            edits.delete_company(session, number, act)
    tell({"deleted": number}, f"Société n° {number} supprimée", as_json=as_json)


@app.command()
def merge(
    kept: Which,
    gone: Annotated[str, typer.Argument(metavar="GONE", help="The company that goes, named likewise.")],
    *,
    yes: Yes = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Merge a company into another, both not linked: contacts, addresses and opportunities move, and GONE is deleted."""
    with opened() as engine:
        confirm(f"Merge {gone} into {kept}?", yes=yes)
        with engine.store.writing() as session:
            act = acting(session, as_)
            kept_id, gone_id = (names.company_id(session, named(which)) for which in (kept, gone))
            edited = edits.merge_companies(session, kept_id, gone_id, act)
    show_edited(edited, TIERS, as_json=as_json, done="fusionnée")


def _row(item: CompanyLine) -> tuple[object, ...]:
    company_type = TYPES.get(item.company_type, item.company_type)
    link = LINKS[item.link_state] if item.link_state else NO_TIERS
    return item.id, item.code, item.name, company_type, STATUSES[item.status], item.siret, item.town, link


def _free_criteria(given: Iterable[str]) -> dict[str, str]:
    criteria = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals:
            raise InputRefused(
                f"{item} has no value", field="free", remedy="Write FIELD=VALUE, such as 'Origine=Salon'."
            )
        criteria[name] = value
    return criteria
