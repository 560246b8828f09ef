"""Callers of the API: people who are signed in, programs with a key; every answer is held against the OpenAPI description."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from api.identity import COOKIE
from api.openapi import description, operations
from api.problems import MEDIA_TYPE
from syncengine.access import keys, sessions, users
from syncengine.access.keys import KeyOrder
from syncengine.access.scopes import Scope
from syncengine.access.sessions import Lasting, Place
from syncengine.engine import Engine
from syncengine.model import User
from syncengine.secrets import Secrets
from syncengine.settings import EngineSettings
from syncengine.storage.store import Store

PASSWORD = "trois mots de passe"


def engine_over(store: Store, settings: EngineSettings) -> Engine:
    """An engine over a base that is open."""
    return Engine(settings=settings, store=store, secrets=Secrets(settings))


def nobody(app: FastAPI) -> TestClient:
    """Somebody who is not signed in."""
    client = TestClient(app, base_url="http://crm.test", follow_redirects=False)
    client.event_hooks = {"response": [_Declared(app)]}
    return client


def person(app: FastAPI, login: str = "claire", *, administrator: bool = False) -> TestClient:
    """Somebody who is signed in; the user is made if there is none of that login."""
    client = nobody(app)
    engine: Engine = app.state.engine
    at = app.state.clock()
    with engine.store.writing() as session:
        user = _user(session, login, administrator=administrator, at=at)
        lasting = Lasting.by(engine.settings)
        token = sessions.begin(session, user, place=Place(agent="test"), lasting=lasting, at=at)
    client.cookies.set(COOKIE, token.get_secret_value(), domain="crm.test", path="/")
    return client


def program(app: FastAPI, *scopes: Scope, login: str = "robot", name: str = "ETL") -> TestClient:
    """A program whose key has these scopes; its user is an administrator."""
    client = nobody(app)
    engine: Engine = app.state.engine
    with engine.store.writing() as session:
        user = _user(session, login, administrator=True, at=app.state.clock())
        order = KeyOrder(name=name, scopes=frozenset(scopes))
        _, text = keys.create(session, user, order, at=app.state.clock())
    client.headers["Authorization"] = f"Bearer {text.get_secret_value()}"
    return client


def _user(session: Session, login: str, *, administrator: bool, at: datetime) -> User:
    user = users.by_login(session, login)
    if user is None:
        user = User(login=login, name=login.title(), administrator=administrator, created_at=at)
        session.add(user)
        session.flush()
    return user


def problem(answer: Response, status: int) -> str:
    """The code of a problem that has that status, and the shape they all have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    body = answer.json()
    assert body["status"] == status
    assert body["type"].endswith(f"/api/problems/{body['code']}")
    assert body["request_id"] == answer.headers["x-request-id"]
    return str(body["code"])


def shown_problem(answer: Response, status: int) -> str:
    """The code of a problem that a page tells: of what a browser asks for outside of the API."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-request-id"] in answer.text
    code = re.search(r"<code>(\w+)</code></small>", answer.text)
    assert code is not None
    return code.group(1)


def items(pages: Iterable[Response]) -> list[Any]:
    """The items of several pages."""
    return [item for page in pages for item in page.json()["items"]]


def walk(client: TestClient, path: str, **query: Any) -> list[Response]:
    """Every page of a list."""
    found = [client.get(path, params=query)]
    while found[-1].json()["next"]:
        found.append(client.get(path, params={**query, "cursor": found[-1].json()["next"]}))
    return found


class _Declared:
    """Every answer of the API, and every code of a problem, is declared for its operation."""

    def __init__(self, app: FastAPI) -> None:
        paths = description(app)["paths"]
        self._known = [(route.path_regex, method, paths[path][method]) for path, method, route in operations(app)]

    def __call__(self, answer: Response) -> None:
        """Fails for an answer that nobody could expect."""
        path, method = answer.request.url.path, answer.request.method.lower()
        for pattern, known_method, operation in self._known:
            if method == known_method and pattern.match(path):
                declared = operation["responses"]
                assert str(answer.status_code) in {*declared, "304"}, (
                    f"{method} {path}: {answer.status_code} undeclared"
                )
                if answer.headers.get("content-type") == MEDIA_TYPE:
                    answer.read()
                    code = answer.json()["code"]
                    codes = declared[str(answer.status_code)].get("x-codes", ())
                    assert code in codes, f"{method} {path}: {code} undeclared"
                return
