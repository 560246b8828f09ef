"""The databases the tests run on: SQLite files, and a real PostgreSQL started once per test process."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from sqlalchemy import Engine

from gateway.database import open_database
from tests.postgresql import PostgresqlServer
from tests.warm import warm_engines

# Examples are quick to find and quick to read; shrinking one over two processes and HTTP takes minutes: `long` does it.
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
settings.register_profile("default", deadline=None, phases=QUICK)
settings.register_profile("ci", deadline=None, phases=QUICK, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))

warm_engines()


def pytest_collection_finish() -> None:
    """What is imported stays: the collector need not look at it again and again, nor as often as for a small program."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 50)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'base.db'}"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """The server of this test process (each xdist worker has its own)."""
    server = PostgresqlServer()
    yield server
    server.stop()


@pytest.fixture
def postgresql_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, dropped after the test."""
    url = postgresql_server.new_database()
    yield url
    postgresql_server.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database: every test that asks for it runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def sage_engine(database_url: str) -> Iterator[Engine]:
    """An empty database opened as a Sage 100 base, on SQLite and on PostgreSQL; closed after the test."""
    engine = open_database(database_url, create=True)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    """As `sage_engine`, on SQLite alone: for what only it lets happen."""
    engine = open_database(sqlite_url, create=True)
    yield engine
    engine.dispose()
