"""Audit: both sides compared in the background, a few per cent an hour, and what was found to differ."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, CODE_LENGTH, Id, ref


class Audit(Base):
    """One pass over all tiers of an integration: where it is, how many were compared, how many differ."""

    __tablename__ = "audits"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    position: Mapped[str | None] = mapped_column(String(CODE_LENGTH))  # the last ERP key compared
    total: Mapped[int] = mapped_column(default=0)  # records to compare, as counted at the beginning
    compared: Mapped[int] = mapped_column(default=0)
    differing: Mapped[int] = mapped_column(default=0)

    __table_args__ = (Index(None, "integration_id", "id"),)


class Drift(StrEnum):
    """How a record differs though nothing is waiting to be synchronised."""

    VALUES = "values"  # both have it, with different values
    ONLY_IN_ERP = "only_in_erp"
    ONLY_IN_CRM = "only_in_crm"


class Difference(Base):
    """A record that differs, until it is found equal again."""

    __tablename__ = "differences"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    erp_key: Mapped[str] = mapped_column(String(CODE_LENGTH))
    account_id: Mapped[int | None] = mapped_column(BIGINT)
    drift: Mapped[Drift]
    fields: Mapped[dict[str, Any] | None]  # path → [CRM, ERP]
    found_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_differences_standing",
            "integration_id",
            "erp_key",
            unique=True,
            sqlite_where=text("settled_at IS NULL"),
            postgresql_where=text("settled_at IS NULL"),
        ),
    )
