"""The journal as a cycle writes it: the value before of everything that is overwritten or removed (G3, NEW-04)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypedDict

from syncengine.core.journal_text import as_text
from syncengine.model import JournalEntry, Rule, Side
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, Row

COLUMNS: Final = (
    *("cycle_id", "integration_id", "side", "entity", "record_id", "account_id", "erp_key", "field"),
    *("before", "after", "rule", "by", "at"),
)


class Ids(TypedDict):
    """The integration and the cycle that something is recorded for."""

    integration_id: int
    cycle_id: int


class Journal:
    """Gathers lines for one transaction; ``flush`` writes them. ``by`` is the person who acts, if one does.

    ``account_id`` is the tiers that lines belong to which do not say it themselves.
    """

    def __init__(
        self,
        bulk: Bulk,
        *,
        integration_id: int | None,
        cycle_id: int | None,
        now: datetime,
        by: str | None = None,
        account_id: int | None = None,
    ) -> None:
        self._bulk, self._account_id = bulk, account_id
        self._head = (cycle_id, integration_id)
        self._tail = (by, bulk.instant(now))
        self._rows: list[Row] = []

    def value(  # noqa: PLR0913 - a line says no less
        self,
        entity: Entity,
        record_id: int,
        erp_key: str | None,
        field: str,
        before: Any,
        after: Any,
        rule: Rule,
        *,
        side: Side = Side.CRM,
        account_id: int | None = None,
    ) -> None:
        """One value replaced, on that side; ``account_id`` is the tiers it belongs to, unless that is the record."""
        tiers = record_id if entity is Entity.ACCOUNT else account_id or self._account_id
        place = (side.value, entity.value, record_id, tiers, erp_key, field)
        self._rows.append((*self._head, *place, as_text(before), as_text(after), rule.value, *self._tail))

    def row(
        self,
        entity: Entity,
        record_id: int,
        erp_key: str | None,
        *,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
        rule: Rule = Rule.ERP_CHANGED,
        side: Side = Side.CRM,
        account_id: int | None = None,
    ) -> None:
        """A whole child that came or went."""
        self.value(entity, record_id, erp_key, "", before, after, rule, side=side, account_id=account_id)

    def flush(self) -> None:
        """Write the lines gathered so far."""
        self._bulk.insert(JournalEntry, COLUMNS, self._rows)
        self._rows.clear()
