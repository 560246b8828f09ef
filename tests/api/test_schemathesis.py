"""Every operation with hostile and with plausible input: no answer that is not declared, none that is the server's mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import progress
from api.app import create_app
from api.openapi import description
from syncengine.access.scopes import Scope
from syncengine.engine import Engine
from syncengine.settings import settings_from
from syncengine.storage.store import open_store
from tests.api.clients import engine_over, problem, program
from tests.api.seeds import seeded

EXAMPLES = 6
"""For each operation; the mistakes of a new one show with the first few."""
NOT_OURS = frozenset({502, 503, 504})
"""Nobody answers where the gateway should be."""
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def engine(crm_on_sqlite: str, tmp_path: Path) -> Any:
    """An engine over a base with something in it, which nobody is kept from asking."""
    store = open_store(crm_on_sqlite)
    with store.writing() as session:
        seeded(session)
    limits = {"requests_per_minute": 10**9, "sign_ins_per_minute": 10**9}
    yield engine_over(store, settings_from({"home": tmp_path / "home", **limits}))
    store.close()


@pytest.fixture
def app(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The application; a stream that waits for something ends soon."""
    monkeypatch.setattr(progress, "LASTS_S", 0.01)
    monkeypatch.setattr(progress, "LOOKED_EVERY_S", 0.005)
    return create_app(engine)


def test_no_operation_answers_what_it_does_not_declare(app: FastAPI) -> None:
    load_all_checks()
    schema = schemathesis.openapi.from_dict(description(app))
    names, broken = [], []
    for number, found in enumerate(schema.get_all_operations()):
        operation = found.ok()  # type: ignore[union-attr]
        names.append(operation.label)
        try:
            _explore(app, operation, number)
        except (AssertionError, BaseExceptionGroup) as failure:  # all of them at once
            broken.append(f"{operation.label}: {_told(failure)}")
    assert not broken, "\n".join(broken)
    assert len(names) > 100


def _explore(app: FastAPI, operation: Any, number: int) -> None:
    # A key of its own: what the operation before did to users and keys is not met here.
    client = program(app, *Scope, login=f"robot{number}", name=f"key {number}")

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def explored(case: Case[Any]) -> None:
        for known in (False, True):
            if known:
                _aim(case)
            said = requests.Request(**_request(case)).prepare()
            # The client checks already that status and code are declared.
            answer = client.request(
                said.method or "", said.url or "", content=said.body or b"", headers=dict(said.headers)
            )
            where = f"{case.method} {said.url}: {answer.text[:500]}"
            assert answer.status_code < 500 or answer.status_code in NOT_OURS, where
            if answer.status_code >= 500:
                assert problem(answer, answer.status_code) not in {"internal_error", "overloaded"}, where
            case.validate_response(answer, checks=CHECKS)

    explored()


def _told(failure: BaseException) -> str:
    inner = failure.exceptions if isinstance(failure, BaseExceptionGroup) else (failure,)
    return " / ".join(str(one)[:300].replace("\n", " ") for one in inner)


def _aim(case: Case[Any]) -> None:
    """At records that are there."""
    for name in case.path_parameters or ():
        if name.endswith("_id"):
            case.path_parameters[name] = 1
    if "If-Match" in (case.headers or {}):
        case.headers["If-Match"] = "*"


def _request(case: Case[Any]) -> dict[str, Any]:
    said = case.as_transport_kwargs(base_url="http://crm.test")
    said["headers"] = {
        name: value
        for name, value in dict(said.get("headers") or {}).items()
        if name.lower() not in {"authorization", "cookie", "user-agent"}
    }
    return {
        name: value for name, value in said.items() if name in {"method", "url", "params", "headers", "json", "data"}
    }
