"""Cycle: one run of Liaison et Synchronisation."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, Id, ref


class CycleKind(StrEnum):
    """What a cycle sets out to do (CRM-09, CRM-13, CRM-19)."""

    FIRST = "first"
    DIFFERENTIAL = "differential"
    RESYNC = "resync"
    FULL_SEND = "full_send"
    UNDO = "undo"


class CycleStatus(StrEnum):
    """The status of a cycle (CRM-10): En attente, En cours, Succès, Avertissement, Échec.

    ::

        waiting ──► running ──► success     everything dealt with
                       ├──────► warning     anomalies that did not stop it
                       └──────► failure     could not finish, or its process died
    """

    WAITING = "waiting"
    RUNNING = "running"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"

    @property
    def label(self) -> str:
        """As the user reads it."""
        return _LABELS[self]

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the cycle."""
        return self in {CycleStatus.SUCCESS, CycleStatus.WARNING, CycleStatus.FAILURE}


_LABELS = {
    CycleStatus.WAITING: "En attente",
    CycleStatus.RUNNING: "En cours",
    CycleStatus.SUCCESS: "Succès",
    CycleStatus.WARNING: "Avertissement",
    CycleStatus.FAILURE: "Échec",
}


class Cycle(Base):
    """A run with its progress while it lasts, its counts, and what stopped it."""

    __tablename__ = "cycles"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    kind: Mapped[CycleKind]
    status: Mapped[CycleStatus] = mapped_column(default=CycleStatus.WAITING)
    due_at: Mapped[datetime | None]  # when it should have started; None: somebody started it
    worker: Mapped[str | None] = mapped_column(String(255))  # the process that ran it, as its lease names it
    lease_token: Mapped[int | None] = mapped_column(BIGINT)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    phase: Mapped[str | None] = mapped_column(String(30))
    progress_done: Mapped[int] = mapped_column(default=0)
    progress_total: Mapped[int | None]
    counts: Mapped[dict[str, Any] | None]
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_message: Mapped[str | None]
    error_remedy: Mapped[str | None]
    log_file: Mapped[str | None] = mapped_column(String(255))
    undoes_id: Mapped[int | None] = mapped_column(BIGINT)  # the cycle this one takes back (NEW-04)

    __table_args__ = (Index(None, "integration_id", "id"),)  # the last cycles of an integration
