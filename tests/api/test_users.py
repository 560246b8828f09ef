"""/users: made, changed, deactivated; rights (CRM-61) and types of document (CRM-55); everything is in the audit log."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.identity import COOKIE
from syncengine.model import Right
from tests.api.clients import items, nobody, person, problem, walk


def _made(admin: TestClient, login: str = "claire", **values: object) -> dict[str, object]:
    answer = admin.post("/api/v1/users", json={"login": login, "name": login.title(), **values})
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


def _events(admin: TestClient, **query: object) -> list[tuple[str, str, object]]:
    found = items(walk(admin, "/api/v1/audit_events", **query))
    return [(event["actor"], event["action"], event["detail"]) for event in found]


def test_a_user_is_made_and_signs_in_with_the_password_shown_once(app: FastAPI, admin: TestClient) -> None:
    key = {"Idempotency-Key": "make-claire"}
    form = {"login": "Claire", "name": "Claire", "email": "claire@example.com", "document_types": ["FA", "DE"]}
    first = admin.post("/api/v1/users", json=form, headers=key)
    again = admin.post("/api/v1/users", json=form, headers=key)

    assert first.status_code == again.status_code == 201
    assert first.headers["location"] == again.headers["location"] == f"/api/v1/users/{first.json()['user']['id']}"
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == {**first.json(), "password": None}
    assert (
        problem(admin.post("/api/v1/users", json={**form, "name": "C"}, headers=key), 422) == "idempotency_key_reused"
    )
    assert problem(admin.post("/api/v1/users", json={**form, "login": "claire"}), 409) == "login_in_use"
    shown = admin.get(first.headers["location"]).json()
    assert (shown["login"], shown["document_types"], shown["must_change_password"]) == ("claire", ["DE", "FA"], True)

    claire = nobody(app)
    entered = claire.post("/api/v1/session", json={"login": "claire", "password": first.json()["password"]})
    assert entered.json()["must_change_password"] is True
    assert problem(claire.get("/api/v1/users"), 403) == "password_change_required"
    change = {"current": first.json()["password"], "password": "les sanglots longs"}
    assert claire.put("/api/v1/session/password", json=change).status_code == 204
    assert problem(claire.get("/api/v1/users"), 403) == "scope_missing"
    assert ("admin", "user.created", {"login": [None, "claire"]}) in _events(admin, subject="user/2")
    assert _events(admin, actor="claire") == [
        ("claire", "user.password_changed", None),
        ("claire", "session.begun", None),
    ]


def test_a_change_names_the_version_it_is_based_on(admin: TestClient) -> None:
    path = f"/api/v1/users/{_made(admin)['user']['id']}"  # type: ignore[index]
    read = admin.get(path)
    etag = {"If-Match": read.headers["etag"]}

    assert problem(admin.patch(path, json={"name": "X"}), 428) == "version_missing"
    changed = admin.patch(path, json={"name": "Claire Martin", "email": " "}, headers=etag)
    assert (changed.json()["name"], changed.json()["email"], changed.json()["login"]) == (
        "Claire Martin",
        None,
        "claire",
    )
    assert problem(admin.patch(path, json={"name": "Y"}, headers=etag), 412) == "version_outdated"
    assert admin.get(path).json()["name"] == "Claire Martin"
    assert admin.get(path, headers={"If-None-Match": changed.headers["etag"]}).status_code == 304
    assert _events(admin, action="user.changed") == [("admin", "user.changed", {"name": ["Claire", "Claire Martin"]})]


def test_who_is_deactivated_is_signed_out_and_the_last_administrator_stays(app: FastAPI, admin: TestClient) -> None:
    claire = person(app)
    assert claire.get("/api/v1/session").json()["login"] == "claire"
    found = {user["login"]: user["id"] for user in items(walk(admin, "/api/v1/users", limit=1))}
    assert admin.patch(f"/api/v1/users/{found['claire']}", json={"active": False}, headers={"If-Match": "*"}).is_success
    assert problem(claire.get("/api/v1/session"), 401) == "not_signed_in"
    assert [user["login"] for user in items(walk(admin, "/api/v1/users", active=False))] == ["claire"]

    mine = f"/api/v1/users/{found['admin']}"
    for change in ({"active": False}, {"administrator": False}):
        assert problem(admin.patch(mine, json=change, headers={"If-Match": "*"}), 409) == "last_administrator"
    assert admin.get(mine).json()["active"] is True


@pytest.mark.req("CRM-61")
def test_every_right_is_granted_until_an_administrator_withdraws_it(app: FastAPI, admin: TestClient) -> None:
    claire = person(app)
    user_id = claire.get("/api/v1/session").json()["user_id"]
    path = f"/api/v1/users/{user_id}/rights"
    assert {one["right"]: one["granted"] for one in admin.get(path).json()["items"]} == dict.fromkeys(Right, True)
    for right in Right:
        for _ in range(2):
            assert admin.put(f"{path}/{right}", json={"granted": False}).json() == {"right": right, "granted": False}
    assert claire.get("/api/v1/session").json()["rights"] == []
    assert admin.get(f"/api/v1/users/{user_id}").json()["withdrawn"] == list(Right)
    admin.put(f"{path}/break_link", json={"granted": True})
    assert claire.get("/api/v1/session").json()["rights"] == ["break_link"]

    told = _events(admin, subject=f"user/{user_id}", action="user")
    assert told[0] == ("admin", "user.right_granted", {"break_link": [False, True]})
    assert [action for _, action, _ in told].count("user.right_withdrawn") == len(Right)
    assert problem(claire.put(f"{path}/reassign", json={"granted": True}), 403) == "scope_missing"
    assert problem(admin.put(f"{path}/fly", json={"granted": True}), 404) == "not_found"


@pytest.mark.req("CRM-55")
def test_an_administrator_limits_the_types_of_document_of_a_user(admin: TestClient) -> None:
    path = f"/api/v1/users/{_made(admin)['user']['id']}"  # type: ignore[index]
    assert admin.get(path).json()["document_types"] is None

    def change(types: object) -> object:
        return admin.patch(path, json={"document_types": types}, headers={"If-Match": "*"})

    assert change(["BL", "BC"]).json()["document_types"] == ["BC", "BL"]  # type: ignore[attr-defined]
    assert change([]).json()["document_types"] == []  # type: ignore[attr-defined]
    assert problem(change(["ZZ"]), 422) == "unknown_value"  # type: ignore[arg-type]
    assert change(None).json()["document_types"] is None  # type: ignore[attr-defined]


def test_a_new_password_is_handed_over_and_ends_every_session(app: FastAPI, admin: TestClient) -> None:
    claire = person(app)
    user_id = claire.get("/api/v1/session").json()["user_id"]
    handed = admin.post(f"/api/v1/users/{user_id}/one_time_passwords").json()["password"]
    assert problem(claire.get("/api/v1/session"), 401) == "not_signed_in"
    assert claire.post("/api/v1/session", json={"login": "claire", "password": handed}).status_code == 201
    assert admin.delete(f"/api/v1/users/{user_id}/sessions").status_code == 204
    assert claire.cookies[COOKIE]
    assert problem(claire.get("/api/v1/session"), 401) == "not_signed_in"
