"""Both sides for real: a Sage 100 base, its gateway over HTTP, a proxy in between, and the engine as a user runs it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pydantic import SecretStr
from sqlalchemy import Connection, select, update
from sqlalchemy import Engine as Database

import syncengine.engine
from contracts.messages import EntitySet
from gateway.database import open_database, writing
from gateway.sage import F_COMPTET
from syncengine import integrations
from syncengine.cli import main
from syncengine.commands import sync as sync_command
from syncengine.cycle.cycle import run_cycle
from syncengine.cycle.pull import Patience
from syncengine.cycle.run import Report, Surroundings, utc_now
from syncengine.engine import Engine
from syncengine.errors import ExitCode
from syncengine.integration_draft import IntegrationDraft
from syncengine.logs import ENGINE_LOG, log_name
from syncengine.model import Account, Cursor, Cycle, CycleStatus, Integration, Link, SyncError, SyncErrorState
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from syncengine.storage.store import open_store
from syncengine.sync import synchronise
from tests.crm import trees
from tests.end_to_end.proxy import Proxy, Way, proxy, stalled
from tests.gateway.live import COMPANY, PASSWORD, USER, LiveGateway, live_gateway

PAGE = 8
BUSY_S = 0.3
LATER = timedelta(minutes=31)
"""When the parameters are refreshed again (CRM-06)."""
HASTE = Patience(attempts=3, first_s=0.02, longest_s=0.05)
"""Repeats as the real engine does, without its pauses."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended: its exit code, what was on screen, and the lines it added to the log file."""

    code: int
    stdout: str
    stderr: str
    log: list[dict[str, Any]]

    def told(self, code: str, exit_code: ExitCode) -> None:
        """Assert that the problem is on screen with its remedy, in the log, and in the exit code."""
        assert self.code == exit_code, self.stderr
        first, remedy = self.stderr.splitlines()[-2:]
        assert first.startswith(f"{code}: "), self.stderr
        assert remedy.startswith("  → "), self.stderr
        assert "Traceback" not in self.stderr
        logged = [line for line in self.log if line["level"] == "error"]
        assert {line["code"] for line in logged} == {code}
        assert all(line["reason"] and line["remedy"] for line in logged)
        assert PASSWORD not in self.stderr + self.stdout + json.dumps(self.log, ensure_ascii=False)


@dataclass(kw_only=True)
class Stand:
    """What a test acts on; ``ahead`` moves the engine's clock in ``cycle``."""

    sage: Database
    gateway: LiveGateway
    proxy: Proxy
    engine: Engine
    integration_id: int
    ahead: timedelta = field(default_factory=timedelta)

    def cycle(self, **around: Any) -> Report:
        """Run a cycle through the service layer, with a clock of its own."""
        given: dict[str, Any] = {"connect": self.connect, "clock": lambda: utc_now() + self.ahead, "patience": HASTE}
        return run_cycle(self.engine.store, self.integration_id, Surroundings(**(given | around)))

    def connect(self, integration: Integration) -> Any:
        """The engine's client, signed in."""
        return LiveGateway(url=integration.url, user=USER, password=PASSWORD, settings=self.gateway.settings).client(
            timeout_s=integration.timeout_s
        )

    def sync(self, *arguments: str) -> Ended:
        """Run ``syncengine sync`` as a user does."""
        before = len(self._log())
        out, err = io.StringIO(), io.StringIO()
        home = str(self.engine.settings.home)
        environment = {"SYNCENGINE_HOME": home, "SYNCENGINE_DATABASE_URL": self.engine.settings.database}
        with (
            patch.object(sys, "argv", ["syncengine", "sync", *arguments]),
            patch.dict("os.environ", {**environment, "COLUMNS": "200"}),
            patch.object(sync_command, "synchronise", partial(synchronise, patience=HASTE)),
            patch.object(syncengine.engine, "open_store", partial(open_store, busy_timeout_s=BUSY_S)),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return Ended(code=code, stdout=out.getvalue(), stderr=err.getvalue(), log=self._log()[before:])

    def _log(self) -> list[dict[str, Any]]:
        files = [self.engine.settings.logs / name for name in (log_name(self.integration_id), ENGINE_LOG)]
        lines = [line for file in files if file.exists() for line in file.read_text("utf-8").splitlines()]
        return [json.loads(line) for line in lines]

    def put(self, **columns: Any) -> None:
        """Change the integration record behind the rules."""
        with self.engine.store.writing() as session:
            session.execute(update(Integration).where(Integration.id == self.integration_id).values(**columns))

    def hurry(self, way: Way) -> None:
        """Shorten the time-out for what waits for it, once the gateway is warm: its first call takes longest."""
        if way is stalled:
            with self.gateway.client() as client:
                client.get_configuration()
            self.put(timeout_s=1)

    @contextmanager
    def erp(self) -> Iterator[Connection]:
        """A transaction of somebody working in the ERP."""
        with writing(self.sage) as connection:
            yield connection

    @property
    def codes(self) -> list[str]:
        """The codes of the clients and suppliers in the ERP, in order."""
        query = select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CT_Type.in_((0, 1))).order_by(F_COMPTET.c.cbMarq)
        with self.sage.connect() as connection:
            return list(connection.scalars(query))

    @property
    def accounts(self) -> set[str]:
        """The codes of the Accounts in the CRM."""
        with self.engine.store.reading() as session:
            return {str(code) for code in session.scalars(select(Account.code))}

    def errors(self, state: SyncErrorState = SyncErrorState.OPEN) -> dict[str, SyncError]:
        """The sync errors by key."""
        with self.engine.store.reading() as session:
            return {row.erp_key: row for row in session.scalars(select(SyncError).where(SyncError.state == state))}

    def last_cycle(self) -> Cycle:
        """The cycle recorded last."""
        with self.engine.store.reading() as session:
            return session.scalars(select(Cycle).order_by(Cycle.id.desc()).limit(1)).one()

    def cursors(self) -> dict[EntitySet, str]:
        """The stored cursors, all sets."""
        with self.engine.store.reading() as session:
            stored = {row.entity_set: row.cursor for row in session.scalars(select(Cursor))}
        return {entity: stored.get(entity.value, "") for entity in EntitySet}

    def still_to_come(self) -> set[str]:
        """The tiers that the gateway hands out after the stored cursors."""
        found: set[str] = set()
        cursors, ended = self.cursors(), False
        with self.gateway.client() as client:
            while not ended:
                page = client.get_change_log(cursors, page_size=500)
                for changes in page.change_sets:
                    cursors[changes.entity_set] = changes.next_cursor
                    if changes.entity_set is EntitySet.TIERS:
                        found |= {record.text("code") for record in changes.records}
                ended = len(page.change_sets) == len(EntitySet) and all(c.at_end for c in page.change_sets)
        return found

    def whole(self, undisturbed: dict[str, dict[str, Any]]) -> None:
        """Assert that each tiers is in the CRM as in an undisturbed run, in error, or still to come: nothing else (G8)."""
        found = trees(self.engine.store)
        for code, tree in found.items():
            assert _untimely(tree) == _untimely(undisturbed[code])
        with self.engine.store.reading() as session:
            linked = set(session.scalars(select(Link.erp_key)))
        assert linked == found.keys()
        assert found.keys() | self.errors().keys() | self.still_to_come() >= set(self.codes)

    def failed(self, code: str) -> None:
        """Assert that the last cycle is recorded as failed for that reason (CRM-10)."""
        cycle = self.last_cycle()
        assert (cycle.status, cycle.error_code) == (CycleStatus.FAILURE, code)
        assert cycle.ended_at is not None
        assert cycle.error_remedy


def _untimely(tree: dict[str, Any]) -> dict[str, Any]:
    # Turnover is a set of its own, which comes last.
    return {name: value for name, value in tree.items() if name != "turnover"}


@contextmanager
def stand(folder: Path, sage_file: Path, *, crm_url: str | None = None, **options: Any) -> Iterator[Stand]:
    """The whole over that Sage 100 base; the CRM base is an SQLite file unless a URL is given."""
    sage = open_database(f"sqlite:///{sage_file}")
    url = crm_url or f"sqlite:///{folder / 'crm.db'}"
    settings = settings_from({"home": folder / "home", "database_url": SecretStr(url)})
    store = open_store(url, busy_timeout_s=BUSY_S)
    engine = Engine(settings=settings, store=store, secrets=Secrets(settings))
    try:
        with live_gateway(sage, **({"page_size": PAGE} | options)) as gateway, proxy(gateway.url) as between:
            integration_id = _integration(engine, between.url)
            yield Stand(sage=sage, gateway=gateway, proxy=between, engine=engine, integration_id=integration_id)
    finally:
        store.close()
        sage.dispose()


def _integration(engine: Engine, url: str) -> int:
    draft = IntegrationDraft(url=url, company=COMPANY, erp_user=USER, erp_password=SecretStr(PASSWORD), timeout_s=10)
    with engine.store.writing() as session:
        record = integrations.create(session, draft, secrets=engine.secrets, multi=False, at=utc_now())
        integrations.activate(session, record.id, at=utc_now())
    return record.id
