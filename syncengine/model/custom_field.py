"""CustomField: a field of the CRM's own, on Company (``comp_…``) and Account (``acc_…``), and whether the pair is replicated."""

from __future__ import annotations

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import Id


class CustomField(Base):
    """A text field known by its name without prefix; the values are in ``custom`` of Company and Account (CRM-47)."""

    __tablename__ = "custom_fields"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60))
    label: Mapped[str] = mapped_column(String(80))
    replicated: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (UniqueConstraint("name"),)
