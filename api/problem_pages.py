"""The documentation of each error: the address that ``type`` names, and the description of the API itself."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import openapi
from api.forms import View
from api.identity import OPEN
from api.problem_codes import codes
from api.problems import TYPES, not_found

router = APIRouter(tags=["description"], dependencies=[Depends(OPEN)])


class CodeSheet(View):
    """What a code stands for."""

    code: str
    status: int
    meaning: str
    remedy: str


@router.get(f"{TYPES}/{{code}}", response_model=CodeSheet)
def get_problem_type(code: str) -> Any:
    """What an error code stands for."""
    if code not in codes():
        raise not_found()
    return codes()[code]


@router.get("/api/v1/openapi.json", include_in_schema=False)
def get_description(request: Request) -> Response:
    """The OpenAPI description of this server."""
    return JSONResponse(openapi.description(request.app))
