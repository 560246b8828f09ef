"""``syncengine company``: Company and tiers of the CRM compared, and one copied over the other (CRM-33)."""

from __future__ import annotations

from typing import Annotated

import typer

from contracts.tables import TIERS
from syncengine import integrations
from syncengine.commands.answers import show_edited
from syncengine.commands.options import (
    LIMIT,
    After,
    As,
    AsJson,
    Limit,
    OfIntegration,
    Which,
    Yes,
    acting,
    confirm,
    named,
)
from syncengine.commands.pages import page_of, show_page
from syncengine.core.labels import label_of
from syncengine.crm import names
from syncengine.crm.alignment import Difference, Differing, align_account, align_company, differences, list_differing
from syncengine.engine import opened
from syncengine.screen import show_json, show_table

app = typer.Typer()


@app.command("differences")
def show_differences(
    which: Annotated[
        str | None, typer.Argument(metavar="COMPANY", help="Code comptable or id:NUMBER; all that differ unless given.")
    ] = None,
    *,
    integration: OfIntegration = None,
    limit: Limit = LIMIT,
    after: After = 0,
    as_json: AsJson = False,
) -> None:
    """Show where a company and its tiers in the CRM differ, or list all that do."""
    with opened() as engine, engine.store.reading() as session:
        if which is None:
            of = integrations.find(session, integration).id
            page = page_of(list_differing(session, of, limit=limit + 1, after=after), limit, lambda one: one.company_id)
            show_page(page, ("N°", "Code comptable", "Société", "Champs"), _differing, as_json=as_json)
            return
        found = differences(session, names.company_id(session, named(which)))
    if as_json:
        show_json(found)
    else:
        show_table(("Champ", "Société", "Tiers"), map(_difference, found))


@app.command("align-account")
def align_account_command(which: Which, *, yes: Yes = False, as_: As = None, as_json: AsJson = False) -> None:
    """'Mettre à jour le tiers': the company's values go to its tiers, and on to Sage 100."""
    _align(which, "Copy the company over its tiers?", as_, yes=yes, to_account=True, as_json=as_json)


@app.command("align-company")
def align_company_command(which: Which, *, yes: Yes = False, as_: As = None, as_json: AsJson = False) -> None:
    """'Mettre à jour la société': the values of the tiers go to the company."""
    _align(which, "Copy the tiers over the company?", as_, yes=yes, to_account=False, as_json=as_json)


def _align(which: str, question: str, login: str | None, *, yes: bool, to_account: bool, as_json: bool) -> None:
    align = align_account if to_account else align_company
    with opened() as engine:
        confirm(question, yes=yes)
        with engine.store.writing() as session:
            edited = align(session, names.company_id(session, named(which)), acting(session, login))
    show_edited(edited, TIERS, as_json=as_json, done="mis à jour")


def _differing(item: Differing) -> tuple[object, ...]:
    return item.company_id, item.code, item.name, ", ".join(label_of(one.field) for one in item.differences)


def _difference(item: Difference) -> tuple[object, ...]:
    return label_of(item.field), item.company, item.account
