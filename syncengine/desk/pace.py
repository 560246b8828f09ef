"""How fast a cycle goes, and how long it still takes, while that can be said at all (CRM-10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from syncengine.desk.status import CycleSummary

_ENOUGH: Final = 20
"""Records after which a rate says something."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """``rate`` in records a second, ``left_s`` in seconds; None is no estimate. ``share`` is 0 to 100."""

    rate: float | None
    left_s: float | None
    share: int | None


def pace_of(cycle: CycleSummary, at: datetime) -> Pace:
    """The pace of a cycle as of an instant, or of its end."""
    lasted = ((cycle.ended_at or at) - cycle.started_at).total_seconds()
    rate = cycle.done / lasted if lasted > 0 and cycle.done else None
    share = min(100, cycle.done * 100 // cycle.total) if cycle.total else None
    if cycle.ended_at is not None or rate is None or cycle.total is None or cycle.done < _ENOUGH:
        return Pace(rate=rate, left_s=None, share=share)
    return Pace(rate=rate, left_s=max(0, cycle.total - cycle.done) / rate, share=share)
