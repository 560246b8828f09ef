"""The API over an engine on each of the two databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from syncengine.engine import Engine
from syncengine.settings import EngineSettings, settings_from
from syncengine.storage.store import open_store
from tests.api.clients import engine_over, nobody, person
from tests.api.hashing import quick_hashes
from tests.syncengine.conftest import crm_bases, crm_on_postgresql, crm_on_sqlite, database_url

__all__ = ["crm_bases", "crm_on_postgresql", "crm_on_sqlite", "database_url", "quick_hashes"]


class Clock:
    """The time of the application, which a test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Now."""
        return self.at

    def later(self, **delta: float) -> None:
        """Let time pass."""
        self.at += timedelta(**delta)


@pytest.fixture
def clock() -> Clock:
    """What time it is."""
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    """Settings whose home is empty."""
    return settings_from({"home": tmp_path / "home"})


@pytest.fixture
def engine(database_url: str, settings: EngineSettings) -> Iterator[Engine]:
    """An engine over an empty base, on SQLite and on PostgreSQL."""
    store = open_store(database_url)
    yield engine_over(store, settings)
    store.close()


@pytest.fixture
def lone_engine(crm_on_sqlite: str, settings: EngineSettings) -> Iterator[Engine]:
    """As ``engine``, on SQLite alone: for what no base takes part in."""
    store = open_store(crm_on_sqlite)
    yield engine_over(store, settings)
    store.close()


@pytest.fixture
def app(engine: Engine, clock: Clock) -> FastAPI:
    """The application."""
    return create_app(engine, clock=clock)


@pytest.fixture
def lone_app(lone_engine: Engine, clock: Clock) -> FastAPI:
    """The application on SQLite alone."""
    return create_app(lone_engine, clock=clock)


@pytest.fixture
def admin(app: FastAPI) -> TestClient:
    """An administrator who is signed in."""
    return person(app, "admin", administrator=True)


@pytest.fixture
def anonymous(app: FastAPI) -> TestClient:
    """Somebody who is not signed in."""
    return nobody(app)
