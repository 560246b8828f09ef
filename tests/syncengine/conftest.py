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
from tests.syncengine.commanding import Ran, Run

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


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
