"""The database server's wall clock: Sage 100 writes naive local times, the contract speaks aware UTC."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

DEFAULT_ZONE = "Europe/Paris"


def wall_clock(zone: str = DEFAULT_ZONE) -> dt.datetime:
    """Now, as the database server in that time zone writes it: naive, to the second."""
    return dt.datetime.now(ZoneInfo(zone)).replace(microsecond=0, tzinfo=None)
