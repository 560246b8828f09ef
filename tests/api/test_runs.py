"""Cycles asked for over HTTP: 202 and a run to follow, its plan, its progress, what it met, what it wrote, and taking it back."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import select
from starlette.testclient import TestClient

from api.app import create_app
from syncengine.access.scopes import Scope
from syncengine.crm.edits import edit_company
from syncengine.cycle.act import Act
from syncengine.model import Company, RunRequest, RunState
from syncengine.service.run_requests import carry_out
from tests.api.clients import items, person, problem, program, walk
from tests.api.serving import served
from tests.syncengine.fleet import Fleet, fleet


@pytest.fixture
def one(tmp_path: Path, crm_on_sqlite: str) -> Iterator[Fleet]:
    """An integration with a real gateway."""
    with fleet(tmp_path, crm_on_sqlite, size=1) as made:
        yield made


@pytest.fixture
def app(one: Fleet) -> FastAPI:
    """The application over it."""
    return create_app(one.engine)


@pytest.fixture
def claire(app: FastAPI) -> TestClient:
    """Somebody who asks for cycles."""
    return person(app)


def carried_out(app: FastAPI, asked: Response) -> dict[str, Any]:
    """The run after a worker has carried it out."""
    assert asked.status_code == 202, asked.text
    assert asked.headers["location"] == f"/api/v1/runs/{asked.json()['id']}"
    carry_out(app.state.engine, asked.json()["id"], bool)
    found: dict[str, Any] = person(app).get(asked.headers["location"]).json()
    return found


@pytest.mark.req("NEW-02", "NEW-04", "CRM-51")
def test_from_plan_to_cycle_to_undo(app: FastAPI, claire: TestClient, one: Fleet) -> None:
    cycles = f"/api/v1/integrations/{one.ids[0]}/cycles"
    asked = claire.post(cycles, json={"dry_run": True}, headers={"Idempotency-Key": "k"})
    assert claire.post(cycles, json={"dry_run": True}, headers={"Idempotency-Key": "k"}).json() == asked.json()
    assert asked.json()["state"] == RunState.WAITING
    plan_id = carried_out(app, asked)["run"]["plan_id"]
    assert items(walk(claire, cycles)) == []
    plan = claire.get(f"/api/v1/plans/{plan_id}").json()
    lines = items(walk(claire, f"/api/v1/plans/{plan_id}/lines", limit=7))
    assert (len(lines), plan["totals"]["crm"]["created"] >= 2) == (plan["size"], True)

    # Exactly what the plan says.
    run = carried_out(app, claire.post(f"/api/v1/plans/{plan_id}/approvals"))
    cycle_id = run["run"]["cycle_id"]
    assert (run["run"]["state"], run["cycle"]["status"], run["run"]["asked_by"]) == ("done", "success", "claire")
    assert claire.get(f"/api/v1/plans/{plan_id}").json()["plan"]["applied_cycle_id"] == cycle_id
    assert [found["id"] for found in items(walk(claire, cycles, status="success", limit=1))] == [cycle_id]
    assert claire.get(f"/api/v1/cycles/{cycle_id}").json()["counts"] == run["cycle"]["counts"]
    analysis = claire.get(f"/api/v1/cycles/{cycle_id}/analysis").json()
    assert analysis["cycle"]["id"] == cycle_id

    with one.engine.store.writing() as session:
        company_id = session.scalars(select(Company.id).order_by(Company.id)).first() or 0
        edit_company(session, company_id, {"short_name": "AUTRE"}, Act(at=one.engine.store.clock(), by="paul"))
    pushed = carried_out(app, claire.post(cycles))["run"]["cycle_id"]
    journal = items(walk(claire, f"/api/v1/companies/{company_id}/journal_entries", limit=1))
    assert ("short_name", "AUTRE", "paul") in {(line["path"], line["after"], line["by"]) for line in journal}
    explained = claire.get(f"/api/v1/companies/{company_id}/explanation", params={"field": "short_name"}).json()
    assert (explained["company_value"], explained["erp_value"], explained["standing"]) == ("AUTRE", "AUTRE", "agreed")
    assert items(walk(claire, f"/api/v1/cycles/{pushed}/journal_entries"))

    undo = claire.get(f"/api/v1/cycles/{pushed}/undo").json()
    assert undo["counts"]["edits"] == len(undo["edits"]) == 1
    tried = carried_out(app, claire.post(f"/api/v1/cycles/{pushed}/undos", json={"dry_run": True}))
    approved = carried_out(app, claire.post(f"/api/v1/plans/{tried['run']['plan_id']}/approvals"))
    assert approved["cycle"]["kind"] == "undo"
    assert claire.get(f"/api/v1/companies/{company_id}").json()["name"]
    after = claire.get(f"/api/v1/companies/{company_id}/explanation", params={"field": "short_name"}).json()
    assert after["company_value"] != "AUTRE"
    states = [found["state"] for found in items(walk(claire, "/api/v1/runs", limit=2))]
    assert states == ["done"] * 5


def test_what_cannot_begin_is_refused_at_once(claire: TestClient, app: FastAPI, one: Fleet) -> None:
    cycles = f"/api/v1/integrations/{one.ids[0]}/cycles"
    assert problem(claire.post(cycles, json={"preferred": "erp"}), 409) == "settings_locked"
    assert problem(claire.post(cycles, json={"plan_id": 7}), 404) == "plan_unknown"
    assert problem(claire.post("/api/v1/integrations/77/cycles"), 404) == "integration_unknown"
    assert problem(claire.post("/api/v1/cycles/7/undos"), 404) == "cycle_unknown"
    assert problem(claire.get("/api/v1/runs/7"), 404) == "run_unknown"
    assert problem(claire.get("/api/v1/runs/7/events"), 404) == "run_unknown"
    assert problem(program(app, Scope.READ).post(cycles), 403) == "scope_missing"
    with one.engine.store.reading() as session:
        assert session.scalars(select(RunRequest)).all() == []


def test_progress_is_told_until_the_end(claire: TestClient, app: FastAPI, one: Fleet) -> None:
    asked = claire.post(f"/api/v1/integrations/{one.ids[0]}/cycles")
    path = f"{asked.headers['location']}/events"
    with served(app) as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in claire.cookies.items())}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        first = _event(answer)
        assert (first["event"], json.loads(first["data"])["run"]["state"]) == ("progress", "waiting")
        carry_out(one.engine, asked.json()["id"], bool)
        events = [first]
        while events[-1]["event"] != "end":
            events.append(_event(answer))
        assert json.loads(events[-1]["data"])["cycle"]["status"] == "success"
        assert answer.read() == b""
        # Who comes back is told what is new, and the end.
        connection.request("GET", path, headers={**headers, "Last-Event-ID": events[-1]["id"]})
        assert _event(connection.getresponse())["event"] == "end"
        connection.close()
    cycle = f"/api/v1/cycles/{json.loads(events[-1]['data'])['run']['cycle_id']}"
    assert claire.get(f"{cycle}/events").text.count("event: end") == 1


def _event(answer: http.client.HTTPResponse) -> dict[str, str]:
    """The next event of a stream; comments that keep it open are passed over."""
    said: dict[str, str] = {}
    while True:
        line = answer.readline().decode().rstrip("\n")
        if not line and said:
            return said
        name, _, value = line.partition(": ")
        if name:
            said[name] = value
