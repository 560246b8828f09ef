"""Conflict: one field of one record that both sides changed and somebody must decide (NEW-03)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, Id, ref


class ConflictState(StrEnum):
    """Whether a parked field still waits for a decision.

    ::

        open ──► resolved       somebody chose or edited a value; or the field's policy decided at once
          └────► withdrawn      the two sides came to agree by themselves
    """

    OPEN = "open"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class Conflict(Base):
    """A field both sides moved apart, with both values and the base as the journal keeps them (``journal.as_text``).

    ``field`` is the path of ``syncengine.core.merge``: 'name', 'contacts/7/phone'. While it is open the link's base keeps the base
    value, and ``erp_value`` is what the ERP holds. ``rule`` says what decided: a policy, 'asked' while open, 'resolved'.
    """

    __tablename__ = "conflicts"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    link_id: Mapped[int] = ref("links.id")
    cycle_id: Mapped[int | None] = mapped_column(BIGINT)
    field: Mapped[str] = mapped_column(String(64))
    crm_value: Mapped[str | None]
    base_value: Mapped[str | None]
    erp_value: Mapped[str | None]
    rule: Mapped[str] = mapped_column(String(40))
    state: Mapped[ConflictState] = mapped_column(default=ConflictState.OPEN)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(60))

    __table_args__ = (UniqueConstraint("link_id", "field"),)  # a field is parked once; reopened in place
