"""When the next cycle of an integration is, in words; after failures it is the next attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Coming(StrEnum):
    """Why there is a next cycle, or why there is none."""

    INACTIVE = "inactive"
    DISCONNECTED = "disconnected"
    AFTER_THIS = "after_this"  # one is running
    NEVER = "never"
    DUE = "due"  # it waits for a worker
    PLANNED = "planned"
    AGAIN = "again"  # the last one failed


@dataclass(frozen=True, kw_only=True)
class NextCycle:
    """``at`` is None where no instant is known; ``words`` are for people."""

    why: Coming
    at: datetime | None
    words: str


def next_cycle(
    *, active: bool, connected: bool, running: bool, failures: int, due_at: datetime | None, at: datetime
) -> NextCycle:
    """What comes next for an integration that stands so at that instant."""
    if not active:
        return NextCycle(why=Coming.INACTIVE, at=None, words="none: the integration is deactivated")
    if not connected:
        return NextCycle(why=Coming.DISCONNECTED, at=None, words="none: the ERP is disconnected")
    if running:
        return NextCycle(why=Coming.AFTER_THIS, at=None, words="when the one that runs has ended")
    if due_at is None:
        return NextCycle(why=Coming.NEVER, at=None, words="none")
    return _coming(due_at, at, failed=failures > 0)


def _coming(due_at: datetime, at: datetime, *, failed: bool) -> NextCycle:
    moment = f"{due_at:%Y-%m-%d %H:%M:%S} UTC"
    if due_at <= at:
        return NextCycle(why=Coming.DUE, at=due_at, words=f"due since {moment}")
    return NextCycle(
        why=Coming.AGAIN if failed else Coming.PLANNED, at=due_at, words=f"in {_span(due_at - at)}, {moment}"
    )


def _span(pause: timedelta) -> str:
    minutes = round(pause.total_seconds() / 60)
    if minutes < 1:
        return f"{round(pause.total_seconds())} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
