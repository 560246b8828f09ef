"""docs/api.md shows what the API answers: made again, the calls have the same answers but for their values."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from api.app import create_app
from api.document import HEADING, TARGET, calls_of, page, shortened
from syncengine.settings import settings_from
from syncengine.sync import synchronise
from tests.api.clients import engine_over
from tests.api.serving import served
from tests.gateway.live import PASSWORD
from tests.syncengine.world import world

PAGE = TARGET.read_text("utf-8")
CALL = re.compile(r"```http\n([A-Z]+) (\S+)\n.*?```http\n(\d{3})\n.*?```json\n(.*?)\n```", re.DOTALL)


def shape(value: Any) -> Any:
    """What there is, without what it is."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def alike(one: Any, other: Any) -> bool:
    """Whether two shapes may be of one kind: what is null or empty here may be something there."""
    if one in ("NoneType", []) or other in ("NoneType", []):
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return alike(one[0], other[0])
    return bool(one == other)


def shown(text: str) -> list[tuple[str, str, Any]]:
    """Each call of a page: method and path without numbers, status, shape of the answer."""
    return [
        (f"{method} {re.sub(r'/[0-9]+', '/{}', path)}", status, shape(json.loads(answer)))
        for method, path, status, answer in CALL.findall(text)
    ]


@pytest.mark.req("CRM-54")
def test_the_page_shows_the_ten_calls_as_they_are_answered(tmp_path: Path, crm_on_sqlite: str) -> None:
    with world(tmp_path, crm_on_sqlite, tiers=8, documents=2.0) as made:
        engine = engine_over(made.store, settings_from({"home": tmp_path / "engine"}))
        made.set(erp_password=engine.secrets.encrypt(SecretStr(PASSWORD)))
        synchronise(engine, made.integration_id, screen=False)
        with served(create_app(engine)) as url:
            again = shown(page(PAGE, calls_of(engine, url, made.integration_id)))
        engine.lines.close()
    committed = shown(PAGE)
    assert len(committed) == 10
    assert [one[:2] for one in again] == [one[:2] for one in committed], "python -m api.document"
    for one, other in zip(again, committed, strict=True):
        assert alike(one[2], other[2]), f"{one[0]}: python -m api.document"
    assert {one[1] for one in committed} <= {"200", "201", "202"}


def test_what_stands_above_the_calls_stays() -> None:
    assert page(PAGE, []).partition(HEADING)[0] == PAGE.partition(HEADING)[0]
    assert not alike(shape({"a": 1}), shape({"a": 1, "b": 2}))
    assert not alike(shape({"a": [{"b": 1}]}), shape({"a": [{"b": "1"}]}))
    assert shortened({"a": [1, 2], "b": {"c": [[3, 4], 5]}}) == {"a": [1], "b": {"c": [[3]]}}
