"""CSV as Excel opens it in France: UTF-8 with its mark, semicolons, decimal commas, days as 21/11/2026; no cell is a formula."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

MARK: Final = "\ufeff"
"""Without it Excel takes UTF-8 for the code page of the machine."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_CENT: Final = Decimal("0.01")
_QUOTED: Final = frozenset(';"\r\n')


def csv_lines(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The file line by line, as the rows come."""
    yield MARK + _line(headings)
    for row in rows:
        yield _line(row)


def _line(row: Sequence[Any]) -> str:
    return ";".join(map(_cell, row)) + "\r\n"


def _cell(value: Any) -> str:
    for kind, write in _WRITTEN:
        if isinstance(value, kind):
            return write(value)
    return "" if value is None else _text(str(value))


def _amount(amount: Decimal) -> str:
    # Zeros at the end say nothing, but cents are always written. An amount is no text: its minus begins no formula.
    cents = amount.quantize(_CENT)
    return f"{cents if cents == amount else amount.normalize():f}".replace(".", ",")


def _text(text: str) -> str:
    # What people typed into Sage 100 must not be run by whoever opens the file.
    safe = f"'{text}" if text.startswith(_FORMULA) else text
    return f'"{safe.replace(chr(34), chr(34) * 2)}"' if _QUOTED & set(safe) else safe


_WRITTEN: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (bool, lambda flag: "oui" if flag else "non"),
    (Decimal, _amount),
    (dt.datetime, lambda instant: f"{instant:%d/%m/%Y %H:%M:%S}"),
    (dt.date, lambda day: f"{day:%d/%m/%Y}"),
    (int, str),
)
"""A flag is an int and an instant a date: they come first."""
