"""Engines that know the SQL of those before them: every test opens new ones, and compiling its SQL took a third of all time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.util import LRUCache

STATEMENTS = 5_000


def warm_engines() -> None:
    """From now on each side's engines share their dialect, and with it the SQL compiled, with the first of its kind."""
    for name in ("gateway.database.create_engine", "syncengine.storage.store.create_engine"):
        patch(name, _shared(create_engine)).start()


def _shared(create: Callable[..., Engine]) -> Callable[..., Engine]:
    first: dict[str, Engine] = {}

    def create_warm(url: URL, **options: Any) -> Engine:
        engine = create(url, **options)
        kind = engine.dialect.name
        if kind in first:
            engine.dialect, engine._compiled_cache = first[kind].dialect, first[kind]._compiled_cache
        else:
            engine._compiled_cache = LRUCache(STATEMENTS)
            # Not before: with its first connection it learns what its server can do.
            event.listen(engine, "first_connect", lambda *_: first.setdefault(kind, engine))
        return engine

    return create_warm
