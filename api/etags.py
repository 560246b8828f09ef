"""ETag and If-Match: a change names the version it is based on, so that nobody overwrites what they have not seen."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.problems import ApiProblem

_KEPT: Final = "private, no-cache"
"""A browser may keep it, and asks each time whether it still holds."""


def etag_of(view: BaseModel) -> str:
    """The version of what is shown: a hash of it."""
    return f'"{hashlib.sha256(view.model_dump_json().encode()).hexdigest()[:32]}"'


def answer(request: Request, view: BaseModel) -> Response:
    """The answer of a GET with its ETag; 304 when the caller has this version already."""
    etag = etag_of(view)
    headers = {"ETag": etag, "Cache-Control": _KEPT}
    if etag in _listed(request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    return Response(view.model_dump_json(), headers=headers, media_type="application/json")


class IfMatch:
    """The dependency of changes; ``check`` compares with the version there is, in the transaction that changes it."""

    def __init__(
        self,
        if_match: Annotated[
            str | None, Header(max_length=1_000, description="The ETag of the version that is changed.")
        ] = None,
    ) -> None:
        self._given = if_match

    def check(self, view: BaseModel) -> None:
        """Raises ApiProblem (version_missing, version_outdated)."""
        if self._given is None:
            raise ApiProblem("version_missing")
        if self._given.strip() != "*" and etag_of(view) not in _listed(self._given):
            raise ApiProblem("version_outdated")


TheIfMatch = Annotated[IfMatch, Depends()]


def _listed(header: str | None) -> set[str]:
    # A proxy that compresses marks the tag as weak (W/): it is still the version that was read.
    return {tag.strip().removeprefix("W/") for tag in (header or "").split(",")} - {""}
