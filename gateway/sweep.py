"""Polling one table by `cbModification`: what was written since the last poll, with an overlap, in bounded chunks.

The overlap covers transactions that commit late, and `smalldatetime`, which rounds to the minute and can land 30 s ahead. A row
dated in the future is read by every poll until its time has come; it never moves the mark, which is the database's own time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Connection, and_, or_, select, text

from gateway.sidetables import Sweep

Clock: TypeAlias = Callable[[], dt.datetime]
"""Answers the present instant, aware."""

OVERLAP = dt.timedelta(seconds=120)


def utc_now() -> dt.datetime:
    """The clock of this machine."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One instant, as UTC and as the database server's wall clock shows it (naive)."""

    utc: dt.datetime
    wall: dt.datetime

    def to_text(self) -> str:
        """As it is stored in the scan's state."""
        return f"{self.utc.isoformat()} {self.wall.isoformat()}"

    @classmethod
    def from_text(cls, text: str) -> Moment:
        """As it was stored."""
        utc, wall = text.split()
        return cls(utc=dt.datetime.fromisoformat(utc), wall=dt.datetime.fromisoformat(wall))


def moment_of(connection: Connection, clock: Clock, zone: ZoneInfo) -> Moment:
    """The present moment: SQL Server's own clock there, elsewhere the given one in the server's time zone."""
    if connection.dialect.name == "mssql":
        wall, utc = connection.execute(text("SELECT SYSDATETIME(), SYSUTCDATETIME()")).one()
        return Moment(utc=utc.replace(tzinfo=dt.UTC), wall=wall)
    now = clock()
    return Moment(utc=now.astimezone(dt.UTC), wall=now.astimezone(zone).replace(tzinfo=None))


def sweep(connection: Connection, owner: Column[str], state: Sweep, moment: Moment, limit: int) -> list[str]:
    """The owners of the rows written since, at most `limit` rows; `state` moves on, and is finished when fewer came."""
    c = owner.table.c
    if not state.under_way:
        state.started = moment.to_text()
    low = _low(state, moment)
    query = select(c.cbModification, c.cbMarq, owner).order_by(c.cbModification, c.cbMarq).limit(limit)
    if state.under_way:
        at = dt.datetime.fromisoformat(state.moment)
        after = or_(c.cbModification > at, and_(c.cbModification == at, c.cbMarq > state.marq))
        query = query.where(c.cbModification >= at, after)
    else:
        query = query.where(c.cbModification >= low)
    rows = connection.execute(query).all()
    if len(rows) < limit:
        state.since, state.moment, state.marq = state.started, "", 0
    else:
        state.moment, state.marq = rows[-1][0].isoformat(), rows[-1][1]
    return [row[2] for row in rows]


def _low(state: Sweep, moment: Moment) -> dt.datetime:
    # Both the time shown then and the time passed since are counted back from: the wall clock may have been put back or forward
    # in between, and no row of the repeated hour may be passed over.
    then = Moment.from_text(state.since)
    return min(then.wall, moment.wall - (moment.utc - then.utc)) - OVERLAP
