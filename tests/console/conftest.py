"""The console over a demonstration that is played once, and one browser for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.console.browser import chromium
from tests.console.prepared import Prepared, make_demo, prepared


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """The console over the demonstration. Tests share it: each changes only what no other one looks at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SYNCENGINE_HOME", raising=False)
        with prepared(make_demo(tmp_path_factory.mktemp("console") / "demo")) as found:
            yield found


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium. It ends with these tests: as long as Playwright is open, no other test of the process can run asyncio."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def demo_home(console: Prepared) -> Path:
    """Where the engine of the demonstration keeps its files."""
    return console.engine.settings.home
