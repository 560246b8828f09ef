"""What part of a live list is wanted: the page, the order, the filters. Each list has its own sorts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.fields import Record, Value
from contracts.messages import VIEW_DOCUMENTS, VIEW_ENTRIES, Operation
from syncengine.core.document_types import DOCUMENT_TYPES
from syncengine.core.refusals import refused

SIZE: Final = 50
SIZE_MAX: Final = 500
SEARCH_MAX: Final = 60


class EntrySort(StrEnum):
    """What entries can be sorted by."""

    DATE = "date"
    JOURNAL = "journal"
    PIECE = "piece"
    DUE_DATE = "due_date"


class DocumentSort(StrEnum):
    """What documents can be sorted by; the type goes in the order of a sale, from quote to invoice."""

    DATE = "date"
    TYPE = "type"
    NUMBER = "number"


class LineSort(StrEnum):
    """What lines of documents can be sorted by (CRM-54)."""

    DATE = "date"
    TYPE = "type"
    NUMBER = "number"
    ARTICLE = "article"


@dataclass(frozen=True, kw_only=True)
class Window:
    """A page, counted from 1, and its order: newest first without ``sort``; ``descending`` turns what is sorted by."""

    page: int = 1
    size: int = SIZE
    sort: EntrySort | DocumentSort | LineSort | None = None
    descending: bool = False

    def values(self) -> dict[str, Value]:
        """As the contract asks for it."""
        said: dict[str, Value] = {"page": self.page, "page_size": self.size}
        if self.sort is not None:
            said |= {"sort": "".join(map(str.title, self.sort.split("_"))), "descending": self.descending}
        return said


@dataclass(frozen=True, kw_only=True)
class Span:
    """Days, both included; None is open."""

    first: dt.date | None = None
    last: dt.date | None = None

    def values(self) -> dict[str, Value]:
        """As the contract asks for it."""
        return {name: day for name, day in (("from", self.first), ("to", self.last)) if day is not None}


ALWAYS: Final = Span()


@dataclass(frozen=True, kw_only=True)
class DocumentFilter:
    """Which documents: of these days and types (None: all that the user may see), with the text in any column of the header."""

    span: Span = ALWAYS
    types: frozenset[str] | None = None
    search: str = ""

    def values(self, seen: frozenset[str] | None, operation: Operation = VIEW_DOCUMENTS) -> dict[str, Value]:
        """As the contract asks for it, for a user who sees these types (CRM-55).

        Raises InputRefused (unknown_document_type, document_type_withheld, too_long).
        """
        said = self.span.values()
        for kind in sorted(self.types or ()):
            may_see(kind, seen)
        wanted = seen if self.types is None else self.types
        if wanted is not None:
            said["types"] = _types(wanted & DOCUMENT_TYPES.keys(), operation)
        if len(self.search) > SEARCH_MAX:
            raise refused(
                "too_long", f"a search has at most {SEARCH_MAX} characters", field="search", remedy="Shorten the text."
            )
        if self.search.strip():
            said["search"] = self.search.strip()
        return said


ALL: Final = DocumentFilter()


def may_see(kind: str, seen: frozenset[str] | None) -> None:
    """Raises InputRefused unless there is such a type of document and the user may see it (CRM-55)."""
    if kind not in DOCUMENT_TYPES:
        raise refused(
            "unknown_document_type",
            "there is no such type of document",
            field="type",
            remedy=f"Choose among {', '.join(DOCUMENT_TYPES)}.",
        )
    if seen is not None and kind not in seen:
        raise refused(
            "document_type_withheld",
            f"documents of the type {kind} are not shown to this user",
            field=kind,
            remedy="Ask an administrator to add the type to those you may see.",
        )


def entries_values(window: Window, span: Span, *, only_unlettered: bool) -> dict[str, Value]:
    """What is said in a request of ``VIEW_ENTRIES``, the tiers aside."""
    said = {**window.values(), **span.values()}
    if only_unlettered:
        said[VIEW_ENTRIES.request.parts[-1].attr] = True
    return said


def _types(codes: frozenset[str], operation: Operation) -> list[Record]:
    part = next(part for part in operation.request.parts if part.name == "Types")
    return [part.of.record(type=code) for code in sorted(codes)]  # type: ignore[union-attr]
