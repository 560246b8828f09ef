"""Both bases at the end of the busy day, lived once and used up many times: copies of two files cost less than the day."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Engine, event, select

from gateway.database import open_database
from syncengine.model import Base
from syncengine.storage.store import open_store
from tests.crm import HISTORY, TIMES
from tests.syncengine import busy_day
from tests.syncengine.mortal import Gateways, gateways
from tests.syncengine.world import ERP_TABLES, ERP_TIMES, World, world

State: TypeAlias = dict[str, "Counter[Any]"]
APART = HISTORY | {"outbox"}
PAGE = 5
"""Small: a busy day has several pages."""


@dataclass(frozen=True, kw_only=True)
class Evening:
    """Both bases as files."""

    folder: Path
    integration_id: int
    server: Gateways
    _number: Iterator[int] = field(default_factory=count)

    @contextmanager
    def again(self) -> Iterator[World]:
        """Both bases once more, each in a copy, behind a gateway that knows nothing but its base."""
        folder = self.folder.parent / f"copy-{next(self._number)}"
        shutil.copytree(self.folder, folder)
        sage, store = open_database(f"sqlite:///{folder / 'sage.db'}"), open_store(f"sqlite:///{folder / 'crm.db'}")
        hasten(sage)
        hasten(store.engine)
        gateway = self.server.serve(sage)
        try:
            yield World(sage=sage, gateway=gateway, store=store, integration_id=self.integration_id, page_size=PAGE)
        finally:
            store.close()
            sage.dispose()
            shutil.rmtree(folder)


@contextmanager
def lived(folder: Path, day: Callable[[World], None] = busy_day.happens) -> Iterator[Evening]:
    """Live that day after the night before; its bases are at hand while the block lasts."""
    bases = folder / "evening"
    bases.mkdir()
    with world(bases, f"sqlite:///{bases / 'crm.db'}", tiers=2, documents=0) as made:
        hasten(made.sage)
        hasten(made.store.engine)
        made.page_size = PAGE
        busy_day.night_before(made)
        day(made)
        integration_id = made.integration_id
    with gateways() as server:
        yield Evening(folder=bases, integration_id=integration_id, server=server)


def hasten(engine: Engine) -> None:
    """Not a word to the disk from now on: processes die in these tests, the machine does not."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
        engine.dispose()


def state(made: World) -> State:
    """What both bases hold, table by table: every row, without what only tells when."""
    found: State = {}
    with made.store.reading() as session:
        for table in Base.metadata.sorted_tables:
            if table.name not in APART:
                apart = TIMES | ({"id"} if table.name == "journal" else set())
                columns = [column for column in table.columns if column.name not in apart]
                found[table.name] = Counter(_plain(row) for row in session.execute(select(*columns)))
    with made.erp() as connection:
        for table in ERP_TABLES:
            known = [column for column in table.columns if column.name not in ERP_TIMES]
            found[table.name] = Counter(_plain(row) for row in connection.execute(select(*known)))
    return found


def _plain(row: Any) -> tuple[Any, ...]:
    # Of an instant, only whether there is one.
    return tuple(
        isinstance(value, datetime) or (repr(value) if isinstance(value, (dict, list)) else value) for value in row
    )


def differences(expected: State, found: State) -> dict[str, Any]:
    """What is missing and what is too much, by table; empty when both are one."""
    return {
        name: {"missing": rows - found[name], "too much": found[name] - rows}
        for name, rows in expected.items()
        if rows != found[name]
    }
