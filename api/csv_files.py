"""Lists as CSV files, by ``Accept: text/csv`` or ``format=csv``, sent while they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, islice
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from syncengine.core.csv_text import csv_lines

MEDIA_TYPE: Final = "text/csv"
_LINES: Final = 200  # sent at once
CSV_200: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}}
"""``responses=`` of a route that answers CSV too."""


class FileFormat(StrEnum):
    """What a list comes as."""

    JSON = "json"
    CSV = "csv"


async def _wants_csv(
    request: Request,
    format: Annotated[  # noqa: A002 - the name of the parameter
        FileFormat | None, Query(description="json, or csv: the whole list for a spreadsheet, whatever the page.")
    ] = None,
) -> bool:
    accepted = request.headers.get("accept", "").lower()
    return format is FileFormat.CSV or (format is None and accepted.startswith(MEDIA_TYPE))


WantsCsv = Annotated[bool, Depends(_wants_csv)]
"""The dependency that declares ``format``: whether the caller wants a file of the whole list."""


def csv_answer(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """The file. A problem with the first row is an answer of its own; a later one cuts the line: nobody takes it for whole."""
    coming = iter(rows)
    first = list(islice(coming, 1))
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Vary": "Accept"}
    lines = csv_lines(headings, chain(first, coming))
    return StreamingResponse(_pieces(lines), headers=headers, media_type=f"{MEDIA_TYPE}; charset=utf-8")


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    while piece := "".join(islice(lines, _LINES)):
        yield piece.encode()
