"""API keys: shown once, hashed, scoped, with an end; they act on behalf of a user and may not do more."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from syncengine.access.scopes import Scope
from syncengine.model import ApiKey, IdempotencyKey, User
from tests.api.clients import items, nobody, person, problem, program, walk
from tests.api.conftest import Clock

KEYS = "/api/v1/api_keys"


def _with(app: FastAPI, text: str) -> TestClient:
    client = nobody(app)
    client.headers["Authorization"] = f"Bearer {text}"
    return client


def test_a_key_is_shown_once_and_kept_as_a_hash(app: FastAPI, admin: TestClient) -> None:
    form = {"name": "ETL", "scopes": ["read", "admin"], "expires_at": "2027-01-01T00:00:00+01:00"}
    made = admin.post(KEYS, json=form, headers={"Idempotency-Key": "k1"})
    again = admin.post(KEYS, json=form, headers={"Idempotency-Key": "k1"})
    text, shown = made.json()["key"], made.json()["api_key"]

    assert text.startswith(f"sk_{shown['prefix']}_")
    assert (again.json()["key"], again.json()["api_key"]) == (None, shown)
    assert shown["expires_at"] == "2026-12-31T23:00:00Z"
    assert admin.get(made.headers["location"]).json() == shown
    with app.state.engine.store.reading() as session:
        kept = session.scalars(select(ApiKey)).one()
        assert text not in (kept.key_hash, kept.prefix)
        assert text not in str(session.scalars(select(IdempotencyKey.body)).one())

    robot = _with(app, text)
    assert robot.get("/api/v1/session").json()["scopes"] == ["read", "admin"]
    assert robot.get(KEYS).json()["items"][0]["used_at"] == "2026-11-21T08:30:00Z"
    assert robot.post("/api/v1/users", json={"login": "c", "name": "C"}).status_code == 201
    told = items(walk(admin, "/api/v1/audit_events", actor="key:ETL"))
    assert [(one["action"], one["actor"]) for one in told] == [("user.created", "key:ETL")]
    assert told[0]["request_id"]


def test_a_key_may_not_do_more_than_it_was_given_nor_than_its_user(app: FastAPI, admin: TestClient) -> None:
    reader = program(app, Scope.READ, name="lecture")
    assert problem(reader.get("/api/v1/users"), 403) == "scope_missing"
    change = {"current": "x", "password": "les sanglots longs"}
    assert problem(reader.put("/api/v1/session/password", json=change), 403) == "scope_missing"

    claire = person(app).get("/api/v1/session").json()["user_id"]
    form = {"name": "à elle", "scopes": ["admin"], "user_id": claire}
    assert problem(admin.post(KEYS, json=form), 422) == "scope_beyond_user"
    assert problem(admin.post(KEYS, json={**form, "user_id": 999}), 422) == "unknown_user"
    assert problem(admin.post(KEYS, json={**form, "scopes": []}), 422) == "body_invalid"
    made = admin.post(KEYS, json={**form, "scopes": ["read", "edit"]}).json()
    hers = _with(app, made["key"])
    assert hers.get("/api/v1/session").json()["login"] == "claire"

    boss = program(app, Scope.ADMIN, login="robot", name="chef")
    with app.state.engine.store.writing() as session:
        session.scalars(select(User).where(User.login == "robot")).one().administrator = False
    assert problem(boss.get(KEYS), 403) == "scope_missing"
    admin.patch(f"/api/v1/users/{claire}", json={"active": False}, headers={"If-Match": "*"})
    assert problem(hers.get("/api/v1/session"), 401) == "not_signed_in"


def test_a_key_ends_by_itself_or_at_once(lone_app: FastAPI, clock: Clock) -> None:
    admin = person(lone_app, "admin", administrator=True)
    end = clock() + timedelta(hours=1)
    made = admin.post(KEYS, json={"name": "a", "scopes": ["read"], "expires_at": end.isoformat()}).json()
    lasting = admin.post(KEYS, json={"name": "b", "scopes": ["read"]}).json()
    short, long = _with(lone_app, made["key"]), _with(lone_app, lasting["key"])
    assert short.get("/api/v1/session").status_code == long.get("/api/v1/session").status_code == 200
    clock.later(hours=1)
    assert problem(short.get("/api/v1/session"), 401) == "not_signed_in"
    path = f"{KEYS}/{lasting['api_key']['id']}"
    assert admin.delete(path).status_code == admin.delete(path).status_code == 204
    assert problem(long.get("/api/v1/session"), 401) == "not_signed_in"
    assert admin.get(path).json()["revoked_at"] == "2026-11-21T09:30:00Z"
    for wrong in (clock(), clock() + timedelta(days=731)):
        form = {"name": "c", "scopes": ["read"], "expires_at": wrong.isoformat()}
        assert problem(admin.post(KEYS, json=form), 422) == "key_expiry_invalid"
    assert [key["name"] for key in items(walk(admin, KEYS, limit=1))] == ["b", "a"]


def test_what_is_no_key_opens_nothing(lone_app: FastAPI) -> None:
    good = program(lone_app, Scope.READ).headers["Authorization"]
    claire = person(lone_app)
    wrong = ("", "Basic Y2xhaXJlOng=", "Bearer", "Bearer ", "Bearer sk_", f"{good}x", good[:-1], "Bearer \u00e9")
    for header in wrong:
        answer = nobody(lone_app).get("/api/v1/session", headers=[(b"Authorization", header.encode())])
        assert problem(answer, 401) == "not_signed_in", header
    claire.headers["Authorization"] = "Bearer sk_wrong"
    assert problem(claire.get("/api/v1/session"), 401) == "not_signed_in"  # the header counts, not the cookie beside it
