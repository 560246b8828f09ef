"""Unsafe requests: carried out once, together with their audit, or not at all."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.testclient import TestClient

from api.work import Work
from syncengine.model import AuditEvent, IdempotencyKey, User
from tests.api.clients import person, problem, walk
from tests.api.conftest import Clock

FORM = {"login": "claire", "name": "Claire"}


def test_the_same_request_at_once_from_many_sides_happens_once(app: FastAPI, admin: TestClient) -> None:
    def send(_number: int) -> tuple[int, object]:
        mine = TestClient(app, base_url="http://crm.test", cookies=dict(admin.cookies))
        answer = mine.post("/api/v1/users", json=FORM, headers={"Idempotency-Key": "twice"})
        return answer.status_code, answer.json()["user"]["id"]

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(send, range(6)))
    assert len(answers) == 1
    assert answers.pop()[0] == 201
    with app.state.engine.store.reading() as session:
        assert session.scalar(select(func.count()).where(User.login == "claire")) == 1
        assert session.scalar(select(func.count()).where(AuditEvent.action == "user.created")) == 1


def test_what_was_refused_may_be_sent_again_and_keys_are_each_callers_own(lone_app: FastAPI, clock: Clock) -> None:
    admin, other = person(lone_app, "admin", administrator=True), person(lone_app, "chef", administrator=True)
    key = {"Idempotency-Key": "k"}
    assert problem(admin.post("/api/v1/users", json={**FORM, "login": "admin"}, headers=key), 409) == "login_in_use"
    assert admin.post("/api/v1/users", json=FORM, headers=key).status_code == 201
    assert problem(other.post("/api/v1/users", json=FORM, headers=key), 409) == "login_in_use"
    for wrong in ("", "a b", "é", "x" * 81):
        answer = admin.post("/api/v1/users", json=FORM, headers=[(b"Idempotency-Key", wrong.encode())])
        assert problem(answer, 400) == "parameter_invalid"

    clock.later(hours=11)
    admin.get("/api/v1/session")
    clock.later(hours=11)
    admin.get("/api/v1/session")
    clock.later(hours=3)
    assert problem(admin.post("/api/v1/users", json=FORM, headers=key), 409) == "login_in_use"  # forgotten after a day
    assert admin.post("/api/v1/users", json={**FORM, "login": "paul"}, headers=key).status_code == 201
    with lone_app.state.engine.store.reading() as session:
        assert len(session.scalars(select(IdempotencyKey)).all()) == 1


def test_work_and_audit_stay_together_or_not_at_all(
    app: FastAPI, admin: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Work, "audit", broken)
    assert problem(admin.post("/api/v1/users", json=FORM), 500) == "internal_error"
    monkeypatch.undo()
    assert admin.post("/api/v1/users", json=FORM).status_code == 201


def test_a_dry_run_leaves_nothing(app: FastAPI, admin: TestClient, clock: Clock) -> None:
    class Request:
        def __init__(self) -> None:
            self.app = app

    class Caller:
        at = clock()

    work = Work(Request(), Caller())  # type: ignore[arg-type]
    with work.writing(dry_run=True) as session:
        session.add(User(login="essai", name="Essai", created_at=clock()))
        session.flush()
        assert session.scalar(select(func.count()).where(User.login == "essai")) == 1
    with app.state.engine.store.reading() as session:
        assert session.scalar(select(func.count()).where(User.login == "essai")) == 0


def test_a_list_is_walked_in_a_stable_order_and_a_cursor_is_for_its_list(app: FastAPI, admin: TestClient) -> None:
    logins = [f"u{number:02}" for number in range(7)]
    with app.state.engine.store.writing() as session:
        session.add_all(User(login=login, name=login, created_at=app.state.clock()) for login in logins)
    pages = walk(admin, "/api/v1/users", limit=3, text="u")
    assert [len(page.json()["items"]) for page in pages] == [3, 3, 1]
    assert [user["login"] for page in pages for user in page.json()["items"]] == logins

    cursor = pages[0].json()["next"]
    assert problem(admin.get("/api/v1/audit_events", params={"cursor": cursor}), 400) == "cursor_invalid"
    for wrong in (["list_users"], ["list_users", 3], ["list_users", "a\u0000"], ["list_users", "a", "b"], {"a": 1}, 7):
        text = base64.urlsafe_b64encode(json.dumps(wrong).encode()).decode().rstrip("=")
        assert problem(admin.get("/api/v1/users", params={"cursor": text}), 400) == "cursor_invalid", wrong
    for text in ("", "é", "AAA", "=" * 9, base64.b64encode(b"[" * 700).decode()):
        assert problem(admin.get("/api/v1/users", params={"cursor": text}), 400) == "cursor_invalid", text
