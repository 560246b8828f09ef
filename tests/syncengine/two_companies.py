"""Two companies of Sage 100, each with its gateway, in one CRM base (CRM-62)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gateway.database import open_database
from gateway.demo import build_base
from syncengine import integrations
from syncengine.cycle.run import utc_now
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from syncengine.storage.store import Store, open_store
from tests.gateway.live import live_gateway
from tests.syncengine.records import draft
from tests.syncengine.world import World

COMPANIES = ("Première société", "Seconde société")


@contextmanager
def two_companies(folder: Path, url: str, *, tiers: tuple[int, int] = (3, 3)) -> Iterator[tuple[World, World]]:
    """Demonstration bases of that many tiers with their integrations in one CRM base; none has run yet."""
    store = open_store(url)
    with ExitStack() as stack:
        stack.callback(store.close)
        first, second = (
            stack.enter_context(_company(folder / f"{number}", store, company, count))
            for number, (company, count) in enumerate(zip(COMPANIES, tiers, strict=True), 1)
        )
        yield first, second


@contextmanager
def _company(folder: Path, store: Store, company: str, tiers: int) -> Iterator[World]:
    folder.mkdir()
    sage = open_database(f"sqlite:///{folder / 'sage.db'}", create=True)
    build_base(sage, tiers=tiers, company=company, dirt=False, documents_per_tiers=0)
    secrets = Secrets(settings_from({"home": folder / "engine"}))
    with live_gateway(sage, company=company) as gateway:
        with store.writing() as session:
            entered = draft(name=company.split(maxsplit=1)[0], company=company, url=gateway.url)
            record = integrations.create(session, entered, secrets=secrets, multi=True, at=utc_now())
            integrations.activate(session, record.id, at=utc_now())
        yield World(sage=sage, gateway=gateway, store=store, integration_id=record.id)
    sage.dispose()


def of(made: World, table: str, **wanted: Any) -> list[dict[str, Any]]:
    """Rows of that integration."""
    return made.rows(table, integration_id=made.integration_id, **wanted)


def account(made: World, code: str) -> dict[str, Any]:
    """The one Account of a tiers of that company."""
    (row,) = of(made, "accounts", code=code)
    return row
