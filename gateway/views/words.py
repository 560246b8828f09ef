"""What the ERP shows as words and keeps as numbers: types and statuses of documents, discounts."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

TYPES = ("DE", "BC", "PL", "BL", "BR", "BA", "FA", "FC")
"""The types of sales documents; the place of each is its `DO_Type`."""

_ENTERED = ("Saisi", "Confirmé")
_READY = (
    "Accepté",
    "À préparer",
    "À livrer",
    "À facturer",
    "À facturer",
    "À facturer",
    "À comptabiliser",
    "Comptabilisé",
)
STATUSES = {(kind, status): word for kind in range(len(TYPES)) for status, word in enumerate((*_ENTERED, _READY[kind]))}
"""The word for `DO_Statut`, by `DO_Type`: the third status says what the document waits for."""

AMOUNT, PERCENT, QUANTITY = 0, 1, 2


def discount(parts: Iterable[tuple[Decimal | None, int | None]]) -> str:
    """Discounts as entered, one after the other: `10 % + 5 %`; an amount stands bare, free goods are `2 U`."""
    return " + ".join(_discount(value, kind or AMOUNT) for value, kind in parts if value)


def _discount(value: Decimal, kind: int) -> str:
    number = format(value.normalize(), "f").replace(".", ",")
    return number + {PERCENT: " %", QUANTITY: " U"}.get(kind, "")
