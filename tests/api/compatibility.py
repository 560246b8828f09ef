"""What a new description of the API takes away from those who call it as the old one said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def broken_promises(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Operations, parameters, answers and fields that are gone or mean something else; what was added breaks nobody."""
    return [*_operations(old, new), *_schemas(old, new)]


def _operations(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for path, methods in old["paths"].items():
        for method, before in methods.items():
            name = f"{method} {path}"
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                yield f"{name} is gone"
                continue
            if after["operationId"] != before["operationId"]:
                yield f"{name} is called {after['operationId']}"
            yield from _parameters(name, before, after)
            yield from (f"{name} answers {status} no more" for status in _good(before) - _good(after))


def _good(operation: dict[str, Any]) -> set[str]:
    return {status for status in operation["responses"] if status < "400"}


def _parameters(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    old = {(one["in"], one["name"]): one for one in before.get("parameters", ())}
    new = {(one["in"], one["name"]): one for one in after.get("parameters", ())}
    yield from (f"{name}: parameter {key[1]} is gone" for key in old.keys() - new.keys())
    for key, one in new.items():
        if one.get("required") and not old.get(key, {}).get("required"):
            yield f"{name}: parameter {key[1]} is needed now"


def _schemas(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    incoming = _incoming(old)
    for name, before in old["components"]["schemas"].items():
        after = new["components"]["schemas"].get(name)
        if after is None:
            yield f"{name} is gone"
            continue
        properties = after.get("properties", {})
        for field, kind in before.get("properties", {}).items():
            if field not in properties:
                yield f"{name}.{field} is gone"
            elif _kind(kind) != _kind(properties[field]):
                yield f"{name}.{field} is of another kind"
        if name in incoming:
            needed = set(after.get("required", ())) - set(before.get("required", ()))
            yield from (f"{name}.{field} is needed now" for field in sorted(needed))


def _kind(schema: dict[str, Any]) -> object:
    choices = schema.get("anyOf")
    if choices:
        return sorted(map(str, map(_kind, choices)))
    return schema.get("$ref") or (schema.get("type"), str(_kind(schema["items"])) if "items" in schema else "")


def _incoming(api: dict[str, Any]) -> set[str]:
    """The schemas of bodies."""
    found = set()
    for methods in api["paths"].values():
        for operation in methods.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                found.add(str(content["schema"].get("$ref", "")).rpartition("/")[2])
    return found
