"""Claiming what is due: by the base's clock, once, at a cost that does not depend on how many integrations there are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from syncengine.errors import DatabaseFull, DatabaseOutdated, DatabaseUnreachable
from syncengine.model import Integration
from syncengine.model.columns import to_instant_micros
from syncengine.service.dispatcher import Dispatcher
from syncengine.service.jobs import JOBS
from syncengine.service.loop import Loop
from syncengine.service.queue import MemoryQueue, SharedQueue, open_queue
from syncengine.service.ticket import JobKind, Ticket
from syncengine.service.worker import Worker
from syncengine.storage.clock import BaseClock, local_time
from syncengine.storage.queue_tables import NAMES, converge
from syncengine.storage.schema import upgrade
from syncengine.storage.store import Dialect, Store, open_store
from tests.syncengine.fleet import Fleet, fleet
from tests.syncengine.records import integration

CYCLE = [JobKind.CYCLE]
IDLE = 100_000


def dispatcher(store: Store, room: int = 100) -> Dispatcher:
    return Dispatcher(store, open_queue(store), room=room)


def due_at(store: Store, at: datetime | None) -> None:
    with store.writing() as session:
        session.execute(update(Integration).values(due_at=at))


@pytest.fixture
def due(store: Store) -> Store:
    """A base with one integration, due for ten seconds."""
    with store.writing() as session:
        integration(session, due_at=store.clock() - timedelta(seconds=10))
        if store.dialect is Dialect.POSTGRESQL:
            session.execute(text(f"TRUNCATE {NAMES.qualified.queue_table}"))
    return store


def test_what_is_due_is_claimed_once_and_again_when_nothing_came_of_it(due: Store) -> None:
    since = due.clock() - timedelta(seconds=10)
    (ticket,) = dispatcher(due).claim(CYCLE, 10)
    assert (ticket.integration_id, ticket.token) == (1, 0)
    assert abs(ticket.due_at - since) < timedelta(seconds=5)
    assert dispatcher(due).claim(CYCLE, 10) == []

    due_at(due, due.clock() - timedelta(seconds=1))  # the claim has run out
    assert [again.key for again in dispatcher(due).claim(CYCLE, 10)] == [ticket.key]


def test_an_integration_whose_cycle_runs_is_not_claimed(due: Store) -> None:
    with due.writing() as session:
        until = due.clock() + timedelta(seconds=20)
        session.execute(update(Integration).values(lease_owner="another", lease_until=until))
    assert dispatcher(due).claim(CYCLE, 10) == []
    with due.writing() as session:
        session.execute(update(Integration).values(lease_until=due.clock() - timedelta(seconds=1)))
    assert len(dispatcher(due).claim(CYCLE, 10)) == 1


@pytest.mark.postgresql
def test_a_ticket_and_its_claim_are_in_the_base_both_or_neither(crm_on_postgresql: str) -> None:
    store = open_store(crm_on_postgresql)

    class Failing(SharedQueue):
        def put(self, session: Session, tickets: Sequence[Ticket]) -> None:
            super().put(session, tickets)
            raise DatabaseUnreachable("cut off in the middle")

    with store.writing() as session:
        integration(session, due_at=store.clock() - timedelta(seconds=10))
        session.execute(text(f"TRUNCATE {NAMES.qualified.queue_table}"))
    with pytest.raises(DatabaseUnreachable):
        Dispatcher(store, Failing(store), room=10).claim(CYCLE, 10)
    queue = SharedQueue(store)
    assert asyncio.run(queue.waiting(10)) == 0

    assert asyncio.run(Dispatcher(store, queue, room=10).tick()) == 1
    assert asyncio.run(queue.waiting(10)) == 1
    # Claimed again while it waits, it is not there twice.
    due_at(store, store.clock())
    assert asyncio.run(Dispatcher(store, queue, room=10).tick()) == 1
    assert asyncio.run(queue.waiting(10)) == 1
    store.close()


def test_no_more_than_the_queue_has_room_for_is_claimed(due: Store) -> None:
    with due.writing() as session:
        for number in range(5):
            integration(session, name=f"I{number}", due_at=due.clock())
    at_work = dispatcher(due, room=4)
    assert [asyncio.run(at_work.tick()) for _ in range(2)] == [4, 0]


@pytest.mark.postgresql
def test_hosts_whose_clocks_are_five_minutes_apart_agree_on_what_is_due(crm_on_postgresql: str) -> None:
    store = open_store(crm_on_postgresql)
    fast = replace(store, clock=BaseClock(store.clock, local=lambda: local_time() + timedelta(minutes=5)))
    assert abs(fast.clock() - store.clock()) < timedelta(seconds=1)
    with store.writing() as session:
        integration(session, due_at=store.clock() + timedelta(minutes=2))
    assert dispatcher(fast).claim(CYCLE, 10) == []
    due_at(store, store.clock())
    assert len(dispatcher(fast).claim(CYCLE, 10)) == 1
    store.close()


def test_the_clock_goes_on_while_the_base_is_away() -> None:
    answers = [timedelta(minutes=5)]

    def ask() -> datetime:
        if not answers:
            raise DatabaseUnreachable("restarted")
        return local_time() + answers.pop()

    clock = BaseClock(ask)
    first = clock()
    assert clock._last is not None
    clock._last = replace(clock._last, wall=0.0)  # as after a night's sleep of the machine: it must be asked again
    assert timedelta(minutes=4) < first - local_time()
    assert timedelta() <= clock() - first < timedelta(seconds=2)


def many_idle(store: Store, count: int) -> None:
    columns = ", ".join(column.name for column in Integration.__table__.columns if column.name not in ("id", "name"))
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
    with store.writing() as session:
        integration(session, due_at=store.clock() + timedelta(hours=1))
        session.execute(
            text(
                f"INSERT INTO integrations (name, {columns}) {numbers} SELECT 'X' || i, {columns} FROM integrations, n"
            )
        )
    with store.writing() as session:
        session.execute(text("ANALYZE integrations"))


def test_a_tick_costs_the_same_however_many_integrations_are_idle(store: Store) -> None:
    many_idle(store, IDLE)
    with store.writing() as session:
        session.execute(update(Integration).where(Integration.id.in_([7, 4711])).values(due_at=store.clock()))
    at, job = store.clock(), JOBS[JobKind.CYCLE]
    query = select(Integration.id).where(job.due <= at, job.possible(at)).order_by(job.due).limit(100)
    with store.reading() as session:
        words = "EXPLAIN QUERY PLAN " if store.dialect is Dialect.SQLITE else "EXPLAIN (ANALYZE, FORMAT JSON) "
        statement = query.compile(session.connection(), compile_kwargs={"render_postcompile": True})
        given: Any = dict(statement.construct_params())
        if store.dialect is Dialect.SQLITE:
            instants = {name: to_instant_micros(value) for name, value in given.items() if isinstance(value, datetime)}
            given = tuple((given | instants)[name] for name in statement.positiontup or ())
        told = json.dumps([list(row) for row in session.connection().exec_driver_sql(words + str(statement), given)])
    assert "ix_integrations_due_at" in told
    assert "Seq Scan" not in told
    assert "SCAN integrations" not in told
    assert asyncio.run(dispatcher(store).tick()) == 2


def test_what_pgqueuer_notes_about_jobs_does_not_grow(due: Store) -> None:
    queue = open_queue(due)
    ticket = Ticket(kind=JobKind.CYCLE, integration_id=1, token=0, due_at=due.clock())
    if isinstance(queue, MemoryQueue):
        asyncio.run(queue.take_over([ticket]))
        assert len(queue._queries._log) == 1
        asyncio.run(queue.tidy())
        assert len(queue._queries._log) == 0
        return
    log = NAMES.qualified.queue_table_log
    with due.writing() as session:
        session.execute(text(f"TRUNCATE {log}"))
        queue.put(session, [ticket])
    with due.writing() as session:
        session.execute(
            text(
                f"INSERT INTO {log} (created, job_id, status, priority, entrypoint)"
                f" SELECT created - interval '2 hours', job_id, status, priority, entrypoint FROM {log}"
            )
        )
    asyncio.run(queue.tidy())
    with due.reading() as session:
        assert session.scalar(text(f"SELECT count(*) FROM {log}")) == 1


@pytest.mark.postgresql
def test_tables_of_the_queue_come_with_the_base_and_with_its_upgrade(postgresql_url: str) -> None:
    store = open_store(postgresql_url)
    assert isinstance(open_queue(store), SharedQueue)
    with store.writing() as session:
        session.execute(text(f"DROP SCHEMA {NAMES.db_schema} CASCADE"))
    with pytest.raises(DatabaseOutdated) as refused:
        open_queue(store)
    assert "db upgrade" in refused.value.remedy

    upgrade(store.engine)
    converge(store.engine)  # a second time changes nothing
    assert isinstance(open_queue(store), SharedQueue)
    store.close()


def test_a_ticket_that_somebody_was_faster_with_does_nothing(tmp_path: Path, database_url: str) -> None:
    with fleet(tmp_path, database_url, size=1) as made:
        _run_late(made)
        assert made.cycles() == []


def _run_late(made: Fleet) -> None:
    with made.engine.store.writing() as session:
        session.execute(update(Integration).values(lease_token=3))
    late = Ticket(kind=JobKind.CYCLE, integration_id=made.ids[0], token=2, due_at=made.engine.store.clock())
    Worker(made.engine, concurrency=1).run(late)


def test_what_keeps_a_loop_from_going_on_is_told_once_and_tried_later_and_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("syncengine.service.loop.FIRST_PAUSE_S", 0.001)
    stop, tried = asyncio.Event(), 0

    async def step() -> None:
        nonlocal tried
        tried += 1
        if tried < 5:
            raise DatabaseFull("no space left")
        stop.set()

    loop = Loop("dispatcher", step, every_s=0.001)
    with capture_logs() as told:
        asyncio.run(loop.run(stop))
    assert tried == 5
    assert [(line["event"], line.get("code")) for line in told] == [("cannot_go_on", "disk_full"), ("goes_on", None)]
    assert loop.is_well(within_s=10)
