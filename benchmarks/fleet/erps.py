"""The ERP bases of a fleet: each integration has one of its own, a copy of one template, and people who work in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from benchmarks.crm import COMPANY
from gateway.database import open_database, reading, writing
from gateway.demo import build_base
from gateway.demo.edits import edit_tiers
from gateway.sage import F_COMPTET
from tests.syncengine.sides import Tiers, in_erp


@dataclass(kw_only=True)
class Erp:
    """One ERP base in an SQLite file."""

    file: Path
    codes: tuple[str, ...] = field(default=())

    @property
    def url(self) -> str:
        """As the gateway's settings have it."""
        return f"sqlite:///{self.file}"

    @cached_property
    def base(self) -> Engine:
        """The base, opened."""
        return open_database(self.url)

    def edit(self, codes: Sequence[str], **columns: Any) -> None:
        """Somebody changes these tiers."""
        with writing(self.base) as connection:
            for code in codes:
                edit_tiers(connection, code, **columns)

    def holds(self) -> dict[str, Tiers]:
        """Its clients and suppliers, by code."""
        with reading(self.base) as connection:
            return in_erp(connection)

    def value(self, code: str, column: str) -> Any:
        """One value of a tiers."""
        with reading(self.base) as connection:
            return connection.scalar(select(F_COMPTET.c[column]).where(F_COMPTET.c.CT_Num == code))

    def close(self) -> None:
        """Let go of the file."""
        if "base" in self.__dict__:
            self.base.dispose()


def make_erps(folder: Path, *, count: int, tiers: int) -> list[Erp]:
    """As many bases of as many clients and suppliers."""
    template = Erp(file=folder / "template.db")
    engine = open_database(template.url, create=True)
    build_base(engine, tiers=tiers, company=COMPANY, dirt=False, documents_per_tiers=0.5)
    with reading(engine) as connection:
        codes = tuple(sorted(in_erp(connection)))
    engine.dispose()
    content = template.file.read_bytes()
    erps = [Erp(file=folder / f"erp-{number}.db", codes=codes) for number in range(count)]
    for erp in erps:
        erp.file.write_bytes(content)
    return erps
