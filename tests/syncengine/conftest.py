"""An engine set up in a folder of its own, on each of the two databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncengine.secrets import Secrets
from syncengine.settings import EngineSettings, settings_from
from syncengine.store import Store, open_store

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
