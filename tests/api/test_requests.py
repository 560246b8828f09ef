"""What every request meets: one format of errors that echoes nothing, bounds, strict headers, no requests from other sites."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import time
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from api.bounds import Bounds
from api.openapi import operations, scope_of
from api.problem_codes import codes
from syncengine.access import scopes
from tests.api.clients import nobody, person, problem, program
from tests.api.serving import served

HOSTILE = "<script>alert(1)</script>'; DROP TABLE users;-- \u202e \U0001f4a3"


@pytest.fixture
def boss(lone_app: FastAPI) -> TestClient:
    """An administrator."""
    return person(lone_app, "admin", administrator=True)


def test_what_is_wrong_is_told_by_one_format(boss: TestClient) -> None:
    for path, status, code in (
        ("/api/v1/users?fly=1", 400, "parameter_unknown"),
        ("/api/v1/users?limit=201", 400, "parameter_invalid"),
        ("/api/v1/users?limit=many", 400, "parameter_invalid"),
        ("/api/v1/users?cursor=AAAA", 400, "cursor_invalid"),
        ("/api/v1/users?text=%00", 400, "parameter_invalid"),
        ("/api/v1/audit_events?since=2026-11-21", 400, "parameter_invalid"),
        ("/api/v1/audit_events?since=9999-12-31T23:59:59-12:00", 400, "parameter_invalid"),
        ("/api/v1/users/0", 404, "not_found"),
        ("/api/v1/users/99999999999999999999", 404, "not_found"),
        ("/api/v1/users/claire", 404, "not_found"),
        ("/api/v1/users/", 404, "not_found"),
        ("/api/v1/nothing", 404, "not_found"),
    ):
        assert problem(boss.get(path), status) == code, path


def test_a_body_that_breaks_the_schema_is_pointed_at_and_not_echoed(boss: TestClient) -> None:
    body = {"login": {"x": HOSTILE}, "name": HOSTILE + "\u0000", "document_types": ["DE", 7], "a/b~c": HOSTILE}
    answer = boss.post("/api/v1/users", json=body)
    assert problem(answer, 422) == "body_invalid"
    found = {(place["location"], place["pointer"], place["code"]) for place in answer.json()["errors"]}
    assert found == {
        ("body", "/login", "string_type"),
        ("body", "/name", "string_pattern_mismatch"),
        ("body", "/document_types/1", "string_type"),
        ("body", "/a~1b~0c", "extra_forbidden"),
    }
    assert "script" not in answer.text
    assert "DROP" not in answer.text


def test_a_body_that_is_none(boss: TestClient) -> None:
    for content, kind, status, code in (
        (b"{", "application/json", 400, "body_malformed"),
        (b"\xff\xfe", "application/json", 400, "body_malformed"),
        (b"[" * 100_000, "application/json", 400, "body_malformed"),
        (b"[]", "application/json", 422, "body_invalid"),
        (b"", "application/json", 422, "body_invalid"),
        (b"{}", "text/plain", 415, "body_type_unsupported"),
        (b'{"login": "\\ud800", "name": "x"}', "application/json", 422, "body_invalid"),
    ):
        answer = boss.post("/api/v1/users", content=content, headers={"Content-Type": kind})
        assert problem(answer, status) == code, content[:20]


def test_hostile_texts_go_in_and_out_unharmed(app: FastAPI) -> None:
    admin = person(app, "admin", administrator=True)
    made = admin.post("/api/v1/users", json={"login": "claire", "name": "R\u00e9mi \U0001f4a3 <b>'\";--"})
    assert admin.get(made.headers["location"]).json()["name"] == "R\u00e9mi \U0001f4a3 <b>'\";--"
    found = admin.get("/api/v1/users", params={"text": "'\";--"}).json()["items"]
    assert [user["login"] for user in found] == ["claire"]
    assert problem(admin.post("/api/v1/users", json={"login": "x'; --", "name": "x"}), 422) == "login_invalid"
    assert problem(admin.post("/api/v1/users", json={"login": "x", "name": HOSTILE}), 422) == "control_character"


def test_permission_comes_before_existence(lone_app: FastAPI) -> None:
    reader, stranger = program(lone_app, scopes.Scope.READ), nobody(lone_app)
    for path in ("/api/v1/users/1", "/api/v1/users/999", "/api/v1/users/999?fly=1"):
        assert problem(reader.get(path), 403) == "scope_missing"
        assert problem(stranger.get(path), 401) == "not_signed_in"


def test_every_operation_asks_who_is_calling(lone_app: FastAPI) -> None:
    described = list(operations(lone_app))
    assert len(described) > 15
    assert [(method, path) for path, method, route in described if scope_of(route) is None] == []


def test_an_error_says_where_it_is_documented_and_which_request_it_was(boss: TestClient) -> None:
    answer = boss.get("/api/v1/users/99", headers={"X-Request-ID": "run-42"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "run-42"
    documented = boss.get(answer.json()["type"].removeprefix("http://crm.test")).json()
    assert documented["code"] == "not_found"
    forged = boss.get("/api/v1/users/99", headers={"X-Request-ID": "a b\tc" * 50}).headers["x-request-id"]
    assert len(forged) == 32
    assert problem(boss.get("/api/problems/nothing_of_the_kind"), 404) == "not_found"
    assert all(code.meaning and code.status >= 400 for code in codes().values())


def test_head_and_options(boss: TestClient, lone_app: FastAPI) -> None:
    user_id = boss.get("/api/v1/session").json()["user_id"]
    path = f"/api/v1/users/{user_id}"
    get, head = boss.get(path), boss.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", get.headers["etag"])
    assert problem(nobody(lone_app).get(path), 401) == "not_signed_in"
    assert nobody(lone_app).head(path).status_code == 401
    options = boss.options(path)
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, PATCH")
    refused = boss.delete(path)
    assert problem(refused, 405) == "method_not_allowed"
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS, PATCH"
    assert problem(boss.options("/api/v1/nothing"), 404) == "not_found"


def test_answers_are_strict(boss: TestClient, lone_app: FastAPI) -> None:
    for answer in (
        boss.get("/api/v1/users"),
        boss.get("/api/v1/nothing"),
        boss.post("/api/v1/users", content=b"x" * 2_000_000),
        boss.get("/nothing"),
    ):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        # Only pages load anything.
        assert ("script-src" in policy) == (answer.url.path == "/nothing")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "camera=()" in answer.headers["permissions-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers
    over_tls = TestClient(lone_app, base_url="https://crm.test").get("/nothing")
    assert over_tls.headers["strict-transport-security"].startswith("max-age=")


def test_a_page_of_another_site_changes_nothing(boss: TestClient) -> None:
    ours: tuple[dict[str, str], ...] = (
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://crm.test"},
    )
    for number, headers in enumerate(ours):
        answer = boss.post("/api/v1/users", json={"login": f"u{number}", "name": "C"}, headers=headers)
        assert answer.status_code == 201, headers
    others = (
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://crm.test"},
        {"Origin": "http://crm.test:81"},
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
    )
    for headers in others:
        answer = boss.post("/api/v1/users", json={"login": "claire", "name": "C"}, headers=headers)
        assert problem(answer, 403) == "cross_site_refused", headers
    assert len(boss.get("/api/v1/users").json()["items"]) == len(ours) + 1


def test_a_key_comes_from_no_page(lone_app: FastAPI) -> None:
    robot = program(lone_app, scopes.Scope.ADMIN)
    answer = robot.post("/api/v1/users", json={"login": "c", "name": "C"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 201


def test_a_caller_who_asks_too_often_is_told_when_to_go_on(lone_app: FastAPI, boss: TestClient) -> None:
    counters = lone_app.state.limits
    for _ in range(3_000):
        counters.caller("session/1")
    refused = boss.get("/api/v1/users")
    assert problem(refused, 429) == "too_many_requests"
    assert 0 < int(refused.headers["retry-after"]) <= 120
    assert person(lone_app, "claire").get("/api/v1/session").status_code == 200


def test_long_answers_are_packed(boss: TestClient) -> None:
    answer = boss.get("/api/v1/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["openapi"].startswith("3.")


def test_ten_megabytes_are_refused_before_they_are_read(lone_app: FastAPI) -> None:
    with served(lone_app) as url:
        host = url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.putrequest("POST", "/api/v1/session")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(10_000_000))
        connection.endheaders()  # and nothing of the body
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "body_too_large")
        connection.close()

        chunked = http.client.HTTPConnection(host, timeout=10)
        chunked.request(
            *("POST", "/api/v1/session"),
            body=iter([b"x" * 100_000] * 11),
            headers={"Content-Type": "application/json"},
            encode_chunked=True,
        )
        answer = chunked.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "body_too_large")
        chunked.close()


def _through_bounds(lone_app: FastAPI, app: Any, body: list[Message], **bounds: float) -> tuple[int, dict[str, Any]]:
    """Status and problem of a request that comes in those parts, and then no further."""
    sent: list[Message] = []

    async def receive() -> Message:
        if body:
            return body.pop(0)
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/x",
        "query_string": b"",
        "headers": [],
        "scheme": "http",
        "server": ("crm.test", 80),
        "app": lone_app,
        "state": {"request_id": "r"},
    }
    asyncio.run(Bounds(app, **bounds)(scope, receive, send))  # type: ignore[arg-type]
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_request_that_takes_for_ever_is_answered(lone_app: FastAPI) -> None:
    async def slow(_scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(time.sleep, 0.2)  # a thread that cannot be stopped
        await send({"type": "http.response.start", "status": 200, "headers": []})

    begun = time.monotonic()
    status, told = _through_bounds(lone_app, slow, [], answer_s=0.02)
    assert (status, told["code"], told["retry"]) == (503, "overloaded", False)
    assert time.monotonic() - begun < 5


def test_a_body_that_never_arrives_is_not_waited_for(lone_app: FastAPI) -> None:
    part: Message = {"type": "http.request", "body": b"{", "more_body": True}
    sent: list[Message] = []

    async def receive() -> Message:
        if part:
            found = dict(part)
            part.clear()
            return found
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/session",
        "raw_path": b"",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "scheme": "http",
        "server": ("crm.test", 80),
        "http_version": "1.1",
        "root_path": "",
        "client": ("10.0.0.1", 1),
        "app": lone_app,
        "state": {"request_id": "r"},
    }
    asyncio.run(Bounds(lone_app, body_s=0.02)(scope, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["code"] == "body_late"


def test_a_mistake_of_the_server_is_logged_and_not_told(
    lone_app: FastAPI, boss: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("the secret is 42")

    lone_app.state.clock = broken
    answer = boss.get("/api/v1/users", headers={"X-Request-ID": "run-43"})
    assert problem(answer, 500) == "internal_error"
    assert "42" not in answer.text
    told = capsys.readouterr().err
    assert "run-43" in told
    assert "RuntimeError" in told


def test_gzip_is_no_way_around_the_bound(lone_app: FastAPI, boss: TestClient) -> None:
    packed = gzip.compress(b"x" * 100)
    answer = boss.post(
        "/api/v1/users", content=packed, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}
    )
    assert problem(answer, 400) == "body_malformed"
