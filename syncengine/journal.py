"""The journal as a cycle writes it: the value before of everything that is overwritten or removed (G3, NEW-04)."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypedDict

from syncengine.bulk import Bulk, Row
from syncengine.model import JournalEntry, RecordStatus, Side
from syncengine.model.link import Entity

COLUMNS: Final = (
    *("cycle_id", "integration_id", "side", "entity", "record_id", "account_id", "erp_key", "field"),
    *("before", "after", "rule", "by", "at"),
)


class Ids(TypedDict):
    """The integration and the cycle that something is recorded for."""

    integration_id: int
    cycle_id: int


class Rule(StrEnum):
    """Why a value was written."""

    ERP_CHANGED = "erp_changed"  # only the ERP moved since the last agreement
    CRM_CHANGED = "crm_changed"  # only the CRM moved since the last agreement
    ERP_WINS = "erp_wins"  # both moved apart; the field's policy decided (NEW-01)
    CRM_WINS = "crm_wins"
    MOST_RECENT = "most_recent"
    ASKED = "asked"  # parked until somebody decides (NEW-03)
    RESOLVED = "resolved"  # somebody decided
    EDIT_BEATS_DELETE = "edit_beats_delete"  # one side changed a child that the other removed
    REPLICATED = "replicated"  # Account → Company (CRM-29), Company → Account (CRM-28)
    MANAGER = "manager_from_representative"  # CRM-17
    REPRESENTATIVE = "representative_from_manager"  # CRM-17
    VANISHED = "vanished_in_erp"  # CRM-12, CRM-32
    EDITED = "edited"  # a person, in the CRM (CRM-28)
    ALIGNED = "aligned"  # 'Mettre à jour le tiers / la société' (CRM-33)
    CREATED = "created"  # 'Créer le tiers' (CRM-25)
    DEFAULTED = "defaulted"  # a missing value got its default (CRM-26)
    LINKED = "linked"  # 'Lier', 'Réaffecter', 'Rompre le lien' (CRM-30, CRM-31)
    RESYNC = "resync"  # full resync or full send: one side is right (CRM-19)
    UNDONE = "undone"  # NEW-04


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


def as_text(value: Any) -> str | None:
    """A value as the journal keeps it: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def value_of(path: str, text: str | None) -> Any:
    """A value from its text; the one that people change and is no text is 'mis en sommeil', a Company's status."""
    if path == "dormant":
        return text in ("true", RecordStatus.INACTIVE.value) or None
    return text or None
