"""SyncError: a record that could not be synchronised, and why (CRM-49, CRM-50)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import TOMBSTONE
from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, CODE_LENGTH, Id, field_column, ref
from syncengine.model.journal import Side


class SyncErrorState(StrEnum):
    """Whether a record is still in error.

    ::

        open ── the record arrives after all ─────────► resolved ── it fails again ──► open
          ├──── 'Réessayer' ──────────────────────────► retry ──┬── it arrives ──────► resolved
          │                                               ▲     └── it fails again ──► open
          └──── 'Ne plus synchroniser' ──► taken_out ─────┘ 'Réactiver la synchronisation'

    A record without error that is taken out has a row too, so that what is out of the flow is in one place (CRM-50).
    ``retry`` is the mark the next cycle reads: it asks for the record by its key, whatever the cursor has passed.
    """

    OPEN = "open"
    RETRY = "retry"
    RESOLVED = "resolved"
    TAKEN_OUT = "taken_out"


STANDING: Final = (SyncErrorState.OPEN, SyncErrorState.RETRY)
"""The states of a record that is in error."""


class SyncError(Base):
    """One record in error, with the payload as received or sent so that a retry repeats exactly that."""

    __tablename__ = "sync_errors"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    entity: Mapped[str] = mapped_column(String(CODE_LENGTH))
    # Which side refused it: the CRM what was pulled, the ERP what was pushed.
    side: Mapped[Side]
    erp_key: Mapped[str] = field_column(TOMBSTONE, "key")
    local_id: Mapped[int | None] = mapped_column(BIGINT)
    code: Mapped[str] = mapped_column(String(60))
    field: Mapped[str | None] = mapped_column(String(64))
    message: Mapped[str]
    remedy: Mapped[str | None]
    payload: Mapped[str | None]
    # CRM-49: what somebody put in place of refused values, path → [value refused, value wanted]; ``syncengine.cycle.corrections``.
    corrections: Mapped[dict[str, Any] | None]
    # No foreign keys: the error outlives the history of cycles.
    first_cycle_id: Mapped[int | None] = mapped_column(BIGINT)
    last_cycle_id: Mapped[int | None] = mapped_column(BIGINT)
    attempts: Mapped[int] = mapped_column(default=1)
    state: Mapped[SyncErrorState] = mapped_column(default=SyncErrorState.OPEN)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("integration_id", "entity", "side", "erp_key"),
        Index(None, "local_id"),  # what the ERP refused of an Account
    )
