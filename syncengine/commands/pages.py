"""A page of a list: its items, and what the next one begins after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import typer

from syncengine.screen import show_json, show_table

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Item]):
    """Items, and the value of --after that continues behind the last one; None when there are no more."""

    items: tuple[Item, ...]
    after: int | None


def page_of(found: Sequence[Item], limit: int, key: Callable[[Item], int]) -> Page[Item]:
    """The first ``limit`` of what was found, one more having been asked for."""
    items = tuple(found[:limit])
    return Page(items=items, after=key(items[-1]) if len(found) > limit else None)


def show_page(
    page: Page[Item], headings: Sequence[str], row: Callable[[Item], Sequence[object]], *, as_json: bool
) -> None:
    """Print a page as a table, or as JSON."""
    if as_json:
        show_json(page)
        return
    show_table(headings, map(row, page.items))
    show_after(page.after)


def show_after(after: Any) -> None:
    """How to go on."""
    if after is not None:
        typer.echo(f"… --after {after}")
