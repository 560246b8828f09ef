"""Runs that people ask for: one worker at a time, once, whatever dies in between (NEW-02, CRM-19, NEW-05)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from syncengine import integrations
from syncengine.crm.edits import edit_company
from syncengine.cycle.act import Act
from syncengine.cycle.run import DIFFERENTIAL, Order
from syncengine.desk.run_requests import RunView, approval, ask, order_as_json, order_of, show_run
from syncengine.errors import AlreadyRunning, InputRefused, NotActive, SettingsLocked
from syncengine.model import Company, CycleKind, Integration, Plan, RunRequest, RunState, Side
from syncengine.service.dispatcher import Dispatcher
from syncengine.service.jobs import JOBS
from syncengine.service.queue import open_queue
from syncengine.service.run_requests import carry_out
from syncengine.service.ticket import JobKind, Ticket
from syncengine.service.worker import Worker
from syncengine.sync import synchronise
from tests.syncengine.fleet import Fleet, fleet, until

NEVER = bool  # "is the service stopping?": no


@pytest.fixture
def one(tmp_path: Path, database_url: str) -> Iterator[Fleet]:
    with fleet(tmp_path, database_url, size=1) as made:
        with made.engine.store.writing() as session:
            session.execute(update(Integration).values(due_at=None))
        yield made


def asked(made: Fleet, order: Order = DIFFERENTIAL, **options: bool) -> int:
    with made.engine.store.writing() as session:
        at = made.engine.store.clock()
        return ask(session, made.ids[0], order, at=at, by="claire", **options).id


def run(made: Fleet, number: int) -> RunView:
    with made.engine.store.reading() as session:
        return show_run(session, number)


def claim(made: Fleet) -> list[Ticket]:
    return Dispatcher(made.engine.store, open_queue(made.engine.store), room=9).claim([JobKind.RUN], 9)


@pytest.mark.req("NEW-02", "CRM-19")
def test_a_plan_and_then_a_cycle_are_carried_out_by_the_service(one: Fleet) -> None:
    plan, cycle = asked(one, preview=True), asked(one)
    with one.serving():
        until(lambda: run(one, cycle).ended_at and run(one, plan).ended_at)
    made, done = run(one, plan), run(one, cycle)
    assert (made.state, made.plan_id is not None, made.cycle_id) == (RunState.DONE, True, None)
    assert (done.state, done.cycle_id, done.problem) == (RunState.DONE, 1, None)
    assert [one.id for one in one.cycles()] == [1]
    with one.engine.store.reading() as session:
        assert session.get_one(Plan, made.plan_id).kind is CycleKind.FIRST
        assert len(session.scalars(select(Company)).all()) >= 2
        assert approval(session, made.plan_id or 0) == (one.ids[0], Order(by="claire", plan_id=made.plan_id))
    assert claim(one) == []


@pytest.mark.req("NEW-05")
def test_a_request_is_claimed_once_and_again_when_its_worker_is_gone(one: Fleet) -> None:
    number = asked(one)
    (ticket,) = claim(one)
    assert (ticket.integration_id, ticket.token) == (one.ids[0], number)
    assert claim(one) == []

    # The worker died when the cycle had ended, and before it said so: nothing runs a second time.
    request = replace(Order(), request_id=number)
    with one.engine.store.writing() as session:
        session.execute(update(RunRequest).values(state=RunState.RUNNING))
    ended = synchronise(one.engine, one.ids[0], screen=False, order=request)
    with one.engine.store.writing() as session:
        session.execute(update(RunRequest).values(claimed_until=one.engine.store.clock()))
    (again,) = claim(one)
    JOBS[JobKind.RUN].run(one.engine, again, NEVER)
    assert (run(one, number).state, run(one, number).cycle_id) == (RunState.DONE, ended.cycle_id)
    assert len(one.cycles()) == 1

    # And a worker that wakes up later begins nothing any more.
    with pytest.raises(AlreadyRunning):
        synchronise(one.engine, one.ids[0], screen=False, order=request)
    carry_out(one.engine, number, NEVER)
    assert len(one.cycles()) == 1


def test_a_cycle_that_was_cut_off_is_followed_by_another(one: Fleet) -> None:
    number = asked(one)
    carry_out(one.engine, number, lambda: True)  # the service stops at the first page
    assert run(one, number).state is RunState.WAITING
    assert [cycle.error_code for cycle in one.cycles()] == ["interrupted"]
    carry_out(one.engine, number, NEVER)
    assert (run(one, number).state, run(one, number).cycle_id) == (RunState.DONE, 2)


def test_while_another_cycle_runs_it_waits_and_nobody_claims_it(one: Fleet) -> None:
    number, store = asked(one), one.engine.store
    with store.writing() as session:
        later = store.clock() + JOBS[JobKind.RUN].claimed_for
        session.execute(update(Integration).values(lease_owner="elsewhere 1 0.0", lease_until=later))
    assert claim(one) == []
    carry_out(one.engine, number, NEVER)
    assert run(one, number).state is RunState.WAITING
    with store.writing() as session:
        session.execute(update(Integration).values(lease_owner=None, lease_until=None))
        session.execute(update(RunRequest).values(claimed_until=store.clock()))
    assert [ticket.token for ticket in claim(one)] == [number]


def test_what_cannot_begin_is_refused_at_once_or_by_the_worker(one: Fleet) -> None:
    store = one.engine.store
    for order, problem in (
        (Order(full=True, preferred=Side.ERP), SettingsLocked),
        (Order(undoes=77), InputRefused),
        (Order(plan_id=77), InputRefused),
    ):
        with pytest.raises(problem):
            asked(one, order)
    number = asked(one)
    with store.writing() as session:
        integrations.deactivate(session, one.ids[0], at=store.clock())
    with pytest.raises(NotActive):
        asked(one)
    carry_out(one.engine, number, NEVER)
    refused = run(one, number)
    assert refused.state is RunState.REFUSED
    assert (refused.problem or {})["code"] == "integration_not_active"
    assert one.cycles() == []


def test_a_worker_that_fails_or_stops_leaves_the_request_in_order(one: Fleet) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("out of order")

    number = asked(one)
    (ticket,) = claim(one)
    stopped = Worker(one.engine, concurrency=1)
    stopped.stop()
    stopped.run(ticket)
    (ticket,) = claim(one)  # it was given back

    with one.engine.store.writing() as session:
        session.execute(update(RunRequest).values(state=RunState.RUNNING))
    jobs = {JobKind.RUN: replace(JOBS[JobKind.RUN], run=broken)}
    Worker(one.engine, concurrency=1, jobs=jobs).run(ticket)
    assert (run(one, number).state, (run(one, number).problem or {})["code"]) == (RunState.REFUSED, "unforeseen")
    stopped.close()


def test_an_order_is_kept_as_json() -> None:
    for order in (Order(), Order(full=True, preferred=Side.CRM), Order(undoes=3, changed_since_too=True, by="claire")):
        assert order_of(order_as_json(order)) == order
    assert order_as_json(Order(full=True, request_id=7)) == {"full": True}


@pytest.mark.req("NEW-06")
def test_a_run_that_a_guard_stopped_shows_the_plan_to_look_at(one: Fleet) -> None:
    carry_out(one.engine, asked(one), NEVER)
    with one.engine.store.writing() as session:
        session.execute(update(Integration).values(guards={"erp.change": {"count": 0, "percent": 0}}))
        company_id = session.scalars(select(Company.id).order_by(Company.id)).first() or 0
        edit_company(session, company_id, {"short_name": "AUTRE"}, Act(at=one.engine.store.clock(), by="claire"))
    number = asked(one)
    carry_out(one.engine, number, NEVER)
    stopped = run(one, number)
    assert (stopped.state, one.cycles()[-1].error_code) == (RunState.DONE, "guard_stopped")
    with one.engine.store.reading() as session:
        integration_id, order = approval(session, stopped.plan_id or 0)
    approved = asked(one, order)
    assert integration_id == one.ids[0]
    carry_out(one.engine, approved, NEVER)
    assert one.cycles()[-1].error_code is None
    with one.engine.store.reading() as session:
        assert session.get_one(Plan, stopped.plan_id).applied_cycle_id == run(one, approved).cycle_id
