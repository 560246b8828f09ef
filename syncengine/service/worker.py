"""Worker: runs jobs in threads, as many at once as it may. Whatever happens to one of them, it goes on with the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import select, update

from contracts.errors import Problem
from syncengine.cycle import due
from syncengine.cycle.alerting import cycle_ended
from syncengine.engine import Engine
from syncengine.errors import (
    AlreadyRunning,
    Disconnected,
    IntegrationUnknown,
    Interrupted,
    LeaseLost,
    NotActive,
    Unforeseen,
)
from syncengine.model import Cycle, CycleStatus, Integration
from syncengine.service.jobs import JOBS, Job
from syncengine.service.loop import problem_of
from syncengine.service.run_requests import refuse
from syncengine.service.ticket import JobKind, Ticket

_OF_NO_CONCERN: Final = (AlreadyRunning, LeaseLost, NotActive, Disconnected, IntegrationUnknown, Interrupted)
"""Ends that need no word: somebody else does it, or nobody wants it any more."""

_log = structlog.get_logger(__name__)


class Worker:
    """Runs tickets; ``busy`` is how many at this moment."""

    def __init__(self, engine: Engine, *, concurrency: int, jobs: Mapping[JobKind, Job] = JOBS) -> None:
        self._engine, self._jobs = engine, jobs
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="job")
        self._stopping = threading.Event()
        self._counting = threading.Lock()
        self.busy = 0

    @property
    def stopping(self) -> bool:
        """Whether nothing begins any more."""
        return self._stopping.is_set()

    async def work(self, ticket: Ticket) -> None:
        """Run a ticket; never raises."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self.run, ticket)

    def stop(self) -> None:
        """Begin nothing any more; jobs under way end at their next page."""
        self._stopping.set()

    def close(self) -> None:
        """Let go of the threads; what still runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def run(self, ticket: Ticket) -> None:
        """Run a ticket in this thread. What comes of it stands in the base, and in the log where it cannot."""
        self._count(1)
        try:
            if self._stopping.is_set():
                self._give_back(ticket)
            elif self._is_wanted(ticket):
                self._jobs[ticket.kind].run(self._engine, ticket, self._stopping.is_set)
        except _OF_NO_CONCERN as end:
            _log.debug("job_ended", job=ticket.key, code=end.problem_code)
        except Exception as error:  # noqa: BLE001 - the outermost frame of a job: one that fails must not take others along
            self._fail(ticket, error)
        finally:
            self._count(-1)

    def _is_wanted(self, ticket: Ticket) -> bool:
        """Whether nobody has begun since what a ticket asks for: a worker that died with it, or a person."""
        if ticket.kind is not JobKind.CYCLE:
            return True
        with self._engine.store.reading() as session:
            token = session.scalar(select(Integration.lease_token).where(Integration.id == ticket.integration_id))
        return token == ticket.token

    def _give_back(self, ticket: Ticket) -> None:
        """The service stops before the job began: it is due as it was."""
        job = self._jobs[ticket.kind]
        with self._engine.store.writing() as session:
            mine = (job.row(ticket), job.due.is_not(None))
            session.execute(update(job.table).where(*mine).values({job.due: ticket.due_at}))

    def _fail(self, ticket: Ticket, error: Exception) -> None:
        problem = problem_of(error)
        told = {"code": problem.problem_code, "reason": problem.message, "remedy": problem.remedy}
        _log.error("job_failed", job=ticket.kind.value, integration=ticket.integration_id, **told)
        # A base that is away or full cannot be told; the claim expires, and the lease of the cycle with it.
        with suppress(Problem, MemoryError):
            if ticket.kind is JobKind.CYCLE:
                self._record(ticket, problem)
            elif ticket.kind is JobKind.RUN:
                refuse(self._engine, ticket.token, problem)

    def _record(self, ticket: Ticket, problem: Problem) -> None:
        """The cycle that could not record its own end has failed; one that could not even begin comes after a pause."""
        store = self._engine.store
        with store.writing() as session:
            session.execute(
                update(Cycle)
                .where(
                    Cycle.integration_id == ticket.integration_id,
                    Cycle.lease_token == ticket.token + 1,
                    Cycle.ended_at.is_(None),
                )
                .values(
                    status=CycleStatus.FAILURE,
                    ended_at=store.clock(),
                    error_code=problem.problem_code,
                    error_message=problem.message,
                    error_remedy=problem.remedy,
                )
            )
            cycle_ended(
                session,
                integration_id=ticket.integration_id,
                status=CycleStatus.FAILURE,
                problem=problem,
                at=store.clock(),
                grace=timedelta(minutes=self._engine.settings.alert_grace_min),
            )
        if isinstance(problem, Unforeseen) and self._is_wanted(ticket):
            with store.writing() as session:
                due.end_badly(session, ticket.integration_id, at=store.clock(), passing=problem.may_retry)

    def _count(self, change: int) -> None:
        with self._counting:
            self.busy += change
