"""How the installation stands: versions, base, key, log folder, workers, and what waits for them."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from contracts.errors import Problem
from contracts.messages import CONTRACT_VERSION
from syncengine.engine import Engine
from syncengine.model import (
    AlertChannel,
    Cycle,
    Delivery,
    DeliveryState,
    Integration,
    IntegrationState,
    RunRequest,
    RunState,
)
from syncengine.storage.schema import SchemaState, SchemaStatus, schema_status

PACKAGE: Final = "crm-sage100-sync"
LATE: Final = timedelta(minutes=2)
"""What waits longer than this for a worker says that none is at work."""
SEEN: Final = timedelta(hours=24)
_OK: Final = "ok"
_CYCLES: Final = 5_000  # the newest ones tell who works; a large base has millions


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A process that runs cycles: host and process number, how many it runs now, when it last began one."""

    name: str
    running: int
    last_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that has to be well: 'ok', or a word for what is wrong, with what to do."""

    name: str
    state: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is well."""
        return self.state == _OK


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What waits: integrations due and runs asked for, the oldest since ``oldest_at``; messages of alerts."""

    due: int
    runs: int
    deliveries: int
    oldest_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class System:
    """The installation. ``versions`` by name of the part; ``integrations`` by state."""

    at: datetime
    versions: dict[str, str]
    schema: SchemaStatus
    checks: tuple[Check, ...]
    waiting: Waiting
    workers: tuple[Worker, ...]
    integrations: dict[str, int]

    @property
    def healthy(self) -> bool:
        """Whether all checks are well."""
        return all(check.ok for check in self.checks)


def system(engine: Engine, session: Session, *, at: datetime) -> System:
    """How the installation stands at that instant; nothing of any ERP is asked."""
    found = schema_status(session.connection())
    waiting = _waiting(session, at)
    return System(
        at=at,
        versions=_versions(session),
        schema=found,
        checks=tuple(_checks(engine, session, found, waiting, at)),
        waiting=waiting,
        workers=_workers(session, at),
        integrations=_integrations(session),
    )


def _versions(session: Session) -> dict[str, str]:
    sqlite = session.get_bind().dialect.name == "sqlite"
    asked = "SELECT sqlite_version()" if sqlite else "SHOW server_version"
    return {
        "product": _product(),
        "contract": CONTRACT_VERSION,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        session.get_bind().dialect.name: str(session.scalar(text(asked))),
    }


def _product() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


def _checks(engine: Engine, session: Session, schema: SchemaStatus, waiting: Waiting, at: datetime) -> Iterator[Check]:
    yield Check(name="database", state=_OK)  # what was read before came from it
    current = schema.state is SchemaState.CURRENT
    remedy = "" if current else "Bring the base and the program to the same version."
    yield Check(name="migrations", state=_OK if current else f"database_{schema.state.value}", remedy=remedy)
    yield _tried("key", lambda: _open_one(engine, session))
    yield _logs(engine)
    late = waiting.oldest_at is not None and waiting.oldest_at + LATE < at
    remedy = "Look whether the service runs, and has hands enough." if late else ""
    yield Check(name="workers", state="late" if late else _OK, remedy=remedy)


def _open_one(engine: Engine, session: Session) -> None:
    """Raises KeyMissing, KeyWrong unless a stored secret can be opened."""
    stored = session.scalar(select(Integration.erp_password).where(Integration.erp_password.is_not(None)).limit(1))
    stored = stored or session.scalar(select(AlertChannel.secret).where(AlertChannel.secret.is_not(None)).limit(1))
    if stored is not None:
        engine.secrets.decrypt(stored)


def _tried(name: str, look: Callable[[], None]) -> Check:
    try:
        look()
    except Problem as problem:
        return Check(name=name, state=problem.problem_code, remedy=problem.remedy)
    return Check(name=name, state=_OK)


def _logs(engine: Engine) -> Check:
    folder = engine.settings.logs
    if folder.is_dir() and not os.access(folder, os.W_OK):
        return Check(name="logs", state="not_writable", remedy="Give the service the right to write to the log folder.")
    return Check(name="logs", state=_OK)


def _waiting(session: Session, at: datetime) -> Waiting:
    free = or_(Integration.lease_until.is_(None), Integration.lease_until < at)
    due, since = session.execute(
        select(func.count(), func.min(Integration.due_at)).where(Integration.due_at <= at, free)
    ).one()
    runs = select(func.count()).where(RunRequest.state == RunState.WAITING)
    messages = select(func.count()).where(Delivery.state == DeliveryState.WAITING)
    # A run waits for the cycle before it, however long that takes: only what is due tells that nobody is at work.
    return Waiting(
        due=due, runs=session.scalars(runs).one(), deliveries=session.scalars(messages).one(), oldest_at=since
    )


def _workers(session: Session, at: datetime) -> tuple[Worker, ...]:
    running: dict[str, int] = {}
    held = select(Integration.lease_owner).where(Integration.lease_until >= at)
    for owner in session.scalars(held):
        name = _process(owner)
        running[name] = running.get(name, 0) + 1
    last: dict[str, datetime] = {}
    newest = select(Cycle.worker, Cycle.started_at).order_by(Cycle.id.desc()).limit(_CYCLES).subquery()
    lately = select(newest.c.worker, func.max(newest.c.started_at)).where(
        newest.c.started_at >= at - SEEN, newest.c.worker.is_not(None)
    )
    for owner, began in session.execute(lately.group_by(newest.c.worker)):
        name = _process(owner)
        last[name] = max(began, last.get(name, began))
    names = sorted(running.keys() | last.keys())
    return tuple(Worker(name=name, running=running.get(name, 0), last_at=last.get(name)) for name in names)


def _process(owner: str | None) -> str:
    """Host and process, without what tells its threads apart."""
    return str(owner).rpartition(" ")[0] or str(owner)


def _integrations(session: Session) -> dict[str, int]:
    found = dict.fromkeys(("active", "inactive", "disconnected"), 0)
    query = select(Integration.state, Integration.connected, func.count())
    for state, connected, count in session.execute(query.group_by(Integration.state, Integration.connected)):
        gone = state is IntegrationState.ACTIVE and not connected
        found["disconnected" if gone else state.value] += count
    return found
