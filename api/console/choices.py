"""Filters of a list as they stand in its address: one of an enumeration, a day, a number; anything else is no filter of ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import TypeVar

from api.console.formats import ZONE
from api.console.language import Words
from api.console.signs import sign_of
from api.problems import ApiProblem

Choice = TypeVar("Choice", bound=Enum)
Options = list[tuple[str, str]]


def chosen(kind: type[Choice], text: str, name: str) -> Choice | None:
    """The member a filter names; None for none. Raises ApiProblem (parameter_invalid)."""
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        raise ApiProblem("parameter_invalid", field=name) from None


def day(text: str) -> tuple[datetime, datetime] | None:
    """The beginning of a day in Europe/Paris and of the next; None for none. Raises ApiProblem (parameter_invalid)."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
        begin, end = (datetime.combine(one, time(), ZONE) for one in (found, found + timedelta(days=1)))
    except (ValueError, OverflowError):
        raise ApiProblem("parameter_invalid", field="day") from None
    return begin, end


def options(_: Words, members: Sequence[Enum], otherwise: str) -> Options:
    """What may be chosen, each by its sign's word; ``otherwise`` is the word for no choice."""
    return [("", otherwise), *((str(one.value), _(sign_of(one).word)) for one in members)]
