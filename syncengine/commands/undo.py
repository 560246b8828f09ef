"""What taking a cycle back means, on the screen (NEW-04)."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from syncengine.core.journal_text import as_text
from syncengine.core.labels import label_of
from syncengine.core.undo_plan import UndoEdit, UndoPlan
from syncengine.screen import show_table

SHOWN = 50


def show_undo(found: UndoPlan) -> None:
    """Print what goes back, what was changed since and what cannot go back."""
    if not found and not found.changed_since and not found.left:
        typer.echo("rien à annuler")
        return
    headings = ("Code comptable", "Champ", "Valeur rétablie", "Écrit par le cycle", "Valeur actuelle")
    _section(f"Valeurs rétablies : {len(found.edits)}", headings, map(_edit, found.edits))
    _section(f"Modifiées depuis : {len(found.changed_since)}", headings, map(_edit, found.changed_since))
    arrivals = ((one.code, one.name, one.held_by) for one in found.removed)
    _section(f"Sociétés retirées : {len(found.removed)}", ("Code comptable", "Société", "Retenue par"), arrivals)
    _section(f"Tiers remis : {len(found.put_back)}", ("Code comptable",), ((code,) for code in found.put_back))
    left = ((one.code, label_of(one.path or ""), one.message) for one in found.left)
    _section(f"Non annulables : {len(found.left)}", ("Code comptable", "Champ", "Raison"), left)


def _edit(edit: UndoEdit) -> tuple[object, ...]:
    values = (edit.value, edit.written, edit.present)
    return (edit.code or f"id:{edit.company_id}", edit.label, *map(as_text, values))


def _section(title: str, headings: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    shown = list(rows)
    if not shown:
        return
    typer.echo(title)
    show_table(headings, shown[:SHOWN])
    if len(shown) > SHOWN:
        typer.echo(f"… {len(shown) - SHOWN} de plus : --dry-run --json")
