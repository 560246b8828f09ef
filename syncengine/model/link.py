"""Link: which CRM record and which ERP record are one, and what both sides last agreed on."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import TIERS, TOMBSTONE
from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, CODE_LENGTH, Id, field_column, ref


class Entity(StrEnum):
    """The kinds of record that links, errors, journal and conflicts name."""

    ACCOUNT = "account"
    COMPANY = "company"
    ADDRESS = "address"
    CONTACT = "contact"
    REPRESENTATIVE = "representative"
    FREE_FIELD = "free_field"
    TURNOVER = "turnover"


class LinkState(StrEnum):
    """Whether a pair takes part in the flow.

    ::

        linked ── 'Ne plus synchroniser' (CRM-50) ──► taken_out ── 'Réactiver' ──► linked
        linked ── gone in the ERP (CRM-32) ─────────► vanished ── it returns ────► linked
    """

    LINKED = "linked"
    TAKEN_OUT = "taken_out"
    VANISHED = "vanished"


class Link(Base):
    """One pair. ``base`` is compact JSON: the values both sides last agreed on, as read back from the ERP."""

    __tablename__ = "links"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    entity: Mapped[str] = mapped_column(String(CODE_LENGTH))
    local_id: Mapped[int] = mapped_column(BIGINT)
    erp_key: Mapped[str] = field_column(TOMBSTONE, "key")
    erp_version: Mapped[str | None] = field_column(TIERS, "version")
    base: Mapped[str | None]
    state: Mapped[LinkState] = mapped_column(default=LinkState.LINKED)
    # When somebody changed the CRM record last and it was not looked at since: what the next cycle gathers.
    changed_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("integration_id", "entity", "erp_key"),  # G4: an ERP record is linked once
        UniqueConstraint("entity", "local_id"),  # G4: a CRM record is linked once
        # The CRM's own changes: partial, so that the records that did not change cost nothing.
        Index(
            "ix_links_changed",
            "integration_id",
            "changed_at",
            sqlite_where=text("changed_at IS NOT NULL"),
            postgresql_where=text("changed_at IS NOT NULL"),
        ),
        # What is to be read again whatever the cursor has passed (``cycle.gateway_options.UNREAD``): nothing, most of the time.
        Index(
            "ix_links_unread",
            "integration_id",
            sqlite_where=text("erp_version = '?'"),
            postgresql_where=text("erp_version = '?'"),
        ),
        # Codes with small letters, which Sage 100 never makes: they may differ from another code in case only (G4).
        Index(
            "ix_links_case",
            "integration_id",
            "entity",
            sqlite_where=text("erp_key <> upper(erp_key)"),
            postgresql_where=text("erp_key <> upper(erp_key)"),
        ),
    )
