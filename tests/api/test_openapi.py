"""The description of the API: committed, complete, and what callers rely on stays."""

from __future__ import annotations

import copy
import json
from typing import Any

from api import openapi
from api.app import routed
from tests.api.compatibility import broken_promises

COMMITTED: dict[str, Any] = json.loads(openapi.TARGET.read_text("utf-8"))


def test_the_committed_description_is_that_of_the_code() -> None:
    assert openapi.TARGET.read_text("utf-8") == openapi.document(), "python -m api.openapi"


def test_every_operation_has_a_name_of_its_own_and_tells_its_errors() -> None:
    described = openapi.description(routed())
    found = [operation for path in described["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in found]
    assert len(names) == len(set(names)) > 15
    for operation in found:
        assert operation["description"], operation["operationId"]
        failures = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"400", "429", "500", "503"} <= failures.keys(), operation["operationId"]
        for answer in failures.values():
            assert list(answer["content"]) == ["application/problem+json"]
            assert answer["x-codes"]


def test_lists_are_objects_with_a_cursor() -> None:
    described = openapi.description(routed())
    schemas = described["components"]["schemas"]
    lists = [item["get"] for path, item in described["paths"].items() if "get" in item and not path.endswith("}")]
    paged = [one for one in lists if one["operationId"].startswith("list_")]
    assert len(paged) >= 4
    for operation in paged:
        reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        assert {"items", "next"} <= schemas[reference.rpartition("/")[2]]["properties"].keys(), operation["operationId"]


def test_what_breaks_a_caller_is_noticed() -> None:
    assert broken_promises(COMMITTED, openapi.description(routed())) == []

    def changed(change: Any) -> list[str]:
        other = copy.deepcopy(COMMITTED)
        change(other)
        return broken_promises(COMMITTED, other)

    users = ("paths", "/api/v1/users")
    assert changed(lambda api: api["paths"].pop("/api/v1/users")) == [
        "get /api/v1/users is gone",
        "post /api/v1/users is gone",
    ]
    assert changed(lambda api: api[users[0]][users[1]]["get"]["parameters"].pop(0))
    assert changed(lambda api: api[users[0]][users[1]]["post"]["responses"].pop("201"))
    schemas = ("components", "schemas")
    assert changed(lambda api: api[schemas[0]][schemas[1]]["UserSheet"]["properties"].pop("login"))
    assert changed(lambda api: api[schemas[0]][schemas[1]]["UserSheet"]["properties"]["login"].update(type="integer"))
    assert changed(lambda api: api[schemas[0]][schemas[1]]["UserForm"]["required"].append("email"))
    assert changed(lambda api: api[users[0]][users[1]]["get"].update({"operationId": "users"}))
    assert not changed(
        lambda api: api[schemas[0]][schemas[1]]["UserSheet"]["properties"].update(more={"type": "string"})
    )
