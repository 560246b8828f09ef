"""The service: what is due runs, once, by whoever comes first; it stops when told and says how it is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import requests
from sqlalchemy import text, update

from syncengine.errors import CannotListen
from syncengine.model import CycleStatus, Integration
from syncengine.service.jobs import JOBS, Stopping
from syncengine.service.ticket import JobKind, Ticket
from syncengine.service.web import listen
from tests.syncengine.fleet import Fleet, fleet, until


@pytest.fixture
def several(tmp_path: Path, database_url: str) -> Iterator[Fleet]:
    with fleet(tmp_path, database_url, size=5) as made:
        yield made


def jobs_of(run: object) -> dict[JobKind, object]:
    return {JobKind.CYCLE: replace(JOBS[JobKind.CYCLE], run=run)}  # type: ignore[arg-type]


@pytest.mark.guarantees
@pytest.mark.req("CRM-07", "CRM-09")
def test_two_services_over_one_base_run_each_due_cycle_once_and_never_two_of_one_integration(several: Fleet) -> None:
    with several.another() as other, several.serving(), several.serving(other):
        for round_ in (1, 2, 3):
            due = several.engine.store.clock() - timedelta(seconds=10)
            several.make_due(due)
            until(partial(several.has_ended, 5 * round_))
            assert {cycle.due_at for cycle in several.cycles()[-5:]} == {due}
    assert several.overlaps() == []
    assert {cycle.status for cycle in several.cycles()} == {CycleStatus.SUCCESS}
    assert all(several.integration(number).lease_owner is None for number in several.ids)


def test_hundreds_due_at_once_start_no_more_than_may_run(several: Fleet) -> None:
    with several.engine.store.writing() as session:
        columns = ", ".join(
            column.name for column in Integration.__table__.columns if column.name not in ("id", "name")
        )
        names = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
        session.execute(
            text(
                f"INSERT INTO integrations (name, {columns}) {names} SELECT 'X' || i, {columns} FROM integrations, n WHERE id = 1"
            )
        )
    at_once, most, done, lock = 0, 0, 0, threading.Lock()

    def run(_engine: object, _ticket: Ticket, _stopping: Stopping) -> None:
        nonlocal at_once, most, done
        with lock:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.002)
        with lock:
            at_once, done = at_once - 1, done + 1

    several.make_due()
    with several.serving(concurrency=4, jobs=jobs_of(run)):
        until(lambda: done >= 505)
    assert (most, done) == (4, 505)


def test_it_stops_at_the_next_page_and_the_cycle_is_due_again_at_once(several: Fleet) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def held_up(engine: object, ticket: Ticket, stopping: Stopping) -> None:
        begun.set()
        assert go_on.wait(10)
        JOBS[JobKind.CYCLE].run(engine, ticket, stopping)  # type: ignore[arg-type]

    several.make_due()
    with several.serving(concurrency=1, jobs=jobs_of(held_up)) as service:
        assert begun.wait(10)
        service.stop()
        until(lambda: service.stopping)
        go_on.set()
    (cycle,) = several.cycles()
    assert (cycle.status, cycle.error_code) == (CycleStatus.FAILURE, "interrupted")
    stopped = several.integration(cycle.integration_id)
    assert (stopped.failures, stopped.due_at, stopped.lease_owner) == (0, cycle.ended_at, None)

    with several.serving():
        until(partial(several.has_ended, 6))
    assert [one.status for one in several.cycles()[1:]] == [CycleStatus.SUCCESS] * 5


def test_what_was_claimed_and_not_begun_is_due_as_before_when_it_stops(several: Fleet) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def held_up(_engine: object, _ticket: Ticket, _stopping: Stopping) -> None:
        begun.set()
        assert go_on.wait(10)

    due = several.engine.store.clock() - timedelta(seconds=5)
    several.make_due(due)
    with several.serving(concurrency=1, jobs=jobs_of(held_up)) as service:
        assert begun.wait(10)
        service.stop()
        until(lambda: service.stopping)
        go_on.set()
    # One had begun: it stays claimed. The others run at once, whether they waited in memory or in the base.
    with several.serving():
        until(partial(several.has_ended, 4), limit_s=20)
    assert {cycle.due_at for cycle in several.cycles()} == {due}


def test_a_cycle_too_long_for_the_grace_is_left_to_its_lease(several: Fleet) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def held_up(_engine: object, _ticket: Ticket, _stopping: Stopping) -> None:
        begun.set()
        go_on.wait(10)

    several.make_due()
    service = several.service(concurrency=1, grace_s=0.05, jobs=jobs_of(held_up))
    left: list[int] = []
    thread = threading.Thread(target=lambda: left.append(service.run()))
    thread.start()
    assert begun.wait(10)
    service.stop()
    thread.join(10)
    assert left == [1]
    go_on.set()


def test_it_tells_whether_it_lives_and_works(several: Fleet) -> None:
    with several.serving(port=0) as service:
        asked = requests.get(f"{service.address}/healthz", timeout=5)
        assert (asked.status_code, asked.json()) == (200, {"status": "ok"})
        until(lambda: requests.get(f"{service.address}/readyz", timeout=5).ok)
        assert requests.get(f"{service.address}/metrics", timeout=5).headers["content-type"].startswith("text/plain")
        with several.engine.store.writing() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        asked = requests.get(f"{service.address}/readyz", timeout=5)
        assert (asked.status_code, asked.json()["database"]) == (503, "database_newer")


def test_a_port_in_use_is_told_before_anything_begins(several: Fleet) -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(CannotListen) as refused:
        several.service(port=taken.getsockname()[1])
    assert refused.value.field == "port"


def test_a_deactivated_integration_that_was_due_is_left_alone(several: Fleet) -> None:
    several.make_due()
    with several.engine.store.writing() as session:
        session.execute(update(Integration).where(Integration.id != several.ids[0]).values(due_at=None))
        session.execute(update(Integration).values(state="inactive"))
    with several.serving():
        until(lambda: several.integration(several.ids[0]).due_at is None)
    assert several.cycles() == []


def test_serve_is_a_program_that_ends_when_it_is_told_to(tmp_path: Path, crm_on_sqlite: str) -> None:
    with fleet(tmp_path, crm_on_sqlite, size=2) as made:
        made.make_due()
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SYNCENGINE_HOME": str(made.engine.settings.home),
            "SYNCENGINE_DATABASE_URL": crm_on_sqlite,
        }
        command = [sys.executable, "-c", "from syncengine.cli import main; main()", "serve", "--port", "0"]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            until(partial(made.has_ended, 2))
            process.terminate()
            _, told = process.communicate(timeout=30)
        finally:
            process.kill()
        assert process.returncode == 0
        assert "service_started" in told
        assert "address=http://127.0.0.1:" in told
        assert "service_stopped" in (made.engine.settings.logs / "syncengine.log").read_text("utf-8")
        assert [cycle.status for cycle in made.cycles()] == [CycleStatus.SUCCESS] * 2
