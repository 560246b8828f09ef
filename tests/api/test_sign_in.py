"""Signing in and out: sessions that can be ended, guessing that is slow, nobody locked out for good."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr
from sqlalchemy import select
from starlette.testclient import TestClient

from api.app import create_app
from api.identity import COOKIE
from api.limits import Limits
from syncengine.access import first_admin, passwords
from syncengine.engine import Engine
from syncengine.model import AuditEvent, User, UserSession
from syncengine.settings import settings_from
from tests.api.clients import PASSWORD, engine_over, items, nobody, person, problem
from tests.api.conftest import Clock
from tests.api.hashing import REAL

SIGN_IN = "/api/v1/session"


@pytest.fixture
def claire(lone_app: FastAPI) -> TestClient:
    """Somebody with a password, signed in by other means."""
    client = person(lone_app)
    with lone_app.state.engine.store.writing() as session:
        user = session.scalars(select(User)).one()
        user.password_hash = passwords.hashed(SecretStr(PASSWORD))
    return client


def _try(client: TestClient, password: str = PASSWORD, login: str = "claire") -> int:
    return client.post(SIGN_IN, json={"login": login, "password": password}).status_code


def test_the_first_start_makes_one_administrator_whose_password_is_changed_first(app: FastAPI, clock: Clock) -> None:
    store = app.state.engine.store
    with store.writing() as session:
        made = first_admin.ensure(session, clock())
    with store.writing() as session:
        assert first_admin.ensure(session, clock()) is None
    assert made is not None
    admin = nobody(app)
    entered = admin.post(SIGN_IN, json={"login": "admin", "password": made.password.get_secret_value()})
    assert (entered.status_code, entered.json()["must_change_password"]) == (201, True)
    assert problem(admin.get("/api/v1/users"), 403) == "password_change_required"
    change = {"current": made.password.get_secret_value(), "password": PASSWORD}
    assert admin.put(f"{SIGN_IN}/password", json=change).status_code == 204
    assert [user["login"] for user in admin.get("/api/v1/users").json()["items"]] == ["admin"]


def test_a_password_is_hard_to_guess_and_another_one(claire: TestClient) -> None:
    for chosen, code in (
        ("court", "password_weak"),
        ("claireclaire", "password_weak"),
        ("aaaaaaaaaaaaaaaa", "password_weak"),
        ("un\u0000 mot de passe", "password_weak"),
        (PASSWORD, "password_same"),
    ):
        change = {"current": PASSWORD, "password": chosen}
        assert problem(claire.put(f"{SIGN_IN}/password", json=change), 422) == code, chosen


def test_the_present_password_is_asked_for_again(claire: TestClient) -> None:
    change = {"current": "celui d'une autre", "password": "les sanglots longs"}
    assert problem(claire.put(f"{SIGN_IN}/password", json=change), 422) == "password_wrong"


def test_a_changed_password_ends_the_other_sessions(claire: TestClient, lone_app: FastAPI) -> None:
    elsewhere = person(lone_app)
    assert len(items([claire.get("/api/v1/sessions")])) == 2
    change = {"current": PASSWORD, "password": "les sanglots longs"}
    assert claire.put(f"{SIGN_IN}/password", json=change).status_code == 204
    assert claire.get(SIGN_IN).status_code == 200
    assert problem(elsewhere.get(SIGN_IN), 401) == "not_signed_in"


def test_nobody_learns_whether_a_login_exists(claire: TestClient, lone_app: FastAPI) -> None:
    stranger = nobody(lone_app)
    answers = [
        stranger.post(SIGN_IN, json={"login": login, "password": password}).json()
        for login, password in (("claire", "faux"), ("personne", "faux"), ("clai\u0301re", PASSWORD))
    ]
    told = [{name: value for name, value in answer.items() if name != "request_id"} for answer in answers]
    assert told[0] == told[1] == told[2]
    assert told[0]["code"] == "sign_in_refused"
    with lone_app.state.engine.store.reading() as session:
        kept = session.execute(select(AuditEvent.actor, AuditEvent.action, AuditEvent.subject, AuditEvent.detail)).all()
    assert [tuple(row) for row in kept] == [
        ("claire", "session.refused", "user/1", None),
        ("nobody", "session.refused", None, None),
        ("nobody", "session.refused", None, None),
    ]


def test_guessing_is_refused_for_longer_and_longer_but_not_from_the_users_own_browser(
    claire: TestClient, lone_app: FastAPI, clock: Clock
) -> None:
    assert _try(claire) == 201  # from here on this browser is known
    guesser = nobody(lone_app)
    lone_app.state.limits = Limits(settings_from({"sign_ins_per_minute": 1_000}))
    for _ in range(5):
        assert _try(guesser, "faux") == 401
    assert _try(guesser) == 401  # even with the right password
    clock.later(seconds=29)
    assert _try(guesser, "faux") == 401  # tried meanwhile: it gets no longer
    assert _try(claire) == 201  # and begins anew: the count is back at nought
    for _ in range(6):
        assert _try(guesser, "faux") == 401
    clock.later(seconds=31)
    assert _try(guesser) == 201  # the sixth failure came while it was refused: 30 seconds

    for _ in range(5):
        assert _try(guesser, "faux", "claire") == 401
    clock.later(seconds=31)
    delays = []
    for _ in range(6):
        assert _try(guesser, "faux") == 401
        with lone_app.state.engine.store.reading() as session:
            locked_until = session.scalars(select(User.locked_until)).one()
        assert locked_until is not None
        delays.append((locked_until - clock()).total_seconds())
        clock.later(seconds=delays[-1])
    assert delays == [60, 120, 240, 480, 900, 900]
    assert _try(guesser) == 201


def test_an_address_may_not_try_all_day(lone_app: FastAPI) -> None:
    stranger = nobody(lone_app)
    codes = [_try(stranger, "faux", f"personne{n}") for n in range(12)]
    assert codes == [401] * 10 + [429] * 2
    refused = stranger.post(SIGN_IN, json={"login": "x", "password": "y"})
    assert problem(refused, 429) == "too_many_requests"
    assert 0 < int(refused.headers["retry-after"]) <= 120


def test_a_session_ends_when_nobody_is_there_and_at_last_in_any_case(claire: TestClient, clock: Clock) -> None:
    for _ in range(15):
        clock.later(hours=11)
        assert claire.get(SIGN_IN).status_code == 200
    clock.later(hours=4)
    assert problem(claire.get(SIGN_IN), 401) == "not_signed_in"  # 169 hours


def test_a_session_left_alone_is_over(claire: TestClient, clock: Clock) -> None:
    clock.later(hours=12, seconds=1)
    assert problem(claire.get(SIGN_IN), 401) == "not_signed_in"


def test_presence_is_written_down_once_a_minute(claire: TestClient, lone_app: FastAPI, clock: Clock) -> None:
    begun = clock()

    def seen() -> float:
        with lone_app.state.engine.store.reading() as session:
            since: timedelta = session.scalars(select(UserSession.seen_at)).one() - begun
        return since.total_seconds()

    clock.later(seconds=59)
    claire.get(SIGN_IN)
    assert seen() == 0
    clock.later(seconds=1)
    claire.get(SIGN_IN)
    assert seen() == 60


def test_sessions_are_listed_and_ended_one_by_one_or_all_at_once(app: FastAPI, engine: Engine) -> None:
    here, there, other = person(app), person(app), person(app, "paul")
    listed = items([here.get("/api/v1/sessions")])
    assert [one["current"] for one in listed] == [False, True]
    assert listed[0]["agent"] == "test"
    theirs = items([other.get("/api/v1/sessions")])[0]["id"]
    assert problem(here.delete(f"/api/v1/sessions/{theirs}"), 404) == "not_found"
    assert problem(here.delete("/api/v1/sessions/999"), 404) == "not_found"
    assert here.delete(f"/api/v1/sessions/{listed[0]['id']}").status_code == 204
    assert problem(there.get(SIGN_IN), 401) == "not_signed_in"
    assert here.delete("/api/v1/sessions").status_code == 204
    assert problem(here.get(SIGN_IN), 401) == "not_signed_in"
    assert other.get(SIGN_IN).status_code == 200
    assert other.delete(SIGN_IN).status_code == 204
    assert problem(other.get(SIGN_IN), 401) == "not_signed_in"
    with engine.store.reading() as session:
        assert session.scalars(select(UserSession)).all() == []


def test_only_hashes_are_kept(lone_app: FastAPI, claire: TestClient) -> None:
    assert _try(claire) == 201
    token = next(cookie.value for cookie in claire.cookies.jar if cookie.name == COOKIE)
    assert token
    raw = lone_app.state.engine.store.engine.url.database
    with open(raw, "rb") as base, open(f"{raw}-wal", "rb") as journal:  # noqa: PTH123
        kept = base.read() + journal.read()
    assert b"claire" in kept
    assert token.encode() not in kept
    assert PASSWORD.encode() not in kept


def test_the_hash_of_a_password_follows_todays_parameters(lone_app: FastAPI, claire: TestClient) -> None:
    assert REAL.hash(PASSWORD).startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    old = PasswordHash((Argon2Hasher(memory_cost=32, time_cost=1, parallelism=1),)).hash(PASSWORD)
    store = lone_app.state.engine.store
    with store.writing() as session:
        session.scalars(select(User)).one().password_hash = old
    assert _try(claire, "faux") == 401
    assert _try(claire) == 201
    with store.reading() as session:
        kept = session.scalars(select(User.password_hash)).one()
    assert kept is not None
    assert kept != old
    assert kept.startswith("$argon2id$v=19$m=64,")
    assert _try(claire) == 201


def test_over_tls_cookies_stay_on_this_host_and_out_of_scripts(lone_engine: Engine, clock: Clock) -> None:
    settings = lone_engine.settings.model_copy(update={"public_url": "https://crm.test"})
    app = create_app(engine_over(lone_engine.store, settings), clock=clock)
    with lone_engine.store.writing() as session:
        made = first_admin.ensure(session, clock())
    assert made is not None
    form = {"login": "admin", "password": made.password.get_secret_value()}
    cookies = nobody(app).post(SIGN_IN, json=form).headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
