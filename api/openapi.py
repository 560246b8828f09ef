"""The OpenAPI description, with every error of every operation: ``python -m api.openapi [--check]`` writes docs/openapi.json."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from api.identity import Open, Requires
from api.problem_codes import codes
from api.problems import MEDIA_TYPE, ProblemBody

TARGET: Final = Path("docs/openapi.json")
VERSION: Final = "1.0"
_PROBLEM: Final = {"$ref": "#/components/schemas/ProblemBody"}
_SAFE: Final = frozenset({"get", "head", "options"})
_CODES: Final = "x-codes"
_SCOPE: Final = "x-scope"

_ALWAYS: Final = (
    *("parameter_unknown", "too_many_requests", "overloaded", "internal_error"),
    *("database_locked", "database_unreachable", "disk_full"),
)
_WITH_BODY: Final = ("body_malformed", "body_invalid", "body_too_large", "body_type_unsupported", "body_late")


def refuses(*names: str) -> dict[int | str, dict[str, Any]]:
    """``responses=`` of a route: the codes of its own; those that every route has are added. Raises KeyError for one unknown."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for name in names:
        by_status.setdefault(codes()[name].status, {_CODES: []})[_CODES].append(name)
    return by_status


def operations(app: FastAPI) -> Iterator[tuple[str, str, RouteContext]]:
    """Path, method and route of every operation that is described."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute) and route.include_in_schema:
            yield from ((str(route.path_format), method.lower(), route) for method in sorted(route.methods or ()))


def description(app: FastAPI) -> dict[str, Any]:
    """The whole description; applications with the same operations share one, which takes a second to make."""
    if app.openapi_schema is None:
        same = tuple((path, method, route.endpoint) for path, method, route in operations(app))
        if same not in _described:
            _described[same] = _describe(app)
        app.openapi_schema = _described[same]
    return app.openapi_schema


_described: dict[tuple[Any, ...], dict[str, Any]] = {}


def _describe(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title="CRM – Sage 100",
        version=VERSION,
        summary="Two-way synchronisation between the CRM and Sage 100 Gestion Commerciale",
        routes=app.routes,
    )
    for path, method, route in operations(app):
        _complete(found["paths"][path][method], method, route)
    _components(found)
    return found


def query_parameters(app: FastAPI) -> dict[Any, frozenset[str]]:
    """The names of the query parameters of each route function."""
    paths = description(app)["paths"]
    return {
        route.endpoint: frozenset(
            one["name"] for one in paths[path][method].get("parameters", ()) if one["in"] == "query"
        )
        for path, method, route in operations(app)
    }


def scope_of(route: RouteContext) -> Requires | Open | None:
    """What a route asks of its caller; None for one that forgot to ask."""
    return next((one.call for one in _flat(route.dependant) if isinstance(one.call, Requires | Open)), None)


def _flat(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    yield from chain.from_iterable(map(_flat, dependant.dependencies))


def _complete(operation: dict[str, Any], method: str, route: RouteContext) -> None:
    """Add the errors every operation of its kind has, and write all of them in one way."""
    asked = scope_of(route)
    names = {name for answer in operation["responses"].values() for name in answer.pop(_CODES, ())}
    names |= set(_common(operation, method, asked))
    operation["responses"].pop("422", None)
    for status, group in _by_status(names).items():
        operation["responses"][status] = _answer(group)
    operation["responses"] = dict(sorted(operation["responses"].items()))
    if isinstance(asked, Requires):
        operation["security"] = [{"session": []}, {"api_key": []}]
        if asked.scope is not None:
            operation[_SCOPE] = asked.scope.value


def _common(operation: Mapping[str, Any], method: str, asked: Requires | Open | None) -> Iterator[str]:
    """The codes that an operation has for what it is, whatever it does."""
    parameters = operation.get("parameters", ())
    places = {one["in"] for one in parameters}
    yield from _ALWAYS
    yield from () if method in _SAFE else ("cross_site_refused",)
    yield from _of_caller(asked)
    yield from _WITH_BODY if "requestBody" in operation else ()
    yield from ("not_found",) if "path" in places else ()
    yield from ("parameter_invalid",) if places & {"query", "header"} else ()
    for one in parameters:
        yield from _BY_PARAMETER.get(one["name"].lower(), ())


def _of_caller(asked: Requires | Open | None) -> Iterator[str]:
    if isinstance(asked, Requires):
        yield "not_signed_in"
        yield from () if asked.fresh else ("password_change_required",)
        yield from () if asked.scope is None else ("scope_missing",)


_BY_PARAMETER: Final = {
    "cursor": ("cursor_invalid",),
    "if-match": ("version_missing", "version_outdated"),
    "idempotency-key": ("idempotency_key_reused",),
}


def _by_status(names: set[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(str(codes()[name].status), []).append(name)
    return groups


def _answer(names: list[str]) -> dict[str, Any]:
    lines = [f"- `{name}`: {codes()[name].meaning}" for name in names]
    return {
        "description": "\n".join(lines),
        "content": {MEDIA_TYPE: {"schema": _PROBLEM}},
        _CODES: names,
    }


def _components(found: dict[str, Any]) -> None:
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    own = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas |= own.pop("$defs", {})
    schemas["ProblemBody"] = own
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "syncengine_session"},
        "api_key": {"type": "http", "scheme": "bearer", "description": "An API key: sk_…"},
    }


def document() -> str:
    """The description as it is committed."""
    from api.app import routed  # noqa: PLC0415 - the application needs this module itself

    return json.dumps(description(routed()), ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """Write the description, or with ``--check`` say whether it is as the code has it."""
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.is_file() and TARGET.read_text("utf-8") == document() else 1
    TARGET.write_text(document(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
