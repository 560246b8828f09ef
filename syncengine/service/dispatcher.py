"""Dispatcher: claims what is due and hands it to the queue. Any number of them may run, on any number of hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ScalarSelect, select, update
from sqlalchemy.orm import Session

from syncengine import integrations
from syncengine.service.jobs import JOBS, Job
from syncengine.service.queue import JobQueue
from syncengine.service.ticket import JobKind, Ticket
from syncengine.storage.store import Store


class Dispatcher:
    """Keeps at most ``room`` tickets waiting in the queue: what is due beyond that waits where its order is kept."""

    def __init__(self, store: Store, queue: JobQueue, *, room: int, jobs: Mapping[JobKind, Job] = JOBS) -> None:
        self._store, self._queue, self._room, self._jobs = store, queue, room, jobs

    async def tick(self) -> int:
        """Claim what is due now and hand it over; how much it was."""
        due = await asyncio.to_thread(self._due_kinds)
        if not due:
            return 0
        room = self._room - await self._queue.waiting(self._room)
        if room <= 0:
            return 0
        tickets = await asyncio.to_thread(self.claim, due, room)
        await self._queue.take_over(tickets)
        return len(tickets)

    async def bring_forward(self) -> int:
        """Make due what a clock that has been set back since put off too far; how much it was."""
        return await asyncio.to_thread(self._bring_forward)

    def _bring_forward(self) -> int:
        with self._store.writing() as session:
            return integrations.bring_forward(session, at=self._store.clock())

    def claim(self, kinds: list[JobKind], at_most: int) -> list[Ticket]:
        """Claim jobs, those due longest first; where the queue is in the same base, they are in it with the same commit."""
        at = self._store.clock()
        claimed: list[Ticket] = []
        with self._store.writing() as session:
            for kind in kinds:
                claimed += _claimed(session, kind, self._jobs[kind], at, at_most - len(claimed))
            self._queue.put(session, claimed)
        return claimed

    def _due_kinds(self) -> list[JobKind]:
        """Which kinds have something due; a question that takes no lock, whatever the number of integrations."""
        at, kinds = self._store.clock(), list(self._jobs)
        asked = [first_due(job, at) for job in self._jobs.values()]
        with self._store.reading() as session:
            first = session.execute(select(*asked)).one()
        return [kind for kind, due in zip(kinds, first, strict=True) if due is not None]


def first_due(job: Job, at: datetime) -> ScalarSelect[datetime | None]:
    """The instant of the job that is due longest.

    Asked for in order, and not whether there is one: PostgreSQL plans a question that it is asked again and again without
    the instant, takes it that a third of the rows are due, and would read all of them to find the first.
    """
    return select(job.due).where(job.due <= at, job.possible(at)).order_by(job.due).limit(1).scalar_subquery()


def _claimed(session: Session, kind: JobKind, job: Job, at: datetime, at_most: int) -> list[Ticket]:
    query = (
        select(job.table.id, job.integration, job.token, job.due)
        .where(job.due <= at, job.possible(at))
        .order_by(job.due)
        .limit(at_most)
        # What another dispatcher claims at this moment is not waited for.
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(query).all()
    session.execute(
        update(job.table)
        .where(job.table.id.in_([number for number, *_ in rows]))
        .values({job.due: at + job.claimed_for})
        .execution_options(synchronize_session=False)
    )
    return [Ticket(kind=kind, integration_id=of, token=token, due_at=due or at) for _, of, token, due in rows]
