"""How fresh an integration is: not what its last cycle came to, but whether both sides are as recent as its schedule promises."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from syncengine.integration_record import IntegrationRecord
from syncengine.model import CycleStatus

GRACE: Final = timedelta(minutes=5)
"""How late a cycle may begin before it is told."""


class Freshness(StrEnum):
    """Whether what people see is as recent as promised."""

    ON_TIME = "on_time"
    RUNNING = "running"
    LATE = "late"
    FAILED = "failed"
    FIRST = "first"
    INACTIVE = "inactive"
    DISCONNECTED = "disconnected"


def freshness(
    record: IntegrationRecord, *, running: bool, last: CycleStatus | None, well: datetime | None, at: datetime
) -> Freshness:
    """The one word for an integration; ``last`` how its last cycle ended, ``well`` when the last one that ended well began."""
    if not record.active:
        return Freshness.INACTIVE
    if not record.connected:
        return Freshness.DISCONNECTED
    if running:
        return Freshness.RUNNING
    if last is CycleStatus.FAILURE or record.failures:
        return Freshness.FAILED
    if well is None:
        return Freshness.FIRST
    promised = timedelta(minutes=record.draft.interval_min) + GRACE
    overdue = record.due_at is not None and record.due_at + GRACE < at
    return Freshness.LATE if overdue or at - well > promised else Freshness.ON_TIME
