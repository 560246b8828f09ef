"""AttachedDocument: a document of the ERP that belongs to an opportunity (CRM-56)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import CODE_LENGTH, Id, ref


class AttachedDocument(Base):
    """A sales document attached to an opportunity, with its total when it was last read; ``counted``: it is in the totals."""

    __tablename__ = "attached_documents"

    id: Mapped[Id]
    opportunity_id: Mapped[int] = ref("opportunities.id", index=True)
    integration_id: Mapped[int] = ref("integrations.id")
    type: Mapped[str] = mapped_column(String(5))
    number: Mapped[str] = mapped_column(String(13))
    tiers: Mapped[str] = mapped_column(String(CODE_LENGTH))
    date: Mapped[date | None]
    total_before_tax: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    counted: Mapped[bool] = mapped_column(default=True)
    hidden: Mapped[bool] = mapped_column(default=False)  # old and of no use: not shown any more, and not counted
    read_at: Mapped[datetime]
    attached_by: Mapped[str | None] = mapped_column(String(80))

    __table_args__ = (UniqueConstraint("opportunity_id", "type", "number"),)
