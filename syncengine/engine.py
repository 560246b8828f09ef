"""The engine opened for a command or a service: its settings, its base, its secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import Problem
from syncengine.logs import record
from syncengine.observer import Observer
from syncengine.rtdv.line import Lines
from syncengine.secrets import Secrets
from syncengine.settings import EngineSettings, load_settings
from syncengine.storage.store import Store, open_store


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What everything the engine does starts from; ``observer`` is told of it, ``lines`` lead to the ERPs that are read live."""

    settings: EngineSettings
    store: Store
    secrets: Secrets
    observer: Observer = field(default_factory=Observer)
    lines: Lines = field(default_factory=Lines, compare=False)


@contextmanager
def opened(*, check: bool = True, **said: Any) -> Iterator[Engine]:
    """The engine as the environment and ``syncengine.toml`` set it up, closed at the end; ``said`` are settings that go before.

    Raises SettingsInvalid and the DatabaseProblems of ``open_store``, which are logged too; ``check`` is passed to it.
    """
    settings = load_settings().model_copy(update={name: value for name, value in said.items() if value is not None})
    try:
        store = open_store(settings.database, check=check, pool=settings.pool_size)
    except Problem as problem:
        record(settings, problem)
        raise
    engine = Engine(settings=settings, store=store, secrets=Secrets(settings))
    try:
        yield engine
    finally:
        engine.lines.close()
        store.close()
