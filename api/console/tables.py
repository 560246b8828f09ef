"""Lists as files, with instants as the pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response

from api import csv_files
from api.console.formats import ZONE


def csv_answer(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """The rows as a CSV file of that name, sent while they are read; instants in Europe/Paris."""
    return csv_files.csv_answer(name.removesuffix(".csv"), headings, _here(rows))


def _here(rows: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
    for row in rows:
        yield [value.astimezone(ZONE) if isinstance(value, datetime) else value for value in row]
