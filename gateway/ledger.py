"""The ledger: one row per record ever seen, each change numbered by a strictly increasing counter.

Numbers are given under the scan lock and committed with the rows, so that no reader sees a number before the ones below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, select, update

from contracts.messages import EntitySet
from gateway.sidetables import GW_CHANGE

CHUNK = 500
"""Keys in one statement: SQL Server takes 2,100 parameters at most."""

DELETED, OUT_OF_SCOPE, DORMANT = "deleted", "out_of_scope", "dormant"
PROMISED, NO_VERSION = -1, "?"
"""Number and version of a record that a caller made and was told of, until the scan looks at it: no cursor reaches it."""
NO_COUNTS = (0, 0, 0)


class Found(NamedTuple):
    """A record as a reader found it: its version and XML, or the reason it does not take part; its children by table."""

    version: str
    xml: str
    reason: str = ""
    counts: tuple[int, int, int] = NO_COUNTS


class Known(NamedTuple):
    """A record as the ledger has it."""

    seq: int
    version: str
    reason: str
    counts: tuple[int, int, int]


class Change(NamedTuple):
    """One row of a page: what the ledger last said of a record."""

    key: str
    seq: int
    version: str
    reason: str


@dataclass(kw_only=True)
class Noted:
    """What noting a batch did: by how much the numbers of living records and of their children moved, who came or went."""

    living: int = 0
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    scope_changed: list[str] = field(default_factory=list)

    def add(self, key: str, before: Known | None, after: Found) -> None:
        """Count one record that is no longer as the ledger had it."""
        self.living += (after.reason != DELETED) - (before is not None and before.reason != DELETED)
        for position, count in enumerate(after.counts):
            self.counts[position] += count - (before.counts[position] if before else 0)
        if (before is not None and before.reason == "") != (after.reason == ""):
            self.scope_changed.append(key)


def chunked(keys: Sequence[str], size: int = CHUNK) -> Iterator[Sequence[str]]:
    """The keys in pieces that fit into one statement."""
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


_C = GW_CHANGE.c
_KNOWN = select(_C.record_key, _C.seq, _C.version, _C.reason, _C.first_count, _C.second_count, _C.third_count).where(
    _C.entity == bindparam("entity"), _C.record_key.in_(bindparam("keys", expanding=True))
)
_UPDATE = (
    update(GW_CHANGE)
    .where(_C.entity == bindparam("b_entity"), _C.record_key == bindparam("b_key"))
    .values(
        {
            name: bindparam(f"b_{name}")
            for name in ("seq", "version", "reason", "first_count", "second_count", "third_count")
        }
    )
)


class Ledger:
    """Reads and writes `GW_CHANGE`; `seq` is the last number given."""

    def __init__(self, connection: Connection, seq: int) -> None:
        self._connection = connection
        self.seq = seq

    def known(self, entity: EntitySet, keys: Sequence[str]) -> dict[str, Known]:
        """What the ledger has of these records."""
        found: dict[str, Known] = {}
        for piece in chunked(keys):
            rows = self._connection.execute(_KNOWN, {"entity": entity.value, "keys": list(piece)})
            found.update((row[0], Known(row[1], row[2], row[3], (row[4], row[5], row[6]))) for row in rows)
        return found

    def note(self, entity: EntitySet, keys: Iterable[str], found: Mapping[str, Found]) -> Noted:
        """Enter the records as they were found, absent ones as deleted; only what differs gets the next number."""
        wanted = list(dict.fromkeys(keys))
        known = self.known(entity, wanted)
        news: list[dict[str, Any]] = []
        moves: list[dict[str, Any]] = []
        noted = Noted()
        for key in wanted:
            before, after = known.get(key), _now(found.get(key))
            if before is None and after.reason != DELETED:
                seq = 0 if after.reason else self._next()
                news.append({"entity": entity.value, "record_key": key, **_columns(seq, after)})
            elif before is not None and before[1:] != (after.version, after.reason, after.counts):
                moved = _columns(self._seq(before, after), after)
                moves.append({"b_entity": entity.value, "b_key": key, **{f"b_{name}": moved[name] for name in moved}})
            else:
                continue
            noted.add(key, before, after)
        self._write(news, moves)
        return noted

    def _seq(self, before: Known, after: Found) -> int:
        # A record nobody was told of stays untold while it is out; child counts alone are no change.
        untold = before.seq == 0 and after.reason != ""
        same = (before.version, before.reason) == (after.version, after.reason)
        return before.seq if untold or same else self._next()

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def _write(self, news: list[dict[str, Any]], moves: list[dict[str, Any]]) -> None:
        if news:
            self._connection.execute(insert(GW_CHANGE), news)
        if moves:
            self._connection.execute(_UPDATE, moves)


def _columns(seq: int, after: Found) -> dict[str, Any]:
    first, second, third = after.counts
    return {
        "seq": seq,
        "version": after.version,
        "reason": after.reason,
        "first_count": first,
        "second_count": second,
        "third_count": third,
    }


def _now(found: Found | None) -> Found:
    if found is None:
        return Found("", "", DELETED)
    return found if found.reason == "" else Found("", "", found.reason, found.counts)


def changes_after(connection: Connection, entity: EntitySet, seq: int, limit: int) -> list[Change]:
    """The next changes after that number, at most `limit`, in order."""
    query = (
        select(_C.record_key, _C.seq, _C.version, _C.reason)
        .where(_C.entity == entity.value, _C.seq > seq)
        .order_by(_C.seq)
        .limit(limit)
    )
    return [Change(*row) for row in connection.execute(query)]


def promise(connection: Connection, entity: EntitySet, key: str) -> None:
    """Enter a record that a caller just made, in its transaction: whatever becomes of it before the next scan is told.

    It counts as gone until the scan finds it. One that the ledger has as living is found to be gone or changed as ever.
    """
    which = (_C.entity == entity.value, _C.record_key == key)
    reason = connection.scalar(select(_C.reason).where(*which))
    promised = {"seq": PROMISED, "version": NO_VERSION, "reason": DELETED}
    if reason is None:
        counts = dict.fromkeys(("first_count", "second_count", "third_count"), 0)
        connection.execute(insert(GW_CHANGE).values(entity=entity.value, record_key=key, **promised, **counts))
    elif reason == DELETED:
        connection.execute(update(GW_CHANGE).where(*which).values(promised))


def promised_keys(connection: Connection, entity: EntitySet) -> list[str]:
    """The records that callers made since the last scan."""
    query = select(_C.record_key).where(_C.entity == entity.value, _C.seq == PROMISED)
    return list(connection.scalars(query.order_by(_C.record_key)))


def count_after(connection: Connection, entity: EntitySet, seq: int) -> int:
    """How many changes are still to be told after that number."""
    return (
        connection.scalar(select(func.count()).select_from(GW_CHANGE).where(_C.entity == entity.value, _C.seq > seq))
        or 0
    )


def ledger_keys(connection: Connection, entity: EntitySet, *, after: str = "", limit: int | None = None) -> list[str]:
    """The keys of the ledger after one key, whatever became of them, in the order of the database."""
    query = select(_C.record_key).where(_C.entity == entity.value, _C.record_key > after)
    return list(connection.scalars(query.order_by(_C.record_key).limit(limit)))
