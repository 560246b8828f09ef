"""What writing stands on: how the tiers of a base are read and locked, and the lists and people the rules must know.

Prepared for a base as it is, and looked at once for the transactions of one call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, Table, bindparam, select

from contracts.fields import Struct
from contracts.tables import ADDRESS, CONTACT, TIERS
from gateway.company import Company
from gateway.configuration import LANGUAGES, accounting_categories
from gateway.ledger import Found
from gateway.lists import labels
from gateway.mapping import KINDS, sources_in
from gateway.numbering import stored_code
from gateway.probe import Probe
from gateway.reader import TiersReader
from gateway.sage import (
    F_COLLABORATEUR,
    F_COMPTET,
    F_CONTACTT,
    F_LIVRAISON,
    P_CATTARIF,
    P_DEVISE,
    P_SERVICECPTA,
)
from gateway.settings import Synchronise
from gateway.values import Knowledge

NUMBERS: Mapping[Table, str] = {F_LIVRAISON: "LI_No", F_CONTACTT: "CT_No"}
"""The column that numbers the rows of a child table."""
_WRITTEN: Mapping[Table, tuple[Struct, ...]] = {
    F_COMPTET: (TIERS, ADDRESS),
    F_LIVRAISON: (ADDRESS,),
    F_CONTACTT: (CONTACT,),
}


@dataclass(frozen=True, kw_only=True)
class Readers:
    """How a tiers is read: with the version the change log tells, whole, whatever the options leave out (CRM-12), and locked."""

    told: TiersReader
    whole: TiersReader
    options: Synchronise
    locks: Mapping[Table, Select[tuple[object, ...]]]

    @classmethod
    def of(cls, company: Company, options: Synchronise, zone: ZoneInfo) -> Readers:
        """The readers for a base under those options; a dormant tiers has a version here in any case."""
        everything, wanted = Synchronise(), options.model_copy(update={"dormant": True})
        whole = TiersReader(company.probe, everything, company.lists, zone)
        told = whole if wanted == everything else TiersReader(company.probe, wanted, company.lists, zone)
        locks = {
            table: _lock(company.probe, table, structs)
            for table, structs in _WRITTEN.items()
            if company.probe.has(table.name)
        }
        return cls(told=told, whole=whole, options=options, locks=locks)

    def read(self, connection: Connection, code: str) -> Found | None:
        """The tiers whole, under the version the change log tells; None when there is no client or supplier of that code."""
        whole = self.whole.read_one(connection, code)
        if whole is None or whole.reason:
            return None
        told = whole if self.told is self.whole else self.told.read_one(connection, code)
        if told is None or told is whole:
            return told
        return Found(told.version, whole.xml.replace(f">{whole.version}</Version>", f">{told.version}</Version>", 1))


def _lock(probe: Probe, table: Table, structs: Iterable[Struct]) -> Select[tuple[object, ...]]:
    """The rows of a tiers in that table, nobody else's to write until the transaction ends: the columns a writer looks at."""
    sources = {source for struct in structs for source in sources_in(struct.fields, table).values()}
    wanted = {source.partition(".")[2] for source in sources} | {NUMBERS.get(table, "CT_Num")}
    query = select(*(known for known in probe.columns(table) if known.name in wanted))
    owned = query.where(table.c.CT_Num == bindparam("code"))
    return owned.with_for_update().with_hint(table, "WITH (UPDLOCK, HOLDLOCK)", "mssql")


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A base as one call found it."""

    company: Company
    readers: Readers
    lists: Mapping[str, frozenset[int]]
    representatives: frozenset[int]

    @classmethod
    def of(cls, connection: Connection, company: Company, readers: Readers) -> Ground:
        """The ground as this connection sees it."""
        return cls(
            company=company,
            readers=readers,
            lists=_lists(connection, company.probe),
            representatives=_representatives(connection, company.probe),
        )

    def knowledge(self, connection: Connection) -> Knowledge:
        """What the rules must know, asking that connection who is a tiers."""
        return Knowledge(
            probe=self.company.probe,
            lists=self.lists,
            representatives=self.representatives,
            is_tiers=lambda code: _is_tiers(connection, code),
        )


def _lists(connection: Connection, probe: Probe) -> Mapping[str, frozenset[int]]:
    return {
        "AccountingCategory": frozenset(accounting_categories(connection, probe)),
        "PriceCategory": frozenset(labels(connection, probe, P_CATTARIF, "CT_Intitule")),
        "Service": frozenset(labels(connection, probe, P_SERVICECPTA, "S_Intitule")),
        "Currency": frozenset({0, *labels(connection, probe, P_DEVISE, "D_Intitule")}),
        "Language": frozenset(map(int, LANGUAGES)),
    }


def _representatives(connection: Connection, probe: Probe) -> frozenset[int]:
    if not probe.has(F_COLLABORATEUR.name):
        return frozenset()
    return frozenset(connection.scalars(select(F_COLLABORATEUR.c.CO_No)))


def _is_tiers(connection: Connection, code: str) -> bool:
    stored = stored_code(connection, code)
    kind = select(F_COMPTET.c.CT_Type).where(F_COMPTET.c.CT_Num == stored)
    return stored is not None and connection.scalar(kind) in KINDS
