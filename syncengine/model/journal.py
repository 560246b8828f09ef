"""Journal: every value written, with the value before, the cycle and the rule (G3, NEW-04)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import TOMBSTONE
from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, CODE_LENGTH, Id, field_column


class Side(StrEnum):
    """On which side a value was written."""

    CRM = "crm"
    ERP = "erp"


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


class JournalEntry(Base):
    """One value written; ``field`` is empty when a record as a whole came or went.

    On the ERP's side the record is the Account of the tiers, and the field a path ('contacts/7/phone').
    """

    __tablename__ = "journal"

    id: Mapped[Id]
    # No foreign keys: the journal outlives what it tells about, and is written in bulk.
    cycle_id: Mapped[int | None] = mapped_column(BIGINT)
    integration_id: Mapped[int | None] = mapped_column(BIGINT)
    side: Mapped[Side]
    entity: Mapped[str] = mapped_column(String(CODE_LENGTH))
    record_id: Mapped[int] = mapped_column(BIGINT)
    account_id: Mapped[int | None] = mapped_column(
        BIGINT
    )  # the tiers it belongs to; of a child that is gone, all that is left
    erp_key: Mapped[str | None] = field_column(TOMBSTONE, "key")
    field: Mapped[str | None] = mapped_column(String(64))
    before: Mapped[str | None]
    after: Mapped[str | None]
    rule: Mapped[str] = mapped_column(String(40))
    by: Mapped[str | None] = mapped_column(String(60))  # who, when a person did it
    at: Mapped[datetime]

    __table_args__ = (
        Index(None, "cycle_id"),  # what did this cycle do
        Index(None, "entity", "record_id"),  # what happened to this record
        Index(None, "account_id"),  # what happened to this tiers, children included
    )
