"""The gateway's own tables beside those of the ERP, all prefixed `GW_`; the ERP's tables are never altered.

`GW_CHANGE` holds one row per record ever seen, `GW_STATE` one row in all: who the base is, the last number given, and where the
scan stands.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Select,
    SmallInteger,
    String,
    Table,
    Text,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.schema import CreateIndex

from gateway.sage import F_COLLABORATEUR, F_COMPTET, F_CONTACTT, F_DOCENTETE, F_DOCLIGNE, F_LIVRAISON, F_REGLEMENTT

SIDE = MetaData()

GW_CHANGE = Table(
    "GW_CHANGE",
    SIDE,
    Column("entity", String(16), primary_key=True),
    Column("record_key", String(64), primary_key=True),
    # 0: seen, but never told to anybody (an employee, a dormant tiers that stays out).
    Column("seq", BigInteger, nullable=False),
    Column("version", String(32), nullable=False),
    # Empty for a living record, else the reason of its tombstone.
    Column("reason", String(20), nullable=False),
    # How many rows of each child table went into the version: what a deleted child is found by.
    Column("first_count", Integer, nullable=False),
    Column("second_count", Integer, nullable=False),
    Column("third_count", Integer, nullable=False),
    Index("GW_IX_CHANGE_SEQ", "entity", "seq"),
    sqlite_with_rowid=False,
)

GW_STATE = Table(
    "GW_STATE",
    SIDE,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", String(16), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("scan", Text, nullable=False),
    Column("scans", BigInteger, nullable=False),
)

POLLED: tuple[Table, ...] = (
    F_COMPTET,
    F_CONTACTT,
    F_LIVRAISON,
    F_REGLEMENTT,
    F_COLLABORATEUR,
    F_DOCENTETE,
    F_DOCLIGNE,
)
"""The tables polled by `cbModification`: each needs an index on it, or every poll reads the whole table."""


@dataclass(kw_only=True)
class Sweep:
    """How far one table has been polled: up to that instant (UTC), and inside a poll of several chunks, up to that row."""

    since: str
    started: str = ""
    moment: str = ""
    marq: int = 0

    @property
    def under_way(self) -> bool:
        """Whether the poll stopped at a chunk's end with more to read."""
        return self.moment != ""

    @property
    def finished(self) -> bool:
        """Whether a poll has been through since the walk that this sweep follows."""
        return self.started != "" and not self.under_way


@dataclass(kw_only=True)
class Walk:
    """How far a whole table has been read: after that key; `done` when it is through. `profile` is what it was read for."""

    profile: str = ""
    since: str = ""
    position: str = ""
    walked: int = 0
    done: bool = False

    def restart(self, profile: str, since: str) -> None:
        """Begin anew, for that profile, from that instant."""
        self.profile, self.since, self.position, self.walked, self.done = profile, since, "", 0, False


@dataclass(kw_only=True)
class ScanState:
    """Where the scan stands; stored with the changes it found, in one transaction."""

    tiers: Walk = field(default_factory=Walk)
    turnover: Walk = field(default_factory=Walk)
    sweeps: dict[str, Sweep] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    compared: str = ""

    @property
    def settled(self) -> bool:
        """Whether nothing is left half-read: what the log says is the base as it was at the last scan."""
        return self.tiers_settled and self.turnover.done and not self._sweeping(F_DOCENTETE, F_DOCLIGNE)

    @property
    def tiers_settled(self) -> bool:
        """The same for the tiers alone."""
        return self.tiers.done and not self._sweeping(F_COMPTET, F_CONTACTT, F_LIVRAISON, F_REGLEMENTT)

    def _sweeping(self, *tables: Table) -> bool:
        return any(not self.sweeps[table.name].finished for table in tables if table.name in self.sweeps)

    def to_json(self) -> str:
        """The state as it is stored."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ScanState:
        """The state as it was stored; an empty text is the state before the first scan."""
        stored: dict[str, Any] = json.loads(text or "{}")
        return cls(
            tiers=Walk(**stored.get("tiers", {})),
            turnover=Walk(**stored.get("turnover", {})),
            sweeps={name: Sweep(**sweep) for name, sweep in stored.get("sweeps", {}).items()},
            counts=stored.get("counts", {}),
            compared=stored.get("compared", ""),
        )


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The one row of `GW_STATE`: the identity of this log, the last number it gave, where its scan stands, how many there were."""

    epoch: str
    seq: int
    scan: str
    scans: int


def create_side_tables(connection: Connection) -> None:
    """Create what is missing of the side tables and their one row."""
    SIDE.create_all(connection)
    if connection.execute(select(GW_STATE.c.id)).first() is None:
        connection.execute(insert(GW_STATE).values(id=1, epoch=_new_epoch(), seq=0, scan="", scans=0))


def index_modifications(connection: Connection) -> None:
    """Create the indexes the polls need where Sage 100 has none."""
    inspector = inspect(connection)
    present = set(inspector.get_table_names())
    for table in POLLED:
        if table.name not in present or "cbModification" not in {
            found["name"] for found in inspector.get_columns(table.name)
        }:
            continue
        leading = {found["column_names"][0] for found in inspector.get_indexes(table.name) if found["column_names"]}
        if "cbModification" not in leading:
            modification_index(table).create(connection)


def index_codes(connection: Connection) -> None:
    """Create the index a new code is looked up in whatever its case, where the base does not compare so by itself."""
    code = F_COMPTET.to_metadata(MetaData()).c.CT_Num
    forms = {"sqlite": code.collate("NOCASE"), "postgresql": func.upper(code)}
    form = forms.get(connection.dialect.name)
    if form is not None:
        connection.execute(CreateIndex(Index("GW_IX_CODE", form), if_not_exists=True))


@cache
def modification_index(table: Table) -> Index:
    """The index a poll of that table needs, on a copy: the model of the ERP's tables does not gain what is ours."""
    copy = table.to_metadata(MetaData())
    return Index(f"GW_IX_{table.name}", copy.c.cbModification, copy.c.cbMarq)


def read_standing(connection: Connection) -> Standing:
    """Where the log stands, for a reader."""
    return _standing(connection, select(GW_STATE))


def lock_standing(connection: Connection) -> Standing:
    """The same for the one writer: whoever else wants to scan waits here until this transaction ends."""
    query = select(GW_STATE).with_for_update().with_hint(GW_STATE, "WITH (UPDLOCK, HOLDLOCK)", "mssql")
    return _standing(connection, query)


def _standing(connection: Connection, query: Select[Any]) -> Standing:
    row = connection.execute(query).one()
    return Standing(epoch=row.epoch, seq=row.seq, scan=row.scan, scans=row.scans)


def store_standing(connection: Connection, seq: int, scan: str) -> None:
    """Store what a scan step has reached."""
    connection.execute(update(GW_STATE).values(seq=seq, scan=scan, scans=GW_STATE.c.scans + 1))


def renew_epoch(connection: Connection, lost: str) -> None:
    """Give the log another identity, so that every cursor of the lost one is refused; only once for the same loss."""
    connection.execute(update(GW_STATE).where(GW_STATE.c.epoch == lost).values(epoch=_new_epoch()))


def _new_epoch() -> str:
    return uuid4().hex[:16]
