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
