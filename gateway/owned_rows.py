"""The rows that belong to some tiers, and when they were written last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, TableClause, bindparam, type_coerce
from sqlalchemy.types import NullType

from gateway.mapping import Row

_CLOCK = "cbModification"
_NO_YEAR = 1900
"""Up to this year a moment is one of Sage's empty dates."""

Latest: TypeAlias = dict[str, Any]
"""When rows of a tiers were written last, by code, by the server's clock, as the driver has it: a text on SQLite."""


class Owned(NamedTuple):
    """A query for the rows of some tiers, and the same for those of one: a list of keys costs a third more."""

    many: Select[Any]
    one: Select[Any]

    @classmethod
    def of(cls, query: Select[Any], host: TableClause) -> Owned:
        """The query of that table, for the tiers whose codes are given."""
        owner = host.c.CT_Num
        return cls(
            query.where(owner.in_(bindparam("keys", expanding=True))),
            query.where(owner == bindparam("key")),
        )

    def rows(self, connection: Connection, keys: Sequence[str]) -> Sequence[Row]:
        """The rows of these tiers."""
        if len(keys) == 1:
            return connection.execute(self.one, {"key": keys[0]}).all()
        return connection.execute(self.many, {"keys": list(keys)}).all()


def keep_latest(latest: Latest, rows: Sequence[Row], clock_at: int | None) -> None:
    """Note the latest write of each tiers' rows."""
    if clock_at is None:
        return
    for row in rows:
        code, at = row[0], row[clock_at]
        if at is not None and (code not in latest or at > latest[code]):
            latest[code] = at


def clock_of(host: TableClause) -> list[ColumnElement[Any]]:
    """When a row was written last, where the base tells; as the driver has it, since only the latest is looked at."""
    return [type_coerce(host.c[_CLOCK], NullType())] if _CLOCK in host.c else []


def instant(at: Any, zone: ZoneInfo) -> str:
    """A moment of the server's clock as an instant of the contract; nothing for an empty date."""
    moment = dt.datetime.fromisoformat(at) if isinstance(at, str) else at
    if moment.year <= _NO_YEAR:
        return ""
    # A third of what an aware instant costs.
    utc = moment - (zone.utcoffset(moment) or dt.timedelta())
    return f"{utc.isoformat(timespec='seconds')}Z"
