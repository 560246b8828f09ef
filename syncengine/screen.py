"""What the command line shows: JSON for programs, tables for people, problems on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Final

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from contracts.errors import Problem

HIDDEN = "***"
UNBOUNDED: Final = 10_000


def show_json(value: object) -> None:
    """Print a value as JSON on standard output."""
    typer.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their headings; empty values stay empty."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    # Values come from people: brackets and colons in a name are no markup. Into a file or pipe every value goes whole.
    width = None if Console().is_terminal else UNBOUNDED
    Console(width=width, soft_wrap=True, markup=False, emoji=False).print(table)


def show_facts(facts: dict[str, object]) -> None:
    """Print names and values, one under the other."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        typer.echo(f"{name.ljust(width)}  {_cell(value)}".rstrip())


def show_problem(problem: Problem) -> None:
    """Print what happened and what to do, on standard error."""
    places = (("record", problem.record), ("field", problem.field))
    where = "".join(f" [{name} {value}]" for name, value in places if value is not None)
    typer.echo(f"{problem.problem_code}: {problem.message}{where}", err=True)
    if problem.remedy:
        typer.echo(f"  → {problem.remedy}", err=True)


def plain(value: object) -> Any:
    """A value as JSON knows it: instants and amounts as text, secrets hidden, problems as their code."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return _leaf(value)


_TEXT_OF: Final[tuple[tuple[type[Any] | tuple[type[Any], ...], Callable[[Any], Any]], ...]] = (
    (Enum, lambda value: value.value),
    ((str, bool, int, float, NoneType), lambda value: value),
    ((Decimal, Path), str),
    ((datetime, date, time), lambda value: value.isoformat()),
    (SecretStr, lambda _value: HIDDEN),
    (Problem, lambda value: value.problem_code),
)
"""How each type of value is written, the first that fits."""


def _leaf(value: object) -> Any:
    for kind, write in _TEXT_OF:
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case dict():
            return ", ".join(f"{name}={_cell(inner) or '-'}" for name, inner in value.items())
    return str(plain(value))
