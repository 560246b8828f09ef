"""Reading a CSV file of companies: rows with their line numbers, and those that cannot be understood."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from gateway.company_rows import COLUMNS, SourceRow
from gateway.errors import InputInvalid
from gateway.load_report import Finding, Outcome, Reason


def read_rows(path: Path) -> Iterator[SourceRow | Finding]:
    """Every row of the file, in order; a finding in place of one that is malformed or repeats an earlier row.

    Commas or semicolons, UTF-8 with or without its mark. Raises InputInvalid when the file cannot be opened or
    its header lacks a column.
    """
    try:
        # Stray bytes of another encoding must not stop the file: they are dealt with row by row.
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            yield from _rows(file, path)
    except OSError as error:
        raise InputInvalid(f"{path} cannot be read: {error.strerror}") from error


def _rows(file: TextIO, path: Path) -> Iterator[SourceRow | Finding]:
    first = file.readline()
    delimiter = ";" if first.count(";") > first.count(",") else ","
    header = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InputInvalid(f"{path} lacks the column {', '.join(missing)}", field=missing[0])
    reader = csv.reader(file, delimiter=delimiter)
    seen: set[tuple[str, ...]] = set()
    for line, values in _numbered(reader):
        if isinstance(values, str) or len(values) != len(header):
            said = values if isinstance(values, str) else f"{len(values)} fields instead of {len(header)}"
            yield _refused(line, Reason.MALFORMED_ROW, was=said)
        elif tuple(values) in seen:
            yield _refused(line, Reason.DUPLICATE_ROW, name=values[header.index("name")])
        else:
            seen.add(tuple(values))
            yield SourceRow(line=line, values=dict(zip(header, values, strict=True)))


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str] | str]]:
    """The rows that are not blank, with the line each starts on (the header was line 1)."""
    numbered = iter(reader)
    while True:
        line = reader.line_num + 2  # type: ignore[attr-defined]
        try:
            values = next(numbered)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, str(error)
            continue
        if values:
            yield line, values


def _refused(line: int, reason: Reason, *, name: str = "", was: str = "") -> Finding:
    return Finding(line=line, outcome=Outcome.REFUSED, reason=reason, name=name, was=was)
