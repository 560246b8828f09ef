"""Cursor: how far the change log of one entity set has been dealt with (G8)."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from contracts.messages import SET_REQUEST
from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, field_column


class Cursor(Base):
    """The gateway's opaque cursor; committed together with the page it ends."""

    __tablename__ = "cursors"

    integration_id: Mapped[int] = mapped_column(BIGINT, ForeignKey("integrations.id"), primary_key=True)
    entity_set: Mapped[str] = mapped_column(String(20), primary_key=True)
    cursor: Mapped[str] = field_column(SET_REQUEST, "cursor")
    at_end: Mapped[bool] = mapped_column(default=False)
