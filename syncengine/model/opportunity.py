"""Opportunity: a sale in preparation at a Company; documents are attached to it later (CRM-56)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import Id, ref


class Opportunity(Base):
    """An opportunity. Totals are before tax, in ``currency`` (ISO code)."""

    __tablename__ = "opportunities"

    id: Mapped[Id]
    company_id: Mapped[int] = ref("companies.id", index=True)
    owner_id: Mapped[int | None] = ref("users.id")
    title: Mapped[str] = mapped_column(String(120))
    stage: Mapped[str] = mapped_column(String(30))
    currency: Mapped[str | None] = mapped_column(String(3))
    forecast: Mapped[Decimal | None]
    quote_total: Mapped[Decimal | None]
    order_total: Mapped[Decimal | None]
    expected_close: Mapped[date | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
