"""Problems as answers: RFC 9457, one format everywhere, with a stable code and the request id, and nothing of what came in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api import methods, request_id
from api.problem_codes import codes, status_of
from contracts.errors import Problem

MEDIA_TYPE: Final = "application/problem+json"
TYPES: Final = "/api/problems"
_PLACES_MAX: Final = 20
_COMMAND: Final = re.compile(r"`syncengine ")
_BY_STATUS: Final = {
    400: "body_malformed",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_late",
    413: "body_too_large",
    415: "body_type_unsupported",
}
"""The code of what the framework itself refuses."""


class ApiProblem(Problem):
    """What the API itself refuses; ``problem_code`` is one of ``problem_codes.API_CODES``."""

    def __init__(
        self, code: str, message: str = "", *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message or codes()[code].meaning, code=code, field=field)
        self.headers = dict(headers or {})


class Place(BaseModel):
    """One thing that is wrong with a request."""

    location: str = Field(description="body, query, path, header or cookie.")
    pointer: str = Field(description="JSON pointer into the body, or the name of the parameter.")
    code: str
    detail: str


class ProblemBody(BaseModel):
    """An error (RFC 9457). `code` is stable; `type` is the address of its documentation."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    remedy: str | None = None
    retry: bool = Field(
        default=False, description="The same request may succeed later without anybody changing anything."
    )
    record: str | None = None
    field: str | None = None
    errors: list[Place] | None = None


def not_found() -> ApiProblem:
    """What is not there, and what is not for this caller: the answer is the same."""
    return ApiProblem("not_found")


def body_of(request: Request, problem: Problem, *, places: Sequence[Place] = ()) -> ProblemBody:
    """The problem as a caller reads it."""
    status, code = status_of(problem), problem.problem_code
    known = codes().get(code)
    return ProblemBody(
        type=f"{base_url(request)}{TYPES}/{code}",
        title=known.meaning if known else HTTPStatus(status).phrase,
        status=status,
        detail=problem.message,
        code=code,
        request_id=request_id.of(request),
        remedy=_remedy(problem),
        retry=problem.may_retry,
        record=problem.record,
        field=problem.field,
        errors=list(places) or None,
    )


def _remedy(problem: Problem) -> str | None:
    # A sentence that names a command helps nobody who calls over HTTP.
    return None if not problem.remedy or _COMMAND.search(problem.remedy) else problem.remedy


def base_url(request: Request) -> str:
    """The address people reach this server at: as set, else as it was called."""
    public = request.app.state.engine.settings.public_url
    return str(public) if public else f"{request.url.scheme}://{request.url.netloc}"


def respond(request: Request, problem: Problem, *, places: Sequence[Place] = ()) -> Response:
    """The answer for a problem: a page for who looks at pages, JSON for the rest."""
    body = body_of(request, problem, places=places)
    headers = _headers(problem, body.status)
    page = getattr(request.app.state, "problem_page", None)
    if page is not None and not request.url.path.startswith("/api/"):
        answer: Response = page(request, body)
        answer.headers.update(headers)
        return answer
    return Response(
        body.model_dump_json(exclude_none=True), status_code=body.status, headers=headers, media_type=MEDIA_TYPE
    )


def _headers(problem: Problem, status: int) -> dict[str, str]:
    headers = dict(problem.headers) if isinstance(problem, ApiProblem) else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", "Bearer")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", "5")
    return headers


def install(app: FastAPI) -> None:
    """Make every error of the application an answer of this format."""

    @app.exception_handler(Problem)
    async def on_problem(request: Request, problem: Problem) -> Response:
        return respond(request, problem)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        code = _BY_STATUS.get(error.status_code, "internal_error")
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = methods.allowed(request)
        return respond(request, ApiProblem(code, headers=headers))

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        wrong = error.errors()
        code = _code_of(request, wrong)
        places = () if code in _PLACELESS else tuple(map(_place, wrong[:_PLACES_MAX]))
        return respond(request, ApiProblem(code), places=places)


_PLACELESS: Final = frozenset({"not_found", "body_malformed", "body_type_unsupported"})


def _code_of(request: Request, wrong: Sequence[Any]) -> str:
    """Which problem it is; a path that cannot be the address of anything is one where nothing is."""
    sides = {item["loc"][0] for item in wrong}
    if "path" in sides:
        return "not_found"
    if sides - {"body"}:
        return "parameter_invalid"
    if any(item["type"] == "json_invalid" for item in wrong):
        return "body_malformed"
    whole = any(item["loc"] == ("body",) for item in wrong)
    return "body_type_unsupported" if whole and not _is_json(request) else "body_invalid"


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _place(item: Any) -> Place:
    """Where and why; pydantic's words, which say what is expected, never what came."""
    location, *path = item["loc"]
    pointer = (
        "".join(f"/{_escaped(str(part))}" for part in path) if location == "body" else str(path[0] if path else "")
    )
    words = _NO_ECHO.get(item["type"], item["msg"])
    return Place(location=str(location), pointer=pointer, code=item["type"], detail=words)


_NO_ECHO: Final = {
    "union_tag_invalid": "There is no such kind.",
    "value_error": "The value breaks a rule of this field.",
    "assertion_error": "The value breaks a rule of this field.",
    "datetime_from_date_parsing": "Input should be an instant with its time zone, as 2026-11-21T08:30:00Z.",
}


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
