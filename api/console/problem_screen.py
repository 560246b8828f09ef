"""A problem as a page: what happened, what to do. Of a button it leads back to the button's page; of a stranger, to the sign-in."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.console.posted import Posted
from api.console.problem_words import told
from api.console.screen import Screen
from api.console.templating import query
from api.identity import Caller, identify
from api.problems import ProblemBody
from contracts.errors import Problem

_SAFE: Final = frozenset({"GET", "HEAD"})
SIGN_IN: Final = "/sign-in"
PASSWORD: Final = "/password"  # noqa: S105 - the address of a page


def problem_screen(request: Request, body: ProblemBody) -> Response:
    """The answer for a problem of any page."""
    posted: Posted = getattr(request.state, "posted", Posted())
    # While the base is away its clock is, too.
    screen = Screen(request, _caller(request, body), posted, at=datetime.now(UTC))
    if body.code == "not_signed_in":
        return _to_sign_in(screen)
    if body.code == "password_change_required":
        return _redirect(screen, PASSWORD)
    back = posted.back
    if request.method not in _SAFE and back is not None:
        what = told(body, screen.language)
        text = " ".join(filter(None, (what.happened, what.detail)))
        return screen.go(back, text, tone="danger", remedy=what.remedy)
    page = screen.render("problem.html", body=body, problem=told(body, screen.language))
    return HTMLResponse(page, body.status)


def _caller(request: Request, body: ProblemBody) -> Caller | None:
    """Who asked, if that is known; while the base is away nobody looks."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None or body.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return known
    try:
        return identify(request)
    except Problem:
        return None


def _to_sign_in(screen: Screen) -> Response:
    """The sign-in page, then back here; what was typed into a form goes along."""
    if screen.request.method in _SAFE:
        return _redirect(screen, query(SIGN_IN, next=screen.path))
    page = screen.render("sign_in.html", then=screen.posted.back or "/", resume=screen.path, kept=_kept(screen.posted))
    return HTMLResponse(page, HTTPStatus.UNAUTHORIZED)


def _kept(posted: Posted) -> list[tuple[str, str]]:
    return [(name, value) for name, value in posted.pairs if "password" not in name]


def _redirect(screen: Screen, path: str) -> Response:
    if "hx-request" in screen.request.headers:
        # A part of a page cannot be the sign-in page: the whole of it moves on.
        return HTMLResponse(headers={"HX-Redirect": path})
    return screen.go(path)
