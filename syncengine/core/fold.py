"""Text as a search compares and sorts it: without case and accents, alike on SQLite and PostgreSQL whatever their locale."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

from sqlalchemy import ColumnElement, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from syncengine.errors import InputRefused

ACCENTED: Final = "".join(letter for letter in map(chr, (*range(0xC0, 0x100), 0x152, 0x178)) if letter.isalpha())
"""The letters of Western Europe; French has no other."""
PLAIN: Final = "".join(unicodedata.normalize("NFD", letter.lower())[0] for letter in ACCENTED)
_PLAIN_OF: Final = str.maketrans(ACCENTED, PLAIN)


def fold(text: str | None) -> str | None:
    """A text without case and accents; SQLite calls it as ``folded``."""
    return None if text is None else text.lower().translate(_PLAIN_OF)


def searchable(text: str, field: str) -> str:
    """The text as it is. Raises InputRefused for characters that a base cannot hold."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InputRefused("this is not text", field=field, remedy="Type it again, in UTF-8.")
    return text


class folded(FunctionElement[str]):  # noqa: N801 - named as the SQL function it stands for
    """``fold`` in SQL: ``folded(column)``."""

    type = String()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any] | Any) -> None:
        super().__init__(column)


@compiles(folded, "sqlite")
def _sqlite(element: folded, compiler: SQLCompiler, **options: Any) -> str:
    return f"folded({compiler.process(element.clauses, **options)})"


@compiles(folded, "postgresql")
def _postgresql(element: folded, compiler: SQLCompiler, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    return f"""(translate(lower({text}), '{ACCENTED}', '{PLAIN}') COLLATE "C")"""
