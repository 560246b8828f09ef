"""The values of a tiers' free fields as the contract writes them (CRM-46)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from contracts.codec import escape
from gateway.free_fields import FreeField
from gateway.mapping import Row, filled


class FreeFieldWriter:
    """Writes the values of a tiers' free fields; all of them are sent, those without a value leave the version as it is."""

    def __init__(self, fields: Sequence[FreeField]) -> None:
        self.names = [field.name for field in fields]
        self._items = [
            f"<FreeFieldValue><Name>{escape(name).replace('%', '%%')}</Name><Value>%s</Value></FreeFieldValue>"
            for name in self.names
        ]
        self._all = "".join(self._items)

    def write(self, values: Row) -> tuple[str, str]:
        """The elements of all fields, and those that have a value."""
        texts = ["" if value is None else value if type(value) is str else free_text(value) for value in values]
        every = filled(self._all, texts)
        if all(texts):
            return every, every
        told = "".join(filled(item, [text]) for item, text in zip(self._items, texts, strict=True) if text)
        return every, told


def free_text(value: Any) -> str:
    """The value of a free field as the contract writes it (see FreeFieldValue)."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value)
