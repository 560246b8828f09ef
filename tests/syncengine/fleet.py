"""Several integrations of one CRM base, due at once, and services that run their cycles: real ones, over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select, text, update

from gateway.database import open_database
from gateway.demo import build_base
from syncengine import integrations
from syncengine.engine import Engine
from syncengine.model import Cycle, Integration
from syncengine.secrets import Secrets
from syncengine.service.jobs import JOBS
from syncengine.service.serve import Options, Service
from syncengine.settings import settings_from
from syncengine.storage.queue_tables import NAMES
from syncengine.storage.store import Dialect, open_store
from tests.gateway.live import COMPANY, LiveGateway, live_gateway
from tests.syncengine.records import draft

LIMIT_S = 30.0


@dataclass(kw_only=True)
class Fleet:
    """The integrations by number, and the engine that serves them."""

    engine: Engine
    gateway: LiveGateway
    ids: list[int]

    def make_due(self, at: datetime | None = None) -> None:
        """All of them are due now, or since an instant."""
        with self.engine.store.writing() as session:
            session.execute(update(Integration).values(due_at=at or self.engine.store.clock()))

    def cycles(self) -> list[Cycle]:
        """What ran, in order."""
        with self.engine.store.reading() as session:
            return list(session.scalars(select(Cycle).order_by(Cycle.id)))

    def integration(self, number: int) -> Integration:
        """One of them, as it is now."""
        with self.engine.store.reading() as session:
            return session.get_one(Integration, number)

    def has_ended(self, wanted: int) -> bool:
        """Whether as many cycles have ended."""
        return sum(cycle.ended_at is not None for cycle in self.cycles()) == wanted

    def overlaps(self) -> list[tuple[int, int]]:
        """Cycles of one integration of which the second began before the first had ended."""
        ran: dict[int, list[Cycle]] = {}
        for cycle in self.cycles():
            ran.setdefault(cycle.integration_id, []).append(cycle)
        return [
            (one.id, other.id)
            for of_one in ran.values()
            for one, other in pairwise(sorted(of_one, key=lambda cycle: cycle.started_at))
            if one.ended_at is None or other.started_at < one.ended_at
        ]

    def service(self, engine: Engine | None = None, **options: Any) -> Service:
        """A service over that base that has not begun."""
        said: dict[str, Any] = {
            "concurrency": 2,
            "tick_s": 0.05,
            "grace_s": 20.0,
            "host": "127.0.0.1",
            "port": None,
            "whole": False,
        }
        jobs = options.pop("jobs", JOBS)
        return Service(engine or self.engine, Options(**(said | options)), jobs=jobs)

    @contextmanager
    def serving(self, engine: Engine | None = None, **options: Any) -> Iterator[Service]:
        """A service at work in a thread while the block lasts."""
        service = self.service(engine, **options)
        thread = threading.Thread(target=service.run, daemon=True)
        thread.start()
        assert service.started.wait(LIMIT_S)
        try:
            yield service
        finally:
            if not service.stopping:
                service.stop()
            thread.join(LIMIT_S)
            assert not thread.is_alive(), "the service did not stop"

    @contextmanager
    def another(self) -> Iterator[Engine]:
        """The same base opened a second time, as another process does."""
        url = self.engine.store.url.render_as_string(hide_password=False)
        store = open_store(url)
        try:
            yield Engine(settings=self.engine.settings, store=store, secrets=Secrets(self.engine.settings))
        finally:
            store.close()


def until(condition: Callable[[], object], *, limit_s: float = LIMIT_S) -> None:
    """Wait for something that happens in another thread or process."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@contextmanager
def fleet(folder: Path, url: str, *, size: int, tiers: int = 2, **options: Any) -> Iterator[Fleet]:
    """Active integrations of one small ERP base, none of them due; ``options`` are the gateway's."""
    sage = open_database(f"sqlite:///{folder / 'sage.db'}", create=True)
    build_base(sage, tiers=tiers, company=COMPANY, dirt=False, documents_per_tiers=1.0)
    with live_gateway(sage, **options) as gateway:
        settings = settings_from({"home": folder / "engine"})
        store = open_store(url, pool=20)
        _empty_queue(store)
        secrets = Secrets(settings)
        entered = partial(
            draft, company=COMPANY, url=gateway.url, erp_user=gateway.user, erp_password=SecretStr(gateway.password)
        )
        with store.writing() as session:
            at = store.clock()
            ids = [
                integrations.create(session, entered(name=f"I{number}"), secrets=secrets, multi=True, at=at).id
                for number in range(size)
            ]
            for number in ids:
                integrations.activate(session, number, at=at)
            # Cycles alone, and when a test says so; not beyond the interval, which would be a clock's mistake and made due at once.
            session.execute(update(Integration).values(due_at=at + timedelta(minutes=50), audit_due_at=None))
        try:
            yield Fleet(engine=Engine(settings=settings, store=store, secrets=secrets), gateway=gateway, ids=ids)
        finally:
            store.close()
    sage.dispose()


def _empty_queue(store: Any) -> None:
    """A base that another test used may still hold its tickets."""
    if store.dialect is Dialect.POSTGRESQL:
        with store.writing() as session:
            session.execute(text(f"TRUNCATE {NAMES.qualified.queue_table}"))
