"""Worker processes of a fleet, as `syncengine worker` makes them: started, killed, frozen, thawed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psutil
from sqlalchemy import func, select

from benchmarks.fleet.stand import Fleet
from syncengine.model import Integration

PROGRAM = "from syncengine.cli import main; main()"
READY_S = 60.0


class Worker:
    """One process; ``command`` is 'worker' or 'serve'."""

    def __init__(self, fleet: Fleet, number: int, *, concurrency: int, command: Sequence[str] = ("worker",)) -> None:
        self.log = fleet.folder / f"worker-{number}-{time.monotonic_ns()}.log"
        home = {"SYNCENGINE_LOG_DIR": str(fleet.folder / f"logs-{self.log.stem}")}
        words = [sys.executable, "-c", PROGRAM, *command, "--concurrency", str(concurrency)]
        with self.log.open("wb") as told:
            self._process = subprocess.Popen(words, env=fleet.environment | home, stdout=told, stderr=told)
        self.pid = self._process.pid

    def await_start(self) -> None:
        """Until it says that it works."""
        await_that(lambda: "service_started" in self.told, READY_S, f"start of a worker: {self.told[-2000:]}")

    @property
    def told(self) -> str:
        """What it has said so far."""
        return self.log.read_text("utf-8", "replace")

    @property
    def cpu_s(self) -> float:
        """Processor time it has used."""
        return cpu_s(self.pid)

    def send(self, what: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(what)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it as an administrator does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def workers(fleet: Fleet, count: int, *, concurrency: int) -> Iterator[list[Worker]]:
    """Some at work while the block lasts; what the block puts into the list ends with it too."""
    made = [Worker(fleet, number, concurrency=concurrency) for number in range(count)]
    try:
        for worker in made:
            worker.await_start()
        yield made
    finally:
        for worker in made:
            worker.stop()


def held_by(fleet: Fleet, worker: Worker) -> list[int]:
    """The integrations whose lease that process holds."""
    query = select(Integration.id).where(Integration.lease_owner.like(f"% {worker.pid} %"))
    with fleet.store.reading() as session:
        return list(session.scalars(query))


def free(fleet: Fleet) -> bool:
    """Whether nobody holds a lease."""
    with fleet.store.reading() as session:
        query = select(func.count(Integration.id)).where(Integration.lease_owner.is_not(None))
        return not session.scalar(query)


def cpu_s(pid: int) -> float:
    """Processor time of a process and of those that it has started, in seconds."""
    try:
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)]
        return sum(times.user + times.system for times in (one.cpu_times() for one in family))
    except psutil.NoSuchProcess:
        return 0.0


def await_that(condition: Callable[[], object], limit_s: float, what: str, *, every_s: float = 0.05) -> float:
    """Wait until it is so; how long it took. Raises RuntimeError when it takes too long."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > limit_s:
            raise RuntimeError(f"within {limit_s:g} s it did not come to: {what}")
        time.sleep(every_s)
    return time.monotonic() - began
