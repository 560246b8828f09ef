"""Turnover: the table CaRealise of the CRM (CRM-48)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import TURNOVER
from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, field_column, ref


class Turnover(Base):
    """Turnover N and N-1 of one tiers, before tax, in the currency of the ERP company.

    Keyed by the ERP's code: the figure of a tiers that is in error waits here until its Account exists.
    """

    __tablename__ = "ca_realise"

    integration_id: Mapped[int] = mapped_column(BIGINT, ForeignKey("integrations.id"), primary_key=True)
    erp_key: Mapped[str] = field_column(TURNOVER, "code", primary_key=True)
    account_id: Mapped[int | None] = ref("accounts.id")
    current_year: Mapped[Decimal]
    previous_year: Mapped[Decimal]
    updated_at: Mapped[datetime]

    __table_args__ = (Index(None, "account_id", unique=True),)  # the figure of an Account on its screen; one each
