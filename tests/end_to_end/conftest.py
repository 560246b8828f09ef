"""A Sage 100 base made once per test process and copied for each test, and what an undisturbed run makes of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.database import open_database
from gateway.demo import build_base
from syncengine.model import CycleStatus
from syncengine.storage.store import open_store
from tests.crm import Dump, dump, trees
from tests.end_to_end.stand import Stand, stand
from tests.gateway.live import COMPANY

TIERS = 30


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """The CRM base after a run that nothing disturbed: table by table, and as one tree per tiers."""

    dump: Dump
    trees: dict[str, dict[str, Any]]


def settled(made: Stand, undisturbed: Undisturbed) -> None:
    """Assert that the CRM is as if all had been right from the start, and that no error is open."""
    assert made.errors() == {}
    assert trees(made.engine.store) == undisturbed.trees


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean base that no gateway has opened yet."""
    file = tmp_path_factory.mktemp("sage") / "sage.db"
    base = open_database(f"sqlite:///{file}", create=True)
    build_base(base, tiers=TIERS, company=COMPANY, dirt=False, documents_per_tiers=1.0)
    base.dispose()
    return file


@pytest.fixture(scope="session")
def undisturbed(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """What every disturbed run must end in once the cause is gone."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with stand(folder, Path(shutil.copy(template, folder))) as made:
        report = made.cycle()
        assert (report.status, report.counts.arrived) == (CycleStatus.SUCCESS, TIERS)
        return Undisturbed(dump=dump(made.engine.store), trees=trees(made.engine.store))


@pytest.fixture(scope="session")
def empty_crm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CRM base with its tables and nothing in it: making them takes longer than most tests."""
    file = tmp_path_factory.mktemp("crm") / "crm.db"
    open_store(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def sage_file(template: Path, empty_crm: Path, tmp_path: Path) -> Path:
    """A copy of the base, an empty CRM base beside it."""
    shutil.copy(empty_crm, tmp_path)
    return Path(shutil.copy(template, tmp_path))


@pytest.fixture
def made(tmp_path: Path, sage_file: Path) -> Iterator[Stand]:
    """Both sides, the CRM base on SQLite, nothing synchronised yet."""
    with stand(tmp_path, sage_file) as ready:
        yield ready


@pytest.fixture
def made_on_both(tmp_path: Path, sage_file: Path, database_url: str) -> Iterator[Stand]:
    """The same, the CRM base on SQLite and on PostgreSQL."""
    with stand(tmp_path, sage_file, crm_url=database_url) as ready:
        yield ready
