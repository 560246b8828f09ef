"""What narrows a live view down: days, types of document, and the quick search over the columns of the header (CRM-55)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, func

from contracts.fields import ABSENT, Record
from gateway.refusals import InvalidRequest
from gateway.sage import EMPTY_DATES
from gateway.views.words import STATUSES, TYPES

_SPECIAL = re.compile(r"([%_\[/])")
_FRENCH_DAY = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
_LAST_MOMENT = dt.time(23, 59, 59)


def span(request: Record) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day asked for; once one of them is, rows without a date are out."""
    first, last = request.day("from"), request.day("to")
    if first is None and last is None:
        return None, None
    dated = max(EMPTY_DATES) + dt.timedelta(days=1)
    return max(first or dated, dated), last


def within(column: ColumnElement[Any], request: Record) -> list[ColumnElement[bool]]:
    """The days asked for, of a date column."""
    first, last = span(request)
    bounds = [] if first is None else [column >= first]
    return bounds if last is None else [*bounds, column <= dt.datetime.combine(last, _LAST_MOMENT)]


def type_number(code: str) -> int:
    """The `DO_Type` of a type of document. Raises InvalidRequest."""
    if code not in TYPES:
        raise InvalidRequest(f"there is no type of document {code!r}: {', '.join(TYPES)}", field="Type")
    return TYPES.index(code)


def types_asked(request: Record) -> list[int]:
    """The `DO_Type` of the types asked for: all when nothing is said, none when the list is empty. Raises InvalidRequest."""
    if request["types"] is ABSENT:
        return list(range(len(TYPES)))
    return sorted({type_number(one.text("type")) for one in request.many("types")})


def having(column: ColumnElement[Any], term: str) -> ColumnElement[bool]:
    """Whether a text column has the term somewhere, capitals or not."""
    folded, wanted = func.lower(column), term.lower()
    # SQLite lowers A-Z only: the other letters of the term are lowered one by one, which changes nothing elsewhere.
    for letter in sorted({letter for letter in wanted if not letter.isascii() and letter != letter.upper()}):
        folded = func.replace(folded, letter.upper(), letter)
    literal = _SPECIAL.sub(r"/\1", wanted)
    return folded.like(f"%{literal}%", escape="/")


def coded(column: ColumnElement[Any], words: Mapping[int, str], term: str) -> list[ColumnElement[bool]]:
    """Whether a column of numbers stands for a word that has the term; nothing when no word has."""
    found = sorted(number for number, word in words.items() if term.lower() in word.lower())
    return [column.in_(found)] if found else []


def status_having(kind: ColumnElement[Any], status: ColumnElement[Any], term: str) -> Iterable[ColumnElement[bool]]:
    """Whether the status of a document, as the ERP names it for its type, has the term."""
    for number in range(len(TYPES)):
        words = {value: word for (of, value), word in STATUSES.items() if of == number}
        yield from ((kind == number) & found for found in coded(status, words, term))


def day_meant(term: str) -> dt.date | None:
    """The day a search term is, as `21/11/2026` or `2026-11-21`; None for any other text."""
    french = _FRENCH_DAY.fullmatch(term)
    try:
        if french is not None:
            return dt.date(int(french[3]), int(french[2]), int(french[1]))
        return dt.date.fromisoformat(term) if len(term) == 10 else None
    except ValueError:
        return None
