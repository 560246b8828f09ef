"""Sign-in by an identity provider: a real one on loopback, and what somebody might try."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey
from pydantic import SecretStr
from sqlalchemy import select
from starlette.testclient import TestClient

from api.app import create_app
from syncengine.engine import Engine
from syncengine.model import AuditEvent, User
from tests.api.clients import engine_over, nobody, problem, shown_problem
from tests.api.conftest import Clock
from tests.api.identity_provider import CLIENT, SECRET, IdentityProvider, identity_provider

BEGIN = "/sign-in/oidc"


@pytest.fixture(scope="module")
def living() -> Iterator[IdentityProvider]:
    """A provider for all tests of this file."""
    with identity_provider() as provider:
        yield provider


@pytest.fixture
def provider(living: IdentityProvider) -> IdentityProvider:
    """A provider that tells the truth about somebody with a verified e-mail address."""
    living.person = {"sub": "s-1", "email": "Claire@example.com", "email_verified": True}
    living.lie, living.signing = {}, None
    return living


@pytest.fixture
def oidc_app(lone_engine: Engine, clock: Clock, provider: IdentityProvider) -> FastAPI:
    """The application with that provider, and the user Claire."""
    update = {"oidc_issuer": provider.url, "oidc_client_id": CLIENT, "oidc_client_secret": SecretStr(SECRET)}
    engine = engine_over(lone_engine.store, lone_engine.settings.model_copy(update=update))
    with engine.store.writing() as session:
        session.add(User(login="claire", name="Claire", email="claire@example.com", created_at=clock()))
        session.add(User(login="paul", name="Paul", email="paul@example.com", created_at=clock()))
    return create_app(engine, clock=clock)


def _back(browser: TestClient, provider: IdentityProvider, to: str = "/") -> str:
    begun = browser.get(BEGIN, params={"next": to})
    assert begun.status_code == 303, begun.text
    return provider.sign_in(begun.headers["location"]).removeprefix("http://crm.test")


def test_somebody_the_provider_knows_is_signed_in_and_known_by_subject_from_then_on(
    oidc_app: FastAPI, provider: IdentityProvider
) -> None:
    browser = nobody(oidc_app)
    entered = browser.get(_back(browser, provider, "/companies?page=2"))
    assert (entered.status_code, entered.headers["location"]) == (303, "/companies?page=2")
    assert browser.get("/api/v1/session").json()["login"] == "claire"

    provider.person = {"sub": "s-1", "email": "paul@example.com", "email_verified": True}
    other = nobody(oidc_app)
    other.get(_back(other, provider))
    assert other.get("/api/v1/session").json()["login"] == "claire"
    with oidc_app.state.engine.store.reading() as session:
        told = session.execute(select(AuditEvent.actor, AuditEvent.action).order_by(AuditEvent.id)).all()
    assert [tuple(row) for row in told] == [
        ("claire", "user.identity_tied"),
        ("claire", "session.begun"),
        ("claire", "session.begun"),
    ]


def test_who_is_nobody_here_stays_out(oidc_app: FastAPI, provider: IdentityProvider) -> None:
    for person in (
        {"sub": "s-2", "email": "claire@example.com"},  # not verified
        {"sub": "s-2", "email": "claire@example.com", "email_verified": "true"},
        {"sub": "s-2", "email": "personne@example.com", "email_verified": True},
        {"sub": "s-2"},
    ):
        provider.person = person
        browser = nobody(oidc_app)
        assert shown_problem(browser.get(_back(browser, provider)), 401) == "sign_in_refused", person
        assert problem(browser.get("/api/v1/session"), 401) == "not_signed_in"


def test_an_identity_that_proves_nothing_is_not_taken(oidc_app: FastAPI, provider: IdentityProvider) -> None:
    lies = ({"aud": "another"}, {"iss": "https://evil.test"}, {"nonce": "x"}, {"exp": 1}, {"sub": None})
    for lie in lies:
        provider.lie = lie
        browser = nobody(oidc_app)
        assert shown_problem(browser.get(_back(browser, provider)), 502) == "identity_provider_failed", lie
    provider.lie = {}
    provider.signing = ECKey.generate_key("P-256", {"kid": "k1"})
    browser = nobody(oidc_app)
    assert shown_problem(browser.get(_back(browser, provider)), 502) == "identity_provider_failed"
    provider.signing = None
    browser = nobody(oidc_app)
    assert browser.get(_back(browser, provider)).status_code == 303


def test_an_answer_belongs_to_the_browser_that_asked_once_and_in_time(
    oidc_app: FastAPI, provider: IdentityProvider, clock: Clock
) -> None:
    browser, other = nobody(oidc_app), nobody(oidc_app)
    back = _back(browser, provider)
    assert shown_problem(other.get(back), 401) == "sign_in_refused"
    _back(other, provider)
    assert shown_problem(other.get(back), 401) == "sign_in_refused"  # begun here, but another journey
    assert shown_problem(browser.get(back.replace("state=", "state=x")), 401) == "sign_in_refused"
    assert browser.get(back).status_code == 303
    assert shown_problem(browser.get(back), 401) == "sign_in_refused"

    late = nobody(oidc_app)
    back = _back(late, provider)
    clock.later(minutes=11)
    assert shown_problem(late.get(back), 401) == "sign_in_refused"
    refused = nobody(oidc_app)
    state = _back(refused, provider).partition("state=")[2]
    answer = refused.get(f"{BEGIN}/callback", params={"error": "access_denied", "state": state})
    assert shown_problem(answer, 401) == "sign_in_refused"


def test_afterwards_one_is_on_a_page_of_ours(oidc_app: FastAPI, provider: IdentityProvider) -> None:
    for to in ("https://evil.test", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/\t/evil.test"):
        browser = nobody(oidc_app)
        assert browser.get(_back(browser, provider, to)).headers["location"] == "/", to


def test_without_a_provider_there_is_no_such_page_and_one_that_is_gone_is_named(
    lone_app: FastAPI, oidc_app: FastAPI
) -> None:
    assert shown_problem(nobody(lone_app).get(BEGIN), 404) == "not_found"
    assert shown_problem(nobody(lone_app).get(f"{BEGIN}/callback"), 404) == "not_found"
    engine = oidc_app.state.engine
    gone = engine.settings.model_copy(update={"oidc_issuer": "http://127.0.0.1:9"})
    browser = nobody(create_app(engine_over(engine.store, gone)))
    assert shown_problem(browser.get(BEGIN), 502) == "identity_provider_failed"
