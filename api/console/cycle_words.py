"""What a cycle is and did, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.console.language import N_
from syncengine.model import CycleKind

KINDS: Final = {
    CycleKind.FIRST: N_("First synchronisation"),
    CycleKind.DIFFERENTIAL: N_("Differential"),
    CycleKind.RESYNC: N_("Full resynchronisation"),
    CycleKind.FULL_SEND: N_("Full send"),
    CycleKind.UNDO: N_("Undo of a cycle"),
}
_FIGURES: Final = {
    "arrived": N_("%(n)s arrived"),
    "changed": N_("%(n)s changed in the CRM"),
    "vanished": N_("%(n)s gone from Sage 100"),
    "created_in_erp": N_("%(n)s created in Sage 100"),
    "sent": N_("%(n)s sent to Sage 100"),
    "refused": N_("%(n)s refused by the CRM"),
    "refused_by_erp": N_("%(n)s refused by Sage 100"),
    "parked": N_("%(n)s in conflict"),
    "decided": N_("%(n)s conflicts decided by rule"),
    "undone": N_("%(n)s values taken back"),
    "left": N_("%(n)s left as they were"),
}


def kind_of(kind: CycleKind) -> str:
    """What the cycle set out to do."""
    return KINDS[kind]


def figures_of(counts: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The figures that are not zero, each with its words."""
    return [(words, int(counts[name])) for name, words in _FIGURES.items() if counts.get(name)]
