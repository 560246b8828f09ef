"""Plan: what a cycle would do, computed without writing anything, to be looked at and then applied (NEW-02, NEW-06)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, Id, ref
from syncengine.model.cycle import CycleKind


class Plan(Base):
    """A preview. ``fingerprint`` covers every line: the plan is applied only while the same one would be made again."""

    __tablename__ = "plans"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    kind: Mapped[CycleKind]
    fingerprint: Mapped[str] = mapped_column(String(64))
    counts: Mapped[dict[str, Any]]
    lines: Mapped[str]  # JSON: a list of ``syncengine.core.plan.Line``
    stopped_by: Mapped[str | None]  # the guard that asks, in words
    made_at: Mapped[datetime]
    applied_cycle_id: Mapped[int | None] = mapped_column(BIGINT)

    __table_args__ = (Index(None, "integration_id", "id"),)
