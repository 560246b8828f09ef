"""Service: one process in which everything that the engine does by itself goes on beside each other, until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Any, Final

import structlog

from syncengine.engine import Engine
from syncengine.logs import service_log
from syncengine.service.deliveries import deliver_due
from syncengine.service.dispatcher import Dispatcher
from syncengine.service.jobs import JOBS, Job
from syncengine.service.live import LiveWatch
from syncengine.service.loop import Loop
from syncengine.service.metrics import Figures, exposition
from syncengine.service.queue import open_queue
from syncengine.service.staleness import LOOKED_EVERY_S, find_stale
from syncengine.service.ticket import JobKind
from syncengine.service.tracing import traces_sent
from syncengine.service.web import Server, create_server, installed_face, listen
from syncengine.service.worker import Worker

ROOM_LEAST: Final = 100
ROOM_PER_HAND: Final = 10
"""Tickets kept waiting for each cycle that may run at once: enough for short cycles between two ticks."""
DELIVERED_EVERY_S: Final = 5.0
CLOCKS_EVERY_S: Final = 60.0
TIDIED_EVERY_S: Final = 300.0
SILENT_MAX_S: Final = 30.0
"""A dispatcher that has not looked for so long is not ready."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a service is made of; ``port`` None: no HTTP. ``whole`` False: it only runs due jobs, beside a whole one."""

    concurrency: int
    tick_s: float
    grace_s: float
    host: str
    port: int | None
    whole: bool = True


class Service:
    """Runs in the thread that calls ``run``, until ``stop`` or a signal. ``address`` is where it answers, once it does."""

    def __init__(self, engine: Engine, options: Options, *, jobs: Mapping[JobKind, Job] = JOBS) -> None:
        """Raises CannotListen, DatabaseOutdated."""
        if not isinstance(engine.observer, Figures):
            engine = replace(engine, observer=Figures())
        self._engine, self._options, self._jobs = engine, options, jobs
        self._queue = open_queue(engine.store)
        self._worker = Worker(engine, concurrency=options.concurrency, jobs=jobs)
        self._loops = self._made_loops()
        self._listener = None if options.port is None else listen(options.host, options.port)
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._stopping, self._hurried = asyncio.Event(), asyncio.Event()
        self.started = threading.Event()

    @property
    def address(self) -> str | None:
        """Where it answers over HTTP; None: nowhere."""
        return None if self._listener is None else _address(self._listener)

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop: nothing begins any more."""
        return self._worker.stopping

    def run(self) -> int:
        """Work until stopped; how many cycles were left to their leases, because the grace was too short for them."""
        # psycopg cannot wait in the loop that Windows would choose.
        with (
            service_log(self._engine.settings),
            traces_sent(self._engine.settings),
            asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner,
            self._signals(),
        ):
            return runner.run(self._run())

    def stop(self) -> None:
        """Begin nothing more, let what runs come to its next page, end; a second time: end at once. From any thread."""
        if self._event_loop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._event_loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        (self._hurried if self._stopping.is_set() else self._stopping).set()

    async def _run(self) -> int:
        self._event_loop = asyncio.get_running_loop()
        server, web = self._server(), None
        if server is not None and self._listener is not None:
            web = asyncio.create_task(server.serve([self._listener]))
        tasks = [asyncio.create_task(loop.run(self._stopping), name=loop.name) for loop in self._loops.values()]
        if self._options.whole:
            tasks.append(asyncio.create_task(LiveWatch(self._engine).run(self._stopping), name="live"))
        _log.info("service_started", address=self.address, concurrency=self._options.concurrency)
        self.started.set()
        await self._stopping.wait()
        left = await self._end(tasks)
        if server is not None and web is not None:
            server.should_exit = True
            await web
        _log.info("service_stopped", left=left)
        return left

    async def _end(self, tasks: list[asyncio.Task[None]]) -> int:
        _log.info("service_stopping", running=self._worker.busy, grace_s=self._options.grace_s)
        self._worker.stop()
        self._queue.stop()
        hurry = asyncio.create_task(self._hurried.wait())
        ended: asyncio.Future[Any] = asyncio.gather(*tasks, return_exceptions=True)
        waited: tuple[asyncio.Future[Any], ...] = (ended, hurry)
        await asyncio.wait(waited, timeout=self._options.grace_s, return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, hurry):
            task.cancel()
        await asyncio.gather(ended, hurry, return_exceptions=True)
        left = self._worker.busy
        for ticket in await self._queue.left_over():
            # The worker begins nothing any more: it gives them back.
            await asyncio.to_thread(self._worker.run, ticket)
        self._worker.close()
        return left

    def _made_loops(self) -> dict[str, Loop]:
        options, queue = self._options, self._queue
        room = max(ROOM_LEAST, ROOM_PER_HAND * options.concurrency)
        dispatcher = Dispatcher(self._engine.store, queue, room=room, jobs=self._jobs)
        working = partial(queue.work, self._worker.work, concurrency=options.concurrency)
        loops = [
            Loop("dispatcher", dispatcher.tick, every_s=options.tick_s),
            Loop("clocks", dispatcher.bring_forward, every_s=CLOCKS_EVERY_S),
            Loop("worker", working, every_s=options.tick_s),
            Loop("tidying", queue.tidy, every_s=TIDIED_EVERY_S),
        ]
        if options.whole:
            loops.append(Loop("deliveries", self._threaded(deliver_due), every_s=DELIVERED_EVERY_S))
            loops.append(Loop("staleness", self._threaded(find_stale), every_s=LOOKED_EVERY_S))
        return {loop.name: loop for loop in loops}

    def _threaded(self, step: Callable[[Engine], object]) -> Callable[[], Awaitable[object]]:
        return partial(asyncio.to_thread, step, self._engine)

    def _server(self) -> Server | None:
        if self._listener is None:
            return None
        face = installed_face(self._engine) if self._options.whole else None
        return create_server(self._engine, loops=self._told, figures=partial(exposition, self._engine), face=face)

    def _told(self) -> dict[str, str]:
        """Of what makes cycles run: 'ok', or why not."""
        if self._stopping.is_set():
            return {"service": "stopping"}
        return {name: self._told_of(self._loops[name]) for name in ("dispatcher", "worker")}

    def _told_of(self, loop: Loop) -> str:
        if loop.is_well(within_s=SILENT_MAX_S):
            return "ok"
        return "silent" if loop.problem is None else loop.problem.problem_code

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM, Ctrl-C and on Windows Ctrl-Break stop the service; only a main thread can be told."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)]
        before = {one: signal.signal(one, self._on_signal) for one in wanted}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler or signal.SIG_DFL)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
