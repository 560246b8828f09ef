"""RunRequest: a cycle that somebody asked for through the API or the console, until a worker has run it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, Id, ref


class RunState(StrEnum):
    """How far a request is.

    ::

        waiting ──► running ──► done       its cycle or its plan says the rest
                       └──────► refused    no cycle began: not active, disconnected, …
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"


class RunRequest(Base):
    """``order`` is a ``syncengine.cycle.run.Order`` as JSON; with ``preview`` it makes a plan and writes nothing (NEW-02)."""

    __tablename__ = "run_requests"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    order: Mapped[dict[str, Any]]
    preview: Mapped[bool] = mapped_column(default=False)
    state: Mapped[RunState] = mapped_column(default=RunState.WAITING)
    asked_by: Mapped[str | None] = mapped_column(String(80))
    asked_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    cycle_id: Mapped[int | None] = mapped_column(BIGINT)
    plan_id: Mapped[int | None] = mapped_column(BIGINT)
    problem: Mapped[dict[str, Any] | None]  # code, message, remedy

    __table_args__ = (
        Index(
            "ix_run_requests_open",
            "asked_at",
            sqlite_where=text("state IN ('waiting', 'running')"),
            postgresql_where=text("state IN ('waiting', 'running')"),
        ),
        Index(None, "integration_id", "id"),
    )
