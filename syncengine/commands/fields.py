"""``syncengine fields``: which field of Sage 100 is which of the CRM, and the pairs of the CRM's own (CRM-46, CRM-47)."""

from __future__ import annotations

from typing import Annotated

import typer

from syncengine import integrations
from syncengine.commands.answers import tell
from syncengine.commands.options import As, AsJson, OfIntegration, acting
from syncengine.commands.words import FLOWS, FREE_TYPES
from syncengine.crm import custom_fields
from syncengine.crm.field_mapping import FieldMapping, custom_mappings, field_mappings
from syncengine.crm.struck_fields import remove_struck_fields
from syncengine.engine import opened
from syncengine.screen import show_json, show_table

app = typer.Typer(invoke_without_command=True, help="The fields, where each is kept, and whether it is replicated.")

Own = Annotated[str, typer.Argument(metavar="NAME", help="Name of the field, with or without acc_ or comp_.")]


@app.callback()
def fields(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List every field: column of the ERP, field of the contract, where the CRM keeps it, its way, replicated or not."""
    if context.invoked_subcommand is not None:
        return
    with opened() as engine, engine.store.reading() as session:
        found = (*field_mappings(), *custom_mappings(session))
    if as_json:
        show_json(found)
        return
    titles = ("ERP", "CONTRAT", "TIERS CRM", "SOCIÉTÉ", "SENS", "RÉPLIQUÉ", "LIBELLÉ", "EXIGENCE")
    show_table(titles, map(_mapping, found))


@app.command()
def define(
    name: Own, label: Annotated[str, typer.Argument(help="What people read.")], *, as_json: AsJson = False
) -> None:
    """Define a text field of the CRM's own: comp_NAME of companies and acc_NAME of tiers, not replicated yet."""
    with opened() as engine, engine.store.writing() as session:
        made = custom_fields.define(session, name, label)
        told = {"name": made.name, "label": made.label, "replicated": made.replicated}
    tell(told, f"comp_{told['name']}, acc_{told['name']} : {told['label']}", as_json=as_json)


@app.command("add-pair")
def add_pair(name: Own, *, as_: As = None, as_json: AsJson = False) -> None:
    """Replicate comp_NAME to acc_NAME from now on; tiers take the value their company has."""
    with opened() as engine, engine.store.writing() as session:
        count = custom_fields.add_pair(session, name, acting(session, as_))
    bare = custom_fields.bare_name(name)
    tell({"name": bare, "accounts": count}, f"comp_{bare} → acc_{bare} : {count} tiers mis à jour", as_json=as_json)


@app.command("remove-pair")
def remove_pair(name: Own, *, as_json: AsJson = False) -> None:
    """Replicate a pair no longer; the values stay on both sides."""
    with opened() as engine, engine.store.writing() as session:
        custom_fields.remove_pair(session, name)
    bare = custom_fields.bare_name(name)
    tell({"name": bare}, f"comp_{bare}, acc_{bare} : ne sont plus répliqués", as_json=as_json)


@app.command("remove-struck")
def remove_struck(*, integration: OfIntegration = None, as_: As = None, as_json: AsJson = False) -> None:
    """'Supprimer les champs non synchronisés': free fields that are gone from Sage 100, with their values."""
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        removed = remove_struck_fields(session, integrations.find(session, integration).id, at=act.at, by=act.by)
    listed = ", ".join(f"{name} ({FREE_TYPES.get(kind, kind)})" for name, kind in removed.fields) or "aucun champ"
    words = f"{listed} ; valeurs retirées de {removed.companies} sociétés et {removed.accounts} tiers"
    tell(removed, words, as_json=as_json)


def _mapping(item: FieldMapping) -> tuple[object, ...]:
    name = f"{item.record}.{item.field}"
    replicated = "oui" if item.replicated else "non"
    return item.erp, name, item.account, item.company, FLOWS[item.flow], replicated, item.label, item.requirement
