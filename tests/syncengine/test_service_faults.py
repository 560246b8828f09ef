"""What happens to a service: killed, frozen, out of memory, its base restarted or full. Each on the real stores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, text, update

from syncengine.cycle import lease as leases
from syncengine.cycle.run import Order
from syncengine.errors import Unforeseen
from syncengine.model import Base, Cycle, CycleStatus, Integration
from syncengine.service.jobs import JOBS, Job, Stopping
from syncengine.service.ticket import JobKind, Ticket
from syncengine.sync import synchronise
from tests.postgresql import PostgresqlServer
from tests.syncengine.fleet import Fleet, fleet, until

LEASE = timedelta(seconds=1.5)
QUICK = {JobKind.CYCLE: replace(JOBS[JobKind.CYCLE], claimed_for=timedelta(seconds=1))}
"""As in earnest, with shorter times."""

PROGRAM = """
import pathlib, sys, time
from dataclasses import replace
from datetime import timedelta
from syncengine.cycle import lease
lease.LEASE_TIME = timedelta(seconds=float(sys.argv[2]))
from syncengine.engine import opened
from syncengine.service.dispatcher import Dispatcher
from syncengine.service.jobs import JOBS
from syncengine.service.queue import MemoryQueue
from syncengine.service.ticket import JobKind
from syncengine.service.worker import Worker
from syncengine.sync import synchronise

folder = pathlib.Path(sys.argv[1])

def wait(progress):
    (folder / "begun").touch()
    while not (folder / "go_on").exists():
        time.sleep(0.01)

def run(engine, ticket, stopping):
    synchronise(engine, ticket.integration_id, watch=wait, screen=False)

jobs = {JobKind.CYCLE: replace(JOBS[JobKind.CYCLE], claimed_for=timedelta(seconds=1), run=run)}
with opened() as engine:
    (ticket,) = Dispatcher(engine.store, MemoryQueue(), room=1, jobs=jobs).claim([JobKind.CYCLE], 1)
    Worker(engine, concurrency=1, jobs=jobs).run(ticket)
"""


@pytest.fixture
def one(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setattr(leases, "LEASE_TIME", LEASE)
    with fleet(tmp_path, database_url, size=1, tiers=12, page_size=4) as made:
        yield made


@contextmanager
def worker_in_mid_cycle(folder: Path, made: Fleet, lease: timedelta) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that claimed the cycle, has committed its first page, and waits."""
    made.make_due()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SYNCENGINE_HOME": str(made.engine.settings.home),
        "SYNCENGINE_DATABASE_URL": made.engine.store.url.render_as_string(hide_password=False),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(lease.total_seconds())], env=environment
    )
    try:
        until(lambda: (folder / "begun").exists() or process.poll() is not None)
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()


def contents(made: Fleet) -> dict[str, list[Any]]:
    """Every row of the base."""
    with made.engine.store.reading() as session:
        return {
            table.name: sorted(map(repr, session.execute(select(table)).all())) for table in Base.metadata.sorted_tables
        }


@pytest.mark.guarantees
def test_the_cycle_of_a_worker_killed_in_the_middle_runs_again_and_ends(one: Fleet, tmp_path: Path) -> None:
    with worker_in_mid_cycle(tmp_path, one, LEASE) as process:
        process.kill()
        process.wait()
        with one.serving(jobs=QUICK):
            until(lambda: one.cycles()[-1].status is CycleStatus.SUCCESS)
    killed, again = one.cycles()
    assert (killed.status, killed.error_code) == (CycleStatus.FAILURE, "interrupted")
    assert killed.lease_token is not None
    assert again.lease_token == killed.lease_token + 1
    with one.engine.store.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM accounts")) == 12


@pytest.mark.guarantees
def test_a_worker_frozen_past_its_lease_and_thawed_writes_nothing(one: Fleet, tmp_path: Path) -> None:
    # Its lease is renewed seldom: frozen in the middle of that on SQLite, it would keep everybody from writing.
    with worker_in_mid_cycle(tmp_path, one, timedelta(minutes=1)) as process:
        process.send_signal(signal.SIGSTOP)
        with one.engine.store.writing() as session:
            past = one.engine.store.clock() - timedelta(seconds=1)
            session.execute(update(Integration).values(lease_until=past))
        with one.serving(jobs=QUICK):
            until(lambda: one.cycles()[-1].status is CycleStatus.SUCCESS)
        before = contents(one)
        (tmp_path / "go_on").touch()
        process.send_signal(signal.SIGCONT)
        assert process.wait(20) == 0
    assert contents(one) == before


def test_a_job_that_runs_out_of_memory_is_recorded_and_the_service_goes_on(several: Fleet) -> None:
    poor = several.ids[0]

    def run(engine: Any, ticket: Ticket, _stopping: Stopping) -> None:
        def exhaust(_progress: object) -> None:
            if ticket.integration_id == poor:
                raise MemoryError

        synchronise(engine, ticket.integration_id, watch=exhaust, screen=False, order=Order(due_at=ticket.due_at))

    several.make_due()
    with several.serving(jobs={JobKind.CYCLE: replace(QUICK[JobKind.CYCLE], run=run)}):
        until(partial(several.has_ended, 3))
    ended = {cycle.integration_id: cycle for cycle in several.cycles()}
    assert [ended[number].status for number in several.ids[1:]] == [CycleStatus.SUCCESS] * 2
    assert (ended[poor].status, ended[poor].error_code) == (CycleStatus.FAILURE, Unforeseen.code)
    left = several.integration(poor)
    assert (left.failures, left.lease_owner) == (1, None)
    assert left.due_at is not None
    assert left.due_at > several.engine.store.clock() + timedelta(seconds=30)


@pytest.fixture
def several(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setattr(leases, "LEASE_TIME", LEASE)
    with fleet(tmp_path, database_url, size=3) as made:
        yield made


@pytest.mark.postgresql
def test_it_outlives_a_crash_of_postgresql_under_load(
    tmp_path: Path, crm_on_postgresql: str, postgresql_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_TIME", LEASE)
    postgresql_server.keep_commits(crm_on_postgresql)
    with fleet(tmp_path, crm_on_postgresql, size=3) as made, made.serving(jobs=QUICK) as service:
        made.make_due()
        until(made.cycles)
        postgresql_server.restart()
        at = made.engine.store.clock()
        # A cycle that met the crash comes after a pause: not waited for here.
        until(lambda: _due_again(made) and {one.integration_id for one in succeeded_since(made, at)} == set(made.ids))
        assert not service.stopping
        assert made.overlaps() == []


def succeeded_since(made: Fleet, at: Any) -> list[Cycle]:
    return [cycle for cycle in made.cycles() if cycle.started_at >= at and cycle.status is CycleStatus.SUCCESS]


def test_a_full_disk_is_told_and_the_service_goes_on_when_there_is_room(
    tmp_path: Path, crm_on_sqlite: str, capfd: pytest.CaptureFixture[str]
) -> None:
    limit = 0

    def bound(connection: Connection) -> None:
        if limit:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {limit}")

    with fleet(tmp_path, crm_on_sqlite, size=1, tiers=60) as made:
        store = made.engine.store
        event.listen(store.engine, "begin", bound)
        with store.reading() as session:
            limit = int(session.scalar(text("PRAGMA page_count")) or 0)
        made.make_due()
        with made.serving(jobs=QUICK):
            until(
                lambda: "disk_full" in "".join(path.read_text("utf-8") for path in made.engine.settings.logs.iterdir())
            )
            limit = 1_000_000
            until(lambda: _due_again(made) and made.cycles()[-1].status is CycleStatus.SUCCESS)


def _due_again(made: Fleet) -> bool:
    """What failed is due later: it is asked for at once."""
    with made.engine.store.writing() as session:
        session.execute(
            update(Integration).where(Integration.lease_owner.is_(None)).values(due_at=made.engine.store.clock())
        )
    return True


def test_the_times_in_earnest_bring_a_killed_worker_back_within_a_minute() -> None:
    job: Job = JOBS[JobKind.CYCLE]
    assert timedelta(seconds=30) < job.claimed_for < timedelta(seconds=55)
