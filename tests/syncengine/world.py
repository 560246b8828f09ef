"""Both sides together: a Sage 100 base behind its real gateway, and a CRM base with an active integration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Column, Connection, Engine, Select, Table, select, update

from contracts.client import GatewayClient
from gateway.clock import wall_clock
from gateway.database import writing
from gateway.sage import F_COMPTET, F_COMPTETG, F_CONTACTT, F_LIVRAISON
from syncengine import integrations
from syncengine.cycle.act import Act
from syncengine.cycle.cycle import preview_cycle, run_cycle
from syncengine.cycle.pull import PATIENCE, Patience
from syncengine.cycle.run import DIFFERENTIAL, Order, Report, Surroundings, utc_now
from syncengine.integration_draft import IntegrationDraft
from syncengine.model import Base, JournalEntry, Plan
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from syncengine.storage.store import Store, open_store
from tests.crm_bases import lay
from tests.gateway.live import COMPANY, LiveGateway, live_gateway
from tests.sage_bases import demonstration
from tests.syncengine.records import draft

DATA = ("companies", "accounts", "addresses", "contacts", "phones", "emails", "ca_realise")
ERP_TABLES = (F_COMPTET, F_COMPTETG, F_LIVRAISON, F_CONTACTT)
ERP_TIMES = {"cbMarq", "cbModification", "cbCreation"}
CHILD_TABLES = ("addresses", "contacts", "phones", "emails")
Rows: TypeAlias = dict[str, list[str]]
UNJOURNALLED = {"updated_at", "position", "is_default", "default_address_id", "company_id", "account_id"}
ENTITY = {"companies": "company", "accounts": "account", "addresses": "address", "contacts": "contact"}


@dataclass(kw_only=True)
class Clock:
    """The ERP's clock, which a test sets."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def wall(self) -> datetime:
        """What somebody in the ERP sees."""
        return wall_clock() + self.ahead


@dataclass(kw_only=True)
class World:
    """What a test acts on; ``ahead`` moves the engine's clock, ``connect`` stands between it and the gateway."""

    sage: Engine
    gateway: LiveGateway
    store: Store
    integration_id: int
    page_size: int | None = None
    ahead: timedelta = timedelta()
    watched: list[Any] = field(default_factory=list)
    connect: Callable[[], GatewayClient] | None = None
    patience: Patience = PATIENCE

    @property
    def around(self) -> Surroundings:
        """What its cycles meet the world through: HTTP."""
        return Surroundings(
            connect=lambda _integration: (self.connect or self.gateway.client)(),
            clock=self.now,
            watch=self.watched.append,
            page_size=self.page_size,
            patience=self.patience,
        )

    def cycle(self, order: Order = DIFFERENTIAL) -> Report:
        """Run a cycle of the engine over HTTP."""
        return run_cycle(self.store, self.integration_id, self.around, order)

    def preview(self, order: Order = DIFFERENTIAL) -> Plan:
        """The plan of what a cycle would do."""
        number = preview_cycle(self.store, self.integration_id, self.around, order)
        with self.store.reading() as session:
            return session.get_one(Plan, number)

    def set(self, **settings: Any) -> None:
        """Settings of the integration, as somebody would change them while it is deactivated."""
        table = Base.metadata.tables["integrations"]
        with self.store.writing() as session:
            session.execute(update(table).where(table.c.id == self.integration_id).values(**settings))

    def now(self) -> datetime:
        """The engine's time."""
        return utc_now() + self.ahead

    def later(self, **delta: float) -> None:
        """Let time pass for the engine."""
        self.ahead += timedelta(**delta)

    def act(self) -> Act:
        """Somebody at work in the CRM, now."""
        return Act(at=self.now(), by="claire")

    @contextmanager
    def erp(self) -> Iterator[Connection]:
        """A transaction of somebody working in the ERP."""
        with writing(self.sage) as connection:
            yield connection

    def erp_row(self, code: str) -> dict[str, Any]:
        """The row of a tiers in the ERP."""
        with self.erp() as connection:
            return dict(connection.execute(select(F_COMPTET).where(F_COMPTET.c.CT_Num == code)).mappings().one())

    def column(self, column: Column[Any], code: str) -> AbstractSet[Any]:
        """The values of a column of the ERP in the rows of a tiers."""
        with self.erp() as connection:
            return set(connection.scalars(select(column).where(column.table.c.CT_Num == code)))

    def erp_dump(self, *, without: Iterable[Table] = ()) -> Rows:
        """Every row of the tiers and their children in the ERP, without what only tells when."""
        found: Rows = {}
        with self.erp() as connection:
            for table in (table for table in ERP_TABLES if table not in set(without)):
                columns = [column for column in table.columns if column.name not in ERP_TIMES]
                found[table.name] = sorted(map(repr, connection.execute(select(*columns))))
        return found

    def children_dump(self, code: str) -> Rows:
        """Every address, contact, phone and e-mail of a tiers in the CRM."""
        return {table: [repr(row) for row in self.children(table, code)] for table in CHILD_TABLES}

    def rows(self, table: str, **wanted: Any) -> list[dict[str, Any]]:
        """Rows of the CRM base, in order of key."""
        of, query = Base.metadata.tables[table], _rows_of(table)
        if wanted:
            query = query.where(*(of.c[name] == value for name, value in wanted.items()))
        with self.store.reading() as session:
            return [dict(row) for row in session.execute(query).mappings()]

    def account(self, code: str) -> dict[str, Any]:
        """The one Account of a tiers."""
        (row,) = self.rows("accounts", code=code)
        return row

    def company(self, code: str) -> dict[str, Any]:
        """The one Company of a tiers."""
        (row,) = self.rows("companies", id=self.account(code)["company_id"])
        return row

    def children(self, table: str, code: str) -> list[dict[str, Any]]:
        """Addresses, contacts, phones or e-mails of a tiers."""
        return self.rows(table, account_id=self.account(code)["id"])

    def cells(self) -> dict[tuple[str, int, str], Any]:
        """Every value of the records that people see, by table, id and column."""
        return {
            (table, row["id"], column): value
            for table in ENTITY
            for row in self.rows(table)
            for column, value in row.items()
            if column not in UNJOURNALLED
        }

    def journal(self, report: Report) -> list[JournalEntry]:
        """The lines a cycle wrote."""
        with self.store.reading() as session:
            return list(session.scalars(select(JournalEntry).where(JournalEntry.cycle_id == report.cycle_id)))


@cache
def _rows_of(table: str) -> Select[Any]:
    of = Base.metadata.tables[table]
    return select(of).order_by(*of.primary_key)


def unexplained(before: dict[Any, Any], after: dict[Any, Any], lines: list[JournalEntry]) -> list[Any]:
    """Values replaced or removed between two states of the CRM without their former value in the journal (G3)."""
    told = {(line.entity, line.record_id, line.field, line.before) for line in lines}
    gone = {(line.entity, line.record_id) for line in lines if line.after is None and not line.field}
    # SQLite gives the id of a row that is gone to another one.
    made = {(line.entity, line.record_id) for line in lines if line.before is None and not line.field}
    missing = []
    for (table, row_id, column), value in before.items():
        entity, now = ENTITY[table], after.get((table, row_id, column), _GONE)
        if now == value or ((entity, row_id) in gone and (now is _GONE or (entity, row_id) in made)):
            continue
        pairs = _free_pairs(value, now) if column == "free_values" else [(column, value)]
        missing += [(table, row_id, name, old) for name, old in pairs if (entity, row_id, name, _text(old)) not in told]
    return missing


_GONE = object()


def _free_pairs(before: Any, after: Any) -> list[tuple[str, Any]]:
    old, new = before or {}, after or {}
    return [(name, old.get(name)) for name in old.keys() | new.keys() if old.get(name) != new.get(name)]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return {True: "true", False: "false"}.get(value, str(value))


@contextmanager
def world(folder: Path, crm_url: str, *, tiers: int = 12, documents: float = 1.0, **options: Any) -> Iterator[World]:
    """A clean demonstration base, its gateway, and an integration that has not run yet."""
    folder.mkdir(exist_ok=True)
    sage = demonstration(folder / "sage.db", tiers=tiers, documents=documents)
    with live_gateway(sage, **options) as gateway, crm(folder, crm_url, gateway) as (store, integration_id):
        yield World(sage=sage, gateway=gateway, store=store, integration_id=integration_id)
    sage.dispose()


@contextmanager
def crm(folder: Path, url: str, gateway: LiveGateway) -> Iterator[tuple[Store, int]]:
    """An empty CRM base with an active integration for that gateway."""
    settings = settings_from({"home": folder / "engine"})
    store = open_store(lay(url))
    with store.writing() as session:
        entered: IntegrationDraft = draft(company=COMPANY, url=gateway.url)
        record = integrations.create(session, entered, secrets=Secrets(settings), multi=False, at=utc_now())
        integrations.activate(session, record.id, at=utc_now())
    try:
        yield store, record.id
    finally:
        store.close()
