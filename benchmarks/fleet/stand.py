"""A fleet: integrations of one CRM base, each with an ERP base and a gateway of its own, and people at work on both sides."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select, update

from benchmarks.crm import COMPANY, PASSWORD, USER, engine_settings, open_crm
from benchmarks.fleet.cycles import last_cycle
from benchmarks.fleet.erps import Erp, make_erps
from benchmarks.fleet.gateways import Gateways, gateways
from benchmarks.stand import databases, new_database
from syncengine import integrations
from syncengine.crm.edits import Act, edit_company
from syncengine.engine import Engine
from syncengine.integration_draft import IntegrationDraft
from syncengine.model import Account, Integration
from syncengine.secrets import Secrets
from syncengine.storage.store import Store

INTERVAL_MIN = 7 * 24 * 60
FAR = timedelta(days=6)
"""Within the interval: what is due later than that is taken for a clock's mistake, and made due at once."""
DURABLE: tuple[str, ...] = ("max_connections=200", "shared_buffers=512MB")
"""PostgreSQL as in production: what is committed is on the disk."""
NO_GUARDS: dict[str, dict[str, Any] | None] = dict.fromkeys(
    f"{side}.{action}" for side in ("crm", "erp") for action in ("create", "change", "deactivate")
)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Both sides, and who is due. ``ids`` and ``erps`` go together."""

    folder: Path
    engine: Engine
    ids: list[int]
    erps: list[Erp]
    gateways: Gateways
    server_pid: int | None

    @property
    def store(self) -> Store:
        """The CRM base."""
        return self.engine.store

    @property
    def database(self) -> str:
        """Its URL."""
        return self.store.url.render_as_string(hide_password=False)

    @property
    def environment(self) -> dict[str, str]:
        """Of the programs that serve it."""
        return os.environ | {
            "SYNCENGINE_HOME": str(self.engine.settings.home),
            "SYNCENGINE_DATABASE_URL": self.database,
        }

    def make_due(self, ids: Sequence[int]) -> tuple[datetime, int]:
        """All of these are due at once; since when, and which cycle was the last before."""
        last, at = last_cycle(self.store), self.store.clock()
        self.set(ids, due_at=at)
        return at, last

    def park(self) -> None:
        """Nothing is due for long."""
        self.set(self.ids, due_at=self.store.clock() + FAR)

    def set(self, ids: Sequence[int], **values: Any) -> None:
        """Write settings of these, as no service does."""
        with self.store.writing() as session:
            session.execute(update(Integration).where(Integration.id.in_(ids)).values(**values))

    def erp_of(self, integration_id: int) -> Erp:
        """The ERP base of an integration."""
        return self.erps[self.ids.index(integration_id)]

    def edit_crm(self, integration_id: int, codes: Sequence[str], **values: str) -> None:
        """Somebody changes the Companies of these tiers, through the service that everybody's edits go through."""
        with self.store.writing() as session:
            query = select(Account.company_id).where(
                Account.integration_id == integration_id, Account.code.in_(codes), Account.company_id.is_not(None)
            )
            for company_id in session.scalars(query).all():
                edit_company(session, int(company_id or 0), values, Act(at=self.store.clock(), by="claire"))

    def edit_both(self, ids: Sequence[int], *, each: int, word: str) -> None:
        """In each of these, as many tiers change in the ERP, and as many others in the CRM."""
        for number in ids:
            erp = self.erp_of(number)
            erp.edit(erp.codes[:each], CT_Contact=f"ERP {word}")
            self.edit_crm(number, erp.codes[each : 2 * each], web_site=f"www.{word}.example")


@contextmanager
def fleet(*, integrations_: int, tiers: int, store: str) -> Iterator[Fleet]:
    """Active integrations that were never synchronised; none is due."""
    with (
        tempfile.TemporaryDirectory(prefix="fleet-") as name,
        databases(store, Path(name), options=DURABLE) as where,
    ):
        folder = Path(name)
        erps = make_erps(folder, count=integrations_, tiers=tiers)
        with gateways(folder, integrations_) as serving:
            database = new_database(where, "crm")
            settings = engine_settings(folder, database)
            engine = Engine(settings=settings, store=open_crm(database), secrets=Secrets(settings))
            ids = _enter(engine, serving, integrations_)
            server = where[1]
            yield Fleet(
                folder=folder,
                engine=engine,
                ids=ids,
                erps=erps,
                gateways=serving,
                server_pid=server.pid if server is not None else None,
            )
            engine.store.close()
        for erp in erps:
            erp.close()


def _enter(engine: Engine, serving: Gateways, count: int) -> list[int]:
    ids = []
    with engine.store.writing() as session:
        at = engine.store.clock()
        for number in range(count):
            draft = IntegrationDraft(
                name=f"Fleet {number}",
                url=serving.url(number),
                company=COMPANY,
                erp_user=USER,
                erp_password=SecretStr(PASSWORD),
                timeout_s=120,
                interval_min=INTERVAL_MIN,
                guards=NO_GUARDS,
            )
            made = integrations.create(session, draft, secrets=engine.secrets, multi=True, at=at)
            integrations.activate(session, made.id, at=at)
            ids.append(made.id)
        session.execute(
            update(Integration).values(due_at=at + FAR, audit_due_at=None, turnover_due_at=None, daily_resync_at=None)
        )
    return ids
