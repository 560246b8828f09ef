"""Cycles, plans and undo on their pages: what was and would be done, ordered of the service (CRM-10, CRM-19, NEW-02, NEW-04)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from syncengine.desk.cycles import find_cycle
from syncengine.desk.pace import pace_of
from syncengine.desk.status import summary_of
from syncengine.model import Cycle, CycleKind, CycleStatus, RunRequest, RunState
from tests.api.clients import person
from tests.console.browser import looking
from tests.console.prepared import Prepared


@pytest.fixture
def claire(console: Prepared) -> TestClient:
    return person(console.app, "claire")


@pytest.fixture
def running(console: Prepared) -> Iterator[int]:
    """A cycle in the middle, gone again afterwards."""
    with console.engine.store.writing() as session:
        cycle = Cycle(
            integration_id=console.integration_id,
            kind=CycleKind.DIFFERENTIAL,
            status=CycleStatus.RUNNING,
            started_at=console.engine.store.clock() - timedelta(seconds=10),
            progress_done=100,
            progress_total=400,
        )
        session.add(cycle)
        session.flush()
        number = cycle.id
    yield number
    with console.engine.store.writing() as session:
        session.query(Cycle).filter_by(id=number).delete()


def _of(console: Prepared) -> str:
    return f"/integrations/{console.integration_id}"


def _requests(console: Prepared) -> list[RunRequest]:
    with console.engine.store.writing() as session:
        found = session.query(RunRequest).order_by(RunRequest.id).all()
        session.expunge_all()
        session.query(RunRequest).delete()
        return found


@pytest.mark.req("CRM-10")
def test_cycles_are_listed_by_status_kind_and_day(console: Prepared, claire: TestClient) -> None:
    rows = {
        filters: claire.get(f"{_of(console)}/cycles?{filters}").text.partition('id="list"')[2].count("<tr>")
        for filters in ("", "status=failure", "kind=first", "day=2020-01-01", "status=failure&kind=first")
    }
    assert rows["status=failure"] == 2  # with the headings
    assert rows["kind=first"] == 2
    assert (rows["day=2020-01-01"], rows["status=failure&kind=first"]) == (0, 0)
    assert rows[""] > 12
    lines = claire.get(f"{_of(console)}/cycles?status=failure&format=csv").text.splitlines()
    assert len(lines) == 2
    assert claire.get(f"{_of(console)}/cycles?day=nonsense").status_code == 400


@pytest.mark.req("CRM-10")
def test_a_cycle_under_way_tells_how_far_and_ends_by_itself(console: Prepared, browser: Browser, running: int) -> None:
    with looking(browser, console.url, [console.session()]) as page:
        page.goto(f"{_of(console)}/cycles/{running}")
        assert page.locator(".live-line").inner_text() == "100 fiches sur 400"
        assert "encore" in page.locator(".live-facts").inner_text()
        with console.engine.store.writing() as session:
            cycle = session.get_one(Cycle, running)
            cycle.progress_done, cycle.progress_total = 300, 400
        page.get_by_text("300 fiches sur 400").wait_for()
        with console.engine.store.writing() as session:
            cycle = session.get_one(Cycle, running)
            cycle.status, cycle.ended_at = CycleStatus.SUCCESS, console.engine.store.clock()
        page.get_by_role("heading", name="Ce qu'il a écrit").wait_for()


@pytest.mark.req("CRM-10")
def test_there_is_an_estimate_only_when_there_can_be_one(console: Prepared, running: int) -> None:
    with console.engine.store.reading() as session:
        cycle = find_cycle(session, running)
        at = cycle.started_at + timedelta(seconds=10)
        known = pace_of(summary_of(cycle), at)
        assert (known.rate, known.left_s, known.share) == (10, 30, 25)
        cycle.progress_total = None
        assert pace_of(summary_of(cycle), at).left_s is None
        cycle.progress_done = 0
        assert pace_of(summary_of(cycle), at).rate is None
        session.rollback()


@pytest.mark.req("NEW-04")
def test_undo_shows_its_plan_first_and_wants_the_number(console: Prepared, claire: TestClient) -> None:
    page = claire.get(f"{_of(console)}/cycles/4/undo").text
    assert "Rien n'est encore fait" in page
    assert "www.sage.example" in page
    assert claire.post(f"{_of(console)}/cycles/4/undos", data={"confirmation": "5", "_back": "/"}).status_code == 303
    assert _requests(console) == []
    done = claire.post(f"{_of(console)}/cycles/4/undos", data={"confirmation": "4", "changed_since_too": "1"})
    (request,) = _requests(console)
    assert done.headers["location"] == f"/runs/{request.id}"
    assert (request.order, request.asked_by) == ({"undoes": 4, "changed_since_too": True, "by": "claire"}, "claire")


@pytest.mark.req("NEW-02", "NEW-06")
def test_a_guards_plan_is_readable_and_approved_as_it_is(console: Prepared, claire: TestClient) -> None:
    page = claire.get(f"{_of(console)}/plans/1").text
    assert "26 tiers seraient désactivés dans le CRM (22,4" in page
    assert "Mis en sommeil" in page
    lines = claire.get(f"{_of(console)}/plans/1?format=csv").text.splitlines()
    assert len(lines) == 84
    claire.post(f"{_of(console)}/plans/1/approvals")
    (request,) = _requests(console)
    assert request.order["plan_id"] == 1
    assert claire.get(f"{_of(console)}/plans/999").status_code == 404


@pytest.mark.req("CRM-19")
def test_an_order_is_followed_to_its_cycle(console: Prepared, claire: TestClient) -> None:
    at = console.engine.store.clock()
    with console.engine.store.writing() as session:
        told = {"code": "integration_not_active", "message": "x", "remedy": ""}
        rows = [
            RunRequest(integration_id=console.integration_id, order={}, asked_at=at - timedelta(minutes=1)),
            RunRequest(integration_id=console.integration_id, order={}, asked_at=at, state=RunState.DONE, cycle_id=4),
            RunRequest(
                integration_id=console.integration_id, order={}, asked_at=at, state=RunState.REFUSED, problem=told
            ),
        ]
        session.add_all(rows)
        session.flush()
        waiting, done, refused = (row.id for row in rows)
    try:
        assert "ne semble pas en marche" in claire.get(f"/runs/{waiting}").text
        assert claire.get(f"/runs/{done}").headers["location"] == f"{_of(console)}/cycles/4"
        assert claire.get(f"/runs/{done}", headers={"HX-Request": "true"}).headers["HX-Redirect"].endswith("/cycles/4")
        assert "Refusé" in claire.get(f"/runs/{refused}").text
    finally:
        assert len(_requests(console)) == 3
