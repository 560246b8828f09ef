"""The columns of the live lists as pages show them: heading, kind of value, and what sorts by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from api.console.language import N_
from contracts.fields import ABSENT, Kind, Record, Struct
from contracts.views import CUMULATED, DOCUMENT, DOCUMENT_LINE, ENTRY
from syncengine.rtdv.headings import HEADINGS


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: the attribute it shows, its heading in French, how it is written, and the sort it offers ('' for none)."""

    attr: str
    heading: str
    kind: Kind
    sort: str = ""


_SHOWN: Final[Mapping[Struct, tuple[str, ...]]] = {
    CUMULATED: ("period_start", "period_end", "debit", "credit", "balance", "turnover"),
    ENTRY: ("date", "journal", "piece", "label", "debit", "credit", "due_date", "payment_method", "lettering"),
    DOCUMENT: ("number", "type", "date", "reference", "status", "total_before_tax", "total_with_tax", "settled"),
    DOCUMENT_LINE: ("number", "type", "date", "article", "designation", "quantity", "unit_price", "amount_before_tax"),
}
_SORTS: Final[Mapping[Struct, Mapping[str, str]]] = {
    CUMULATED: {},
    ENTRY: {name: name for name in ("date", "journal", "piece", "due_date")},
    DOCUMENT: {name: name for name in ("date", "type", "number")},
    DOCUMENT_LINE: {"date": "date", "type": "type", "number": "number", "article": "article"},
}


RISK_WORDS: Final = {
    "deliver": N_("Deliver"),
    "watch": N_("Watch"),
    "block": N_("Block"),
    "automatic": N_("Automatic"),
    "risk_code": N_("By the risk code"),
    "blocked": N_("Account blocked"),
}
"""What Sage 100 does about a client who owes too much, and how it decides."""


def columns_of(struct: Struct) -> list[Column]:
    """The columns of a list, in order; the file has all of them."""
    return [
        Column(
            attr=attr,
            heading=HEADINGS[struct][attr],
            kind=struct.field(attr).kind,
            sort=_SORTS[struct].get(attr, ""),
        )
        for attr in _SHOWN[struct]
    ]


def values_of(record: Record) -> dict[str, Any]:
    """A record by attribute; None is what this Sage 100 does not say."""
    return {name: None if value is ABSENT else value for name, value in record.items()}


def sort_of(kind: type[StrEnum], text: str) -> Any:
    """What is sorted by; None for the newest first, and for anything that is no sort of this list."""
    return kind(text) if text in {member.value for member in kind} else None


def headings() -> Iterator[str]:
    """Every heading there is, for the catalogue."""
    for named in HEADINGS.values():
        yield from named.values()
