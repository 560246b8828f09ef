"""The queue between dispatchers and workers: PgQueuer, in PostgreSQL for all hosts, in memory for the one process of SQLite.

It only carries: when something is due, and whether it was done, stands in the integrations. A ticket may be lost with a process
or a server and is made again; retries, schedules and results are not its business.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeAlias, cast

import psycopg
import structlog
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job
from pgqueuer.ports import RepositoryPort
from pgqueuer.ports.driver import Driver, NotifyCallback
from psycopg.rows import dict_row
from sqlalchemy import text
from sqlalchemy.orm import Session

from syncengine.errors import DatabaseOutdated
from syncengine.service.ticket import JobKind, Ticket
from syncengine.storage.database_errors import database_problems
from syncengine.storage.queue_tables import NAMES, AnswersAtOnce, at_once, is_current
from syncengine.storage.store import Dialect, Store

Work: TypeAlias = Callable[[Ticket], Awaitable[None]]

GATHERED_FOR_S: Final = 0.02
"""News within this much make a worker look once: at the end of every job of every host all workers are told."""
POLLED_EVERY: Final = timedelta(seconds=5)
"""A worker is told of new jobs; so often it looks by itself, in case it was not."""
SILENT_FOR: Final = timedelta(seconds=20)
"""A job whose worker has not been heard of for so long is another's."""
_NEWS: Final = "table_changed_event"
_ALL: Final = 1_000_000
LOG_KEPT: Final = "1 hour"

_log = structlog.get_logger(__name__)


class JobQueue(ABC):
    """Takes tickets from dispatchers and hands each to one worker."""

    def __init__(self) -> None:
        self._manager: QueueManager | None = None

    @abstractmethod
    def put(self, session: Session, tickets: Sequence[Ticket]) -> None:
        """Take tickets in the transaction that claims them, where the queue is in the same base."""

    @abstractmethod
    async def take_over(self, tickets: Sequence[Ticket]) -> None:
        """Take tickets once their claim is committed, where it is not. A ticket that is in the queue already is left out."""

    @abstractmethod
    async def waiting(self, at_most: int) -> int:
        """How many tickets nobody has taken yet, counted up to a number."""

    @abstractmethod
    async def left_over(self) -> list[Ticket]:
        """Tickets that nobody will take once this process has ended."""

    @abstractmethod
    async def tidy(self) -> None:
        """Forget what PgQueuer notes about jobs that are over: the engine's own record holds the results."""

    @abstractmethod
    async def _open(self, stack: AsyncExitStack, /) -> RepositoryPort:
        """Where PgQueuer finds its jobs, until the stack is closed."""

    async def work(self, work: Work, *, concurrency: int) -> None:
        """Hand tickets to ``work``, as many at once as that, until ``stop``; raises the driver's errors when the base is gone."""
        async with AsyncExitStack() as stack:
            queries = await self._open(stack)
            manager = self._manager = QueueManager(queries, NAMES.channel)
            # Asked for at once when a job has ended, so there is no hurry while all hands are busy.
            manager.min_dequeue_poll_interval = timedelta(seconds=0.5)

            async def handle(job: Job) -> None:
                await work(Ticket.from_bytes(job.payload or b""))

            for kind in JobKind:
                manager.entrypoint(kind.value, accepts_context=False)(handle)
            await manager.run(
                dequeue_timeout=POLLED_EVERY,
                # One by one: a batch would be noted as done only when it is full, and its places stay empty until then.
                batch_size=1,
                # PgQueuer wants room for two batches; whoever works one at a time has the next one at hand.
                max_concurrent_tasks=max(concurrency, 2),
                shutdown_on_listener_failure=True,
                heartbeat_timeout=SILENT_FOR,
                log_aggregation_interval=timedelta(0),
            )

    def stop(self) -> None:
        """Hand out no more; ``work`` ends with the jobs under way. In the event loop's thread."""
        if self._manager is not None:
            self._manager.shutdown.set()


class MemoryQueue(JobQueue):
    """The queue of the one process that serves an SQLite base; gone with it, which costs nothing but a claim's time."""

    def __init__(self) -> None:
        super().__init__()
        self._queries = InMemoryQueries(driver=InMemoryDriver())

    def put(self, session: Session, tickets: Sequence[Ticket]) -> None:
        """Nothing: the claim could still be rolled back, and the tickets would stay."""

    async def take_over(self, tickets: Sequence[Ticket]) -> None:
        """Take tickets whose claim is committed."""
        if tickets:
            kinds, payloads, keys = _columns(tickets)
            await self._queries.enqueue(
                kinds, payloads, [0] * len(kinds), dedupe_key=cast("list[str | None]", keys), on_conflict="skip"
            )

    async def waiting(self, at_most: int) -> int:
        """How many tickets nobody has taken yet."""
        return min(at_most, sum(row.count for row in await self._queries.queue_size() if row.status == "queued"))

    async def left_over(self) -> list[Ticket]:
        """All that nobody has taken yet."""
        jobs = await self._queries.browse_queue(limit=_ALL, statuses=["queued"])
        return [Ticket.from_bytes(job.payload or b"") for job in jobs]

    async def tidy(self) -> None:
        """Forget what was noted about jobs."""
        await self._queries.clear_queue_log()
        await self._queries.clear_statistics_log()

    async def _open(self, _stack: AsyncExitStack) -> RepositoryPort:
        return cast("RepositoryPort", self._queries)


class SharedQueue(JobQueue):
    """The queue in PostgreSQL: every host's dispatcher puts in, every host's worker takes out."""

    _WAITING: ClassVar = text(
        f"SELECT count(*) FROM (SELECT 1 FROM {NAMES.qualified.queue_table} WHERE status = 'queued' LIMIT :most) AS counted"  # noqa: S608
    )
    _TIDY: ClassVar = tuple(
        text(f"DELETE FROM {table} WHERE created < now() - interval '{LOG_KEPT}'")  # noqa: S608
        for table in (NAMES.qualified.queue_table_log, NAMES.qualified.statistics_table)
    )

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def put(self, session: Session, tickets: Sequence[Ticket]) -> None:
        """Take tickets in the transaction that claims them: both happen, or neither."""
        if tickets:
            kinds, payloads, keys = _columns(tickets)
            with database_problems():
                driver = cast("psycopg.Connection[Any]", session.connection().connection.driver_connection)
                queries = _queries(cast("Driver", AnswersAtOnce(driver)))
                putting = queries.enqueue(
                    kinds, payloads, [0] * len(kinds), dedupe_key=cast("list[str | None]", keys), on_conflict="skip"
                )
                at_once(putting)

    async def take_over(self, tickets: Sequence[Ticket]) -> None:
        """Nothing: they are in the queue since the commit of their claim."""

    async def waiting(self, at_most: int) -> int:
        """How many tickets nobody has taken yet, counted up to a number."""
        return await asyncio.to_thread(self._count, at_most)

    async def left_over(self) -> list[Ticket]:
        """None: other processes take them, or this one when it is back."""
        return []

    async def tidy(self) -> None:
        """Forget what was noted about jobs an hour ago and earlier."""
        await asyncio.to_thread(self._delete_old)

    async def _open(self, stack: AsyncExitStack) -> RepositoryPort:
        with database_problems():
            asking, listening = [await stack.enter_async_context(await self._connect()) for _ in range(2)]
        return cast("RepositoryPort", _queries(cast("Driver", TwoConnections(asking, listening))))

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        places, words = self._store.engine.dialect.create_connect_args(self._store.url)
        given: dict[str, Any] = {**words, "connect_timeout": 10, "application_name": "syncengine queue"}
        return await psycopg.AsyncConnection.connect(*places, autocommit=True, **given)

    def _count(self, at_most: int) -> int:
        with self._store.reading() as session:
            return int(session.scalar(self._WAITING, {"most": at_most}) or 0)

    def _delete_old(self) -> None:
        for statement in self._TIDY:
            with self._store.writing() as session:
                session.execute(statement)


class TwoConnections(PsycopgDriver):
    """PgQueuer's driver with a connection to ask on beside the one that listens.

    On a single one every question waits until the listening pauses, up to a second: each job would take that long to begin.
    """

    def __init__(self, asking: psycopg.AsyncConnection[Any], listening: psycopg.AsyncConnection[Any]) -> None:
        super().__init__(listening)
        self._asking = asking
        self._again: asyncio.TimerHandle | None = None
        self._looked_at = 0.0
        self._listens = asyncio.Event()

    async def notify(self, channel: str, payload: str) -> None:
        """Tell something, once it can be heard here: the manager's first question whether it hears would else go unanswered."""
        await self._listens.wait()
        await super().notify(channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Listen; what is told of jobs within a moment is passed on as one."""

        loop = asyncio.get_running_loop()

        def look(payload: str | bytes | bytearray) -> None:
            self._again, self._looked_at = None, loop.time()
            callback(payload)

        def gather(payload: str | bytes | bytearray) -> None:
            if _NEWS not in str(payload):
                callback(payload)
            elif loop.time() - self._looked_at > GATHERED_FOR_S:
                look(payload)
            elif self._again is None:
                self._again = loop.call_later(GATHERED_FOR_S, look, payload)

        await super().add_listener(channel, gather)
        self._listens.set()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """The rows of a query."""
        async with psycopg.AsyncRawCursor(self._asking, row_factory=dict_row) as cursor:
            await cursor.execute(query.encode(), args or None)
            return await cursor.fetchall()

    async def execute(self, query: str, *args: object) -> str:
        """The status of a statement."""
        async with psycopg.AsyncRawCursor(self._asking) as cursor:
            await cursor.execute(query.encode(), args or None)
            return cursor.statusmessage or ""


def open_queue(store: Store) -> JobQueue:
    """The queue of a base. Raises DatabaseOutdated when its tables are not as this program needs them."""
    _tell_in_our_log()
    if store.dialect is Dialect.SQLITE:
        return MemoryQueue()
    with database_problems():
        current = is_current(store.engine)
    if not current:
        raise DatabaseOutdated("the tables of the queue are missing or of another version")
    return SharedQueue(store)


def _columns(tickets: Sequence[Ticket]) -> tuple[list[str], list[bytes | None], list[str]]:
    return (
        [ticket.kind.value for ticket in tickets],
        [ticket.as_bytes() for ticket in tickets],
        [ticket.key for ticket in tickets],
    )


def _queries(driver: Driver) -> Queries:
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(NAMES),
        qbq=QueryQueueBuilder(NAMES),
        qbs=QuerySchedulerBuilder(NAMES),
    )


class _OurLog(logging.Handler):
    """PgQueuer's warnings, one line each, where the service tells everything."""

    def emit(self, record: logging.LogRecord) -> None:
        reason = record.exc_info[1] if record.exc_info else None
        with suppress(Exception):
            _log.warning("queue", told=record.getMessage(), reason=type(reason).__name__ if reason else None)


def _tell_in_our_log() -> None:
    theirs = logging.getLogger("pgqueuer")
    if not any(isinstance(handler, _OurLog) for handler in theirs.handlers):
        theirs.addHandler(_OurLog(logging.WARNING))
        theirs.propagate = False
