"""Signing in and out, the password that was handed over, forms of a session that is over, and what pages refuse."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI

from syncengine.access import passwords, users
from syncengine.access.passwords import OneTime
from syncengine.access.users import UserDraft
from syncengine.engine import Engine
from tests.api.clients import nobody, person
from tests.api.conftest import clock, crm_on_sqlite, lone_app, lone_engine, quick_hashes, settings

__all__ = ["clock", "crm_on_sqlite", "lone_app", "lone_engine", "quick_hashes", "settings"]


@pytest.fixture
def handed_over(lone_engine: Engine, lone_app: FastAPI) -> OneTime:
    """The password of claire, to be changed at the first sign-in."""
    made = passwords.one_time()
    with lone_engine.store.writing() as session:
        users.create(session, UserDraft(login="claire", name="Claire"), made, at=lone_app.state.clock())
    return made


def test_a_stranger_is_led_to_the_sign_in_and_back(lone_app: FastAPI, handed_over: OneTime) -> None:
    """Given a link to a page, when somebody signs in, then the page comes after the password that has to be changed."""
    client = nobody(lone_app)
    led = client.get("/integrations/7?x=1")
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in?next=%2Fintegrations%2F7%3Fx%3D1")
    secret = handed_over.password.get_secret_value()
    entered = client.post("/sign-in", data={"login": "claire", "password": secret, "next": "/integrations/7?x=1"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/integrations/7?x=1")
    assert client.get("/").headers["location"] == "/password"
    chosen = "quatre mots bien choisis"
    form = {"current": secret, "password": chosen, "again": chosen, "next": "/"}
    assert client.post("/password", data=form).status_code == 303
    assert client.get("/").status_code == 200


def test_what_is_wrong_stands_beside_the_field(lone_app: FastAPI, handed_over: OneTime) -> None:
    """Given a weak password, when it is sent, then the form comes back with a message tied to its field, and no password."""
    client = nobody(lone_app)
    secret = handed_over.password.get_secret_value()
    client.post("/sign-in", data={"login": "claire", "password": secret})
    answer = client.post("/password", data={"current": secret, "password": "court", "again": "court"})
    assert answer.status_code == 422
    (field,) = re.findall(r'<input[^>]*id="password"[^>]*>', answer.text)
    assert 'aria-invalid="true"' in field
    assert "password-wrong" in field
    assert 'id="password-wrong"' in answer.text
    assert "court<" not in answer.text
    assert 'value="court"' not in answer.text


def test_a_wrong_password_keeps_the_login(lone_app: FastAPI, handed_over: OneTime) -> None:
    """The page says what happened in French, and what to do."""
    answer = nobody(lone_app).post("/sign-in", data={"login": "claire", "password": "non"})
    assert answer.status_code == 422
    assert 'value="claire"' in answer.text
    assert "Que faire" in answer.text


@pytest.mark.parametrize("target", ["//evil.example/", "https://evil.example", "/\\evil.example", "/a\nb", ""])
def test_the_sign_in_leads_nowhere_else(lone_app: FastAPI, handed_over: OneTime, target: str) -> None:
    """Given a link with a way out of this server, when somebody signs in, then they arrive at the overview."""
    form = {"login": "claire", "password": handed_over.password.get_secret_value(), "next": target}
    assert nobody(lone_app).post("/sign-in", data=form).headers["location"] == "/"


def test_a_form_outlives_its_session(lone_app: FastAPI, lone_engine: Engine) -> None:
    """Given a session that ended, when a form is sent, then what was typed is kept over the sign-in, but no password."""
    form = {"name": "Été <b>", "erp_password": "secret", "_back": "/integrations/new"}
    asked = nobody(lone_app).post("/integrations", data=form)
    assert asked.status_code == 401
    assert 'name="kept:name" value="Été &lt;b&gt;"' in asked.text
    assert "secret" not in asked.text
    known = passwords.one_time()
    with lone_engine.store.writing() as session:
        user = users.create(session, UserDraft(login="marc", name="Marc"), known, at=lone_app.state.clock())
        user.must_change_password = False
    kept = {"login": "marc", "password": known.password.get_secret_value(), "_resume": "/integrations"}
    again = nobody(lone_app).post("/sign-in", data={**kept, "kept:name": "Été <b>", "next": "/integrations/new"})
    assert again.status_code == 200
    assert '<form method="post" action="/integrations">' in again.text
    assert 'name="name" value="Été &lt;b&gt;"' in again.text


def test_signing_out_ends_the_session(lone_app: FastAPI) -> None:
    """Given somebody signed in, when they sign out, then their cookie opens nothing any more."""
    client = person(lone_app)
    cookies = dict(client.cookies)
    assert client.post("/sign-out").headers["location"] == "/sign-in"
    other = nobody(lone_app)
    other.cookies.update(cookies)
    assert other.get("/").headers["location"].startswith("/sign-in")


def test_another_site_cannot_send_a_form(lone_app: FastAPI) -> None:
    """The browser says where a form comes from."""
    client = person(lone_app, "admin", administrator=True)
    answer = client.post("/preferences", data={"language": "en"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_preferences_are_kept(lone_app: FastAPI) -> None:
    """Given a French page, when English and dark are chosen, then both hold from the next page on."""
    client = person(lone_app)
    assert 'lang="fr"' in client.get("/").text
    client.post("/preferences", data={"language": "en", "_back": "/"})
    client.post("/preferences", data={"theme": "dark", "_back": "/"})
    page = client.get("/").text
    assert 'lang="en"' in page
    assert 'data-bs-theme="dark"' in page


def test_pages_of_problems(lone_app: FastAPI) -> None:
    """What is not there, and what one may not do, are pages in the reader's language with what to do."""
    client = person(lone_app)
    missing = client.get("/integrations/99")
    assert missing.status_code == 404
    assert "Que faire" in missing.text
    assert client.get("/integrations/new").status_code == 403
    english = client.get("/nowhere", headers={"Accept-Language": "en"})
    assert "There is nothing here" in english.text


def test_static_files_are_kept_for_good(lone_app: FastAPI) -> None:
    """By the mark of their content; under another mark they are asked for again."""
    page = nobody(lone_app).get("/sign-in").text
    (address,) = set(re.findall(r'href="(/static/[^"]+/console.css)"', page))
    client = nobody(lone_app)
    answer = client.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/000000000000/console.css").headers["cache-control"] == "no-cache"
    assert client.get("/static/000000000000/../screen.py").status_code == 404


def test_a_double_click_does_it_once(lone_app: FastAPI, lone_engine: Engine) -> None:
    """Given a form, when it is sent twice, then one integration is made and both answers lead to it."""
    client = person(lone_app, "admin", administrator=True)
    page = client.get("/integrations/new").text
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page))
    selected = dict(re.findall(r'<select[^>]*name="([^"]+)".*?<option value="([^"]*)" selected>', page, re.DOTALL))
    form = {**fields, **selected, "company": "Société de démonstration", "live": ""}
    form = {name: value for name, value in form.items() if name not in {"live", "etendue_enabled", "etendue_order"}}
    answers = [client.post("/integrations", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert {answer.headers["location"] for answer in answers} == {"/integrations/1"}
    changed = client.post("/integrations", data={**form, "name": "Autre"})
    assert changed.status_code == 422
