"""How a command tells what became of an order: of an edit, and of an order about several records."""

from __future__ import annotations

from typing import Final

import typer

from contracts.fields import Struct
from contracts.tables import ADDRESS, CONTACT, TIERS
from syncengine.core.labels import label_of
from syncengine.cycle.act import Edited
from syncengine.desk.result import Refusal, Result
from syncengine.errors import ExitCode
from syncengine.screen import show_json

WHAT: Final = {TIERS: "Société", CONTACT: "Contact", ADDRESS: "Adresse"}
_PATH: Final = {CONTACT: "contacts/0/", ADDRESS: "addresses/0/"}


def show_edited(edited: Edited, struct: Struct, *, as_json: bool, done: str = "modifié") -> None:
    """What an edit did; its warnings go to standard error."""
    for warning in edited.warnings:
        typer.echo(f"! {warning}", err=True)
    if as_json:
        show_json(edited)
        return
    changed = ", ".join(_label(struct, name) for name in edited.changed if name)
    words = f"{done} : {changed}" if changed else done if edited.changed else "rien à changer"
    sent = " (part à Sage 100 au prochain cycle)" if edited.marked else ""
    typer.echo(f"{WHAT[struct]} n° {edited.id} {words}{sent}")


def _label(struct: Struct, name: str) -> str:
    return label_of(f"{_PATH.get(struct, '')}{name}").rpartition(" – ")[2]


def tell(value: object, words: str, *, as_json: bool) -> None:
    """What an order did: in words, or as JSON."""
    if as_json:
        show_json(value)
    else:
        typer.echo(words)


def show_result(result: Result, *, done: str, as_json: bool) -> None:
    """What became of an order about several records, and how the command ends: 1 when some were refused, 2 when all were."""
    if as_json:
        show_json(result)
    else:
        typer.echo(f"{result.done} {done}")
    for refusal in result.refused:
        show_refusal(refusal)
    if result.refused:
        raise typer.Exit(ExitCode.WARNING if result.done else ExitCode.USAGE)


def show_refusal(refusal: Refusal) -> None:
    """One record that nothing was done for, as ``screen.show_problem`` tells a problem."""
    places = (("n°", refusal.id), ("record", refusal.record), ("field", refusal.field))
    where = "".join(f" [{name} {value}]" for name, value in places if value is not None)
    typer.echo(f"{refusal.code}: {refusal.message}{where}", err=True)
    if refusal.remedy:
        typer.echo(f"  → {refusal.remedy}", err=True)
