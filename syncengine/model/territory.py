"""Territory: the 'secteur' that decides who sees a Company."""

from __future__ import annotations

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import Id, ref

WORLD = "Monde"
"""The territory that is always there; the default of an integration (CRM-16)."""


class Territory(Base):
    """A territory, possibly inside a larger one."""

    __tablename__ = "territories"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60))
    parent_id: Mapped[int | None] = ref("territories.id")

    __table_args__ = (UniqueConstraint("name"),)
