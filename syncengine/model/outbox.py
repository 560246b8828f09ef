"""Outbox: the writes meant for the ERP, committed before they are sent (NEW-05)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, Id, ref


class OutboxState(StrEnum):
    """What became of a write.

    ::

        pending ──► sent ──► done
                     │ ▲──── no answer: sent again under the same id
                     ├─────► stale      the ERP record has moved on: merged again, once
                     └─────► refused    becomes a SyncError
    """

    PENDING = "pending"
    SENT = "sent"
    DONE = "done"
    STALE = "stale"
    REFUSED = "refused"


class Outbox(Base):
    """One write; ``transaction_id`` makes it happen once however often it is sent."""

    __tablename__ = "outbox"

    id: Mapped[Id]
    transaction_id: Mapped[str] = mapped_column(String(36), unique=True)
    integration_id: Mapped[int] = ref("integrations.id")
    cycle_id: Mapped[int | None] = mapped_column(BIGINT)
    link_id: Mapped[int | None] = ref("links.id")
    account_id: Mapped[int | None] = ref("accounts.id")
    action: Mapped[str] = mapped_column(String(10))
    base_version: Mapped[str | None] = mapped_column(String(32))
    payload: Mapped[str]  # a Tiers as XML: sent again, it says the same
    changes: Mapped[str]  # JSON: [path, before, after, rule] for each value it changes in the ERP
    edited_at: Mapped[datetime | None]  # when somebody changed the CRM record last
    state: Mapped[OutboxState] = mapped_column(default=OutboxState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_field: Mapped[str | None] = mapped_column(String(60))
    error_message: Mapped[str | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_outbox_open",
            "integration_id",
            sqlite_where=text("state IN ('pending', 'sent')"),
            postgresql_where=text("state IN ('pending', 'sent')"),
        ),
        # G4: one creation at a time for an Account, and none after the one that was done.
        Index(
            "uq_outbox_creation",
            "account_id",
            unique=True,
            sqlite_where=text("action = 'create' AND state IN ('pending', 'sent', 'done')"),
            postgresql_where=text("action = 'create' AND state IN ('pending', 'sent', 'done')"),
        ),
    )
