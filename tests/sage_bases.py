"""Bases of Sage 100 made once in each test process and copied: most tests need one, and few need one of their own making."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from gateway.database import open_database
from gateway.demo import build_base
from tests.gateway.live import COMPANY


def demonstration(file: Path, *, tiers: int, documents: float = 0.0) -> Engine:
    """A clean demonstration base of that many tiers in a new file."""
    file.write_bytes(_demonstration(tiers, documents))
    return open_database(f"sqlite:///{file}")


@cache
def _demonstration(tiers: int, documents: float) -> bytes:
    return sqlite_file(
        lambda base: build_base(base, tiers=tiers, company=COMPANY, dirt=False, documents_per_tiers=documents)
    )


def sqlite_file(fill: Callable[[Engine], object]) -> bytes:
    """The SQLite file of a base filled like that."""
    with tempfile.TemporaryDirectory(prefix="sage-") as folder:
        file = Path(folder) / "sage.db"
        base = open_database(f"sqlite:///{file}", create=True)
        fill(base)
        base.dispose()
        return file.read_bytes()
