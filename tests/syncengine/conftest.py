"""An engine set up in a folder of its own, on each of the two databases."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncengine.cli import main
from syncengine.secrets import Secrets
from syncengine.settings import EngineSettings, settings_from
from syncengine.storage.store import Store, open_store
from tests.crm_bases import CrmBases, lay
from tests.postgresql import PostgresqlServer
from tests.syncengine.commanding import Ran, Run

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def crm_bases(postgresql_server: PostgresqlServer) -> CrmBases:
    """CRM bases on the server of this test process."""
    return CrmBases(server=postgresql_server)


@pytest.fixture
def crm_on_sqlite(sqlite_url: str) -> str:
    """The URL of a CRM base with its tables and nothing entered, as a file."""
    return lay(sqlite_url)


@pytest.fixture
def crm_on_postgresql(crm_bases: CrmBases) -> Iterator[str]:
    """The same on PostgreSQL."""
    with crm_bases.lent() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a CRM base with its tables and nothing entered: every test that asks for it runs on both databases."""
    url: str = request.getfixturevalue(f"crm_on_{request.param}")
    return url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty CRM base."""
    opened = open_store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    """Settings whose home is empty."""
    return settings_from({"home": tmp_path / "home"})


@pytest.fixture
def secrets(settings: EngineSettings) -> Secrets:
    """Secrets with a key file of their own."""
    return Secrets(settings)


@pytest.fixture
def run(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs commands on that base; the home is the one of ``world``, and nobody sits at a terminal."""
    monkeypatch.setenv("SYNCENGINE_HOME", str(tmp_path / "engine"))
    monkeypatch.setenv("SYNCENGINE_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def command(*arguments: str) -> Ran:
        monkeypatch.setattr("sys.argv", ["syncengine", *arguments])
        capsys.readouterr()  # what the gateway said before
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        return Ran(code=code, out=told.out, err=told.err)

    return command
