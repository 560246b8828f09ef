"""``syncengine company``: tiers without a company of their own, and 'Créer la société' (CRM-34)."""

from __future__ import annotations

from typing import Annotated

import typer

from syncengine import integrations
from syncengine.commands.answers import tell
from syncengine.commands.options import LIMIT, After, As, AsJson, Limit, OfIntegration, acting, named
from syncengine.commands.pages import show_after
from syncengine.commands.words import ERP_STATES, STATUSES, TYPES
from syncengine.crm import names, orphans
from syncengine.crm.orphans import TiersLine, TiersPage
from syncengine.engine import opened
from syncengine.errors import InputRefused
from syncengine.screen import show_json, show_table

app = typer.Typer()


@app.command("orphans")
def list_orphans(
    *, integration: OfIntegration = None, limit: Limit = LIMIT, after: After = 0, as_json: AsJson = False
) -> None:
    """List the tiers without a company."""
    with opened() as engine, engine.store.reading() as session:
        of = integrations.find(session, integration).id
        page = orphans.list_orphans(session, integration_id=of, limit=limit, after=after)
    _show_tiers(page, as_json=as_json)


@app.command("secondary")
def list_secondary(
    *, integration: OfIntegration = None, limit: Limit = LIMIT, after: After = 0, as_json: AsJson = False
) -> None:
    """List the tiers whose company has another one as its main tiers."""
    with opened() as engine, engine.store.reading() as session:
        of = integrations.find(session, integration).id
        page = orphans.list_secondary(session, integration_id=of, limit=limit, after=after)
    _show_tiers(page, as_json=as_json)


@app.command("create-company")
def create_company(
    tiers: Annotated[
        str | None, typer.Argument(metavar="TIERS", help="Code comptable of the tiers, or id:NUMBER of its fiche.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="For every orphan and secondary tiers.")] = False,
    integration: OfIntegration = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """'Créer la société' for an orphan or secondary tiers, or for all of them."""
    if (tiers is None) is not everything:
        raise InputRefused(
            "one tiers is named, or --all", remedy="Give a tiers of `syncengine company orphans`, or --all."
        )
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        of = integrations.find(session, integration).id
        if tiers is None:
            count = orphans.create_companies(session, of, at=act.at, by=act.by)
            tell({"created": count}, f"{count} sociétés créées", as_json=as_json)
            return
        made = orphans.create_company_for(session, names.account_id(session, named(tiers), of), at=act.at, by=act.by)
    tell({"company_id": made}, f"Société n° {made} créée", as_json=as_json)


def _show_tiers(page: TiersPage, *, as_json: bool) -> None:
    if as_json:
        show_json(page)
        return
    show_table(
        ("Tiers", "Code comptable", "Intitulé", "Type", "Statut", "Sage 100", "Société"), map(_tiers, page.items)
    )
    show_after(page.after)


def _tiers(line: TiersLine) -> tuple[object, ...]:
    company = f"{line.company_name or ''} (n° {line.company_id})" if line.company_id else ""
    states = (STATUSES[line.status], ERP_STATES[line.erp_state])
    return (f"id:{line.account_id}", line.code, line.name, TYPES.get(line.type, line.type), *states, company)
