"""A small Sage 100 base and the change log over it, for the tests of what the gateway serves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lxml import etree
from sqlalchemy import Connection, Engine, insert

from contracts.codec import reader
from contracts.envelope import in_namespace
from contracts.fields import Record, Struct
from contracts.messages import EntitySet
from contracts.tables import FREE_FIELD, REPRESENTATIVE, TIERS, TURNOVER
from gateway.changelog import ChangeLog
from gateway.company import CompanyWatch
from gateway.database import create_base, open_database, writing
from gateway.demo.edits import insert_tiers, next_number
from gateway.sage import (
    F_COLLABORATEUR,
    F_COMPTET,
    F_COMPTETG,
    F_DOCENTETE,
    F_LIVRAISON,
    F_REGLEMENTT,
    P_CATCOMPTA,
    P_CRISQUE,
    P_DOSSIER,
    P_REGLEMENT,
    P_TIERS,
)
from gateway.sage.defaults import TiersType, new_tiers, stamped
from gateway.settings import Synchronise
from gateway.sidetables import create_side_tables
from tests.sage_bases import sqlite_file

ZONE = ZoneInfo("Europe/Paris")
START = dt.datetime(2026, 5, 4, 8, 0, tzinfo=dt.UTC)
LONG_AGO = dt.datetime(2026, 1, 5, 9, 0)  # noqa: DTZ001 - the database server's wall clock
STRUCTS: dict[EntitySet, Struct] = {
    EntitySet.FREE_FIELDS: FREE_FIELD,
    EntitySet.REPRESENTATIVES: REPRESENTATIVE,
    EntitySet.TIERS: TIERS,
    EntitySet.TURNOVER: TURNOVER,
}


@dataclass
class Clock:
    """A clock the test moves by hand."""

    now: dt.datetime = START

    def __call__(self) -> dt.datetime:
        return self.now

    def wall(self) -> dt.datetime:
        """What the database server's clock shows."""
        return self.now.astimezone(ZONE).replace(tzinfo=None)

    def advance(self, **delta: float) -> None:
        """Let time pass."""
        self.now += dt.timedelta(**delta)


def make_base(url: str, *, tiers: int = 5) -> Engine:
    """A company with lists, two representatives, `tiers` clients T001.., an employee and an 'other', all written long ago."""
    engine = open_database(url, create=True)
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).write_bytes(_sqlite_file(tiers))
    else:
        _fill(engine, tiers)
    return engine


@cache
def _sqlite_file(tiers: int) -> bytes:
    return sqlite_file(lambda engine: _fill(engine, tiers))


def _fill(engine: Engine, tiers: int) -> None:
    create_base(engine)
    with writing(engine) as connection:
        _write_lists(connection)
        for number in range(1, tiers + 1):
            insert_tiers(
                connection, f"T{number:03}", f"Client {number}", at=LONG_AGO, CT_Ville="Lyon", N_Risque=1, CO_No=1
            )
        insert_tiers(connection, "SAL001", "Un salarié", kind=TiersType.EMPLOYEE, at=LONG_AGO)
        insert_tiers(connection, "URSSAF", "Un organisme", kind=TiersType.OTHER, at=LONG_AGO)


def insert_clients(connection: Connection, count: int, *, prefix: str = "T") -> None:
    """Clients T001.. in bulk, each with the delivery address Sage 100 makes with it, written long ago."""
    columns: dict[str, Any] = {"CT_Ville": "Lyon", "N_Risque": 1, "CO_No": 1}
    made = [new_tiers(f"{prefix}{n:03}", f"Client {n}", LONG_AGO, **columns) for n in range(1, count + 1)]
    first = next_number(connection, F_LIVRAISON.c.LI_No)
    connection.execute(insert(F_COMPTET), [one.tiers for one in made])
    connection.execute(insert(F_COMPTETG), [one.account for one in made])
    deliveries = [{**one.delivery, "LI_No": number} for number, one in enumerate(made, first)]
    connection.execute(insert(F_LIVRAISON), deliveries)


def _write_lists(connection: Connection) -> None:
    years = {f"D_{end}Exo{slot:02}": None for slot in range(1, 6) for end in ("Debut", "Fin")}
    for slot, year in ((1, 2025), (2, 2026)):
        years |= {f"D_DebutExo{slot:02}": dt.date(year, 1, 1), f"D_FinExo{slot:02}": dt.date(year, 12, 31)}  # type: ignore[dict-item]
    connection.execute(insert(P_DOSSIER).values(D_RaisonSoc="Société de démonstration", N_DeviseCompte=1, **years))
    connection.execute(insert(P_CATCOMPTA).values(CA_ComptaVen01="Ventes France", CA_ComptaVen03="Export"))
    connection.execute(
        insert(P_CRISQUE),
        [
            {"cbIndice": 1, "R_Intitule": "Bon client", "R_Type": 0},
            {"cbIndice": 2, "R_Intitule": "Contentieux", "R_Type": 2},
        ],
    )
    connection.execute(
        insert(P_REGLEMENT), [{"cbIndice": 1, "R_Intitule": "Virement"}, {"cbIndice": 2, "R_Intitule": "Chèque"}]
    )
    connection.execute(insert(P_TIERS).values(cbIndice=1, T_Numerotation=1, T_Lg=8, T_Racine="C"))
    for number, name in ((1, "Moreau"), (2, "Petit")):
        row = stamped(F_COLLABORATEUR, LONG_AGO, CO_No=number, CO_Nom=name, CO_Prenom="Dominique")
        connection.execute(insert(F_COLLABORATEUR), [row])


def add_term(connection: Connection, code: str, at: dt.datetime, **columns: Any) -> None:
    """A payment term of a tiers."""
    connection.execute(insert(F_REGLEMENTT), [stamped(F_REGLEMENTT, at, CT_Num=code, **columns)])


def add_invoice(
    connection: Connection, code: str, piece: str, day: dt.date, amount: float, at: dt.datetime, **columns: Any
) -> None:
    """A sales invoice of a tiers, FA unless said otherwise."""
    given = {"DO_Type": 6, "DO_Piece": piece, "DO_Date": day, "DO_Tiers": code, "DO_TotalHT": amount}
    connection.execute(insert(F_DOCENTETE), [stamped(F_DOCENTETE, at, **{**given, **columns})])


@dataclass
class Pulled:
    """What one pull brought: records by key and tombstones by key, for each entity set, and the calls it took."""

    records: dict[EntitySet, dict[str, Record]] = field(default_factory=lambda: {entity: {} for entity in EntitySet})
    tombstones: dict[EntitySet, dict[str, str]] = field(default_factory=lambda: {entity: {} for entity in EntitySet})
    calls: int = 0

    @property
    def tiers(self) -> dict[str, Record]:
        """The tiers, by code."""
        return self.records[EntitySet.TIERS]

    @property
    def gone(self) -> dict[str, str]:
        """The tombstones of tiers: the reason, by code."""
        return self.tombstones[EntitySet.TIERS]

    @property
    def turnover(self) -> dict[str, Record]:
        """The turnovers, by code."""
        return self.records[EntitySet.TURNOVER]

    @property
    def nothing(self) -> bool:
        """Whether nothing came."""
        return not any(self.records.values()) and not any(self.tombstones.values())


class Caller:
    """Reads a change log as an engine does: keeps the cursors, pulls until every set is at its end."""

    def __init__(
        self, engine: Engine, *, clock: Clock | None = None, options: Mapping[str, bool] | None = None
    ) -> None:
        self.clock = clock or Clock()
        self.cursors: dict[EntitySet, str] = dict.fromkeys(EntitySet, "")
        with writing(engine) as connection:
            create_side_tables(connection)
        self.log = ChangeLog(
            engine, CompanyWatch(Synchronise(**(options or {})), zone=ZONE), zone=ZONE, clock=self.clock
        )

    def pull(self, *, page_size: int = 500) -> Pulled:
        """Everything up to the end of every set."""
        pulled = Pulled()
        while True:
            pages = self.log.pages(list(self.cursors.items()), page_size)
            pulled.calls += 1
            for page in pages:
                self.cursors[page.entity] = page.cursor
                pulled.records[page.entity] |= {
                    _key(page.entity, one): one for one in map(_reader(page.entity), page.records)
                }
                pulled.tombstones[page.entity] |= dict(page.tombstones)
            if len(pages) == len(self.cursors) and all(page.at_end for page in pages):
                return pulled


def _reader(entity: EntitySet) -> Any:
    read = reader(STRUCTS[entity])
    return lambda xml: read(etree.fromstring(in_namespace(xml)))


def _key(entity: EntitySet, record: Record) -> str:
    return record.text("name" if entity is EntitySet.FREE_FIELDS else "code")
