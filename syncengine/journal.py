"""The journal as a cycle writes it: the value before of everything that is overwritten or removed (G3, NEW-04)."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from syncengine.bulk import Bulk, Row
from syncengine.model import JournalEntry, Side
from syncengine.model.link import Entity

COLUMNS: Final = (
    *("cycle_id", "integration_id", "side", "entity", "record_id", "erp_key", "field", "before", "after", "rule", "at"),
)


class Rule(StrEnum):
    """Why a value was written."""

    ERP_CHANGED = "erp_changed"  # only the ERP moved since the last agreement
    REPLICATED = "replicated"  # Account → Company (CRM-29)
    MANAGER = "manager_from_representative"  # CRM-17
    VANISHED = "vanished_in_erp"  # CRM-12, CRM-32


class Journal:
    """Gathers lines for one transaction; ``flush`` writes them."""

    def __init__(self, bulk: Bulk, *, integration_id: int, cycle_id: int, now: datetime) -> None:
        self._bulk = bulk
        self._head = (cycle_id, integration_id, Side.CRM.value)
        self._at = bulk.instant(now)
        self._rows: list[Row] = []

    def value(
        self, entity: Entity, record_id: int, erp_key: str, field: str, before: Any, after: Any, rule: Rule
    ) -> None:
        """One value replaced."""
        self._rows.append(
            (
                *self._head,
                entity.value,
                record_id,
                erp_key,
                field,
                as_text(before),
                as_text(after),
                rule.value,
                self._at,
            )
        )

    def row(
        self,
        entity: Entity,
        record_id: int,
        erp_key: str,
        *,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
    ) -> None:
        """A whole child that came or went."""
        self.value(entity, record_id, erp_key, "", before, after, Rule.ERP_CHANGED)

    def flush(self) -> None:
        """Write the lines gathered so far."""
        self._bulk.insert(JournalEntry, COLUMNS, self._rows)
        self._rows.clear()


def as_text(value: Any) -> str | None:
    """A value as the journal keeps it: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
