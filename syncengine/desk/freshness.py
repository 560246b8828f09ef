"""How fresh an integration is: not what its last cycle came to, but whether both sides are as recent as its schedule promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from syncengine.model import CycleStatus

GRACE: Final = timedelta(minutes=5)
"""How late a cycle may begin or end before it is told."""


class Freshness(StrEnum):
    """Whether what people see is as recent as promised."""

    ON_TIME = "on_time"
    RUNNING = "running"
    LATE = "late"
    FAILED = "failed"
    FIRST = "first"
    INACTIVE = "inactive"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """What freshness is judged by; ``last`` is how the last cycle ended, ``well_at`` when the last one that ended well began."""

    active: bool
    connected: bool
    running: bool
    failures: int
    interval_min: int
    due_at: datetime | None
    last: CycleStatus | None
    well_at: datetime | None


def freshness(pulse: Pulse, at: datetime) -> Freshness:
    """The one word for an integration at that instant."""
    if not pulse.active:
        return Freshness.INACTIVE
    if not pulse.connected:
        return Freshness.DISCONNECTED
    if pulse.running:
        return Freshness.RUNNING
    if pulse.failures or pulse.last is CycleStatus.FAILURE:
        return Freshness.FAILED
    if pulse.well_at is None:
        return Freshness.FIRST
    return Freshness.LATE if _is_late(pulse, pulse.well_at, at) else Freshness.ON_TIME


def _is_late(pulse: Pulse, well_at: datetime, at: datetime) -> bool:
    overdue = pulse.due_at is not None and pulse.due_at + GRACE < at
    return overdue or at - well_at > timedelta(minutes=pulse.interval_min) + GRACE
