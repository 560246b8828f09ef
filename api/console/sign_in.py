"""Signing in and out, one's own password, and how one likes the pages: language and appearance."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, Response

from api import oidc
from api.console.language import COOKIE as LANGUAGE_COOKIE
from api.console.posted import local
from api.console.screen import THEME_COOKIE, THEMES, AnyScreen, FreshScreen, Screen, Visitor
from api.identity import cookie_name, drop_cookie, set_cookie
from api.sign_in import enter, keep_session
from api.v1.session import choose_password
from contracts.errors import Problem
from syncengine.access import passwords, sessions, users
from syncengine.access.users import LANGUAGES
from syncengine.core.refusals import refused
from syncengine.errors import InputRefused
from syncengine.model import User

router = APIRouter()
_YEAR_S: Final = 365 * 86_400
_KEPT: Final = "kept:"

Next = Annotated[str, Query(alias="next", max_length=2_000)]


@router.get("/sign-in")
def show_sign_in(screen: Visitor, to: Next = "/", language: str = "") -> Response:
    """The sign-in page; the link to the other language comes back here."""
    if language in LANGUAGES:
        answer = screen.go(f"/sign-in?next={local(to) or '/'}")
        _like(screen, answer, LANGUAGE_COOKIE, language)
        return answer
    return screen.show("sign_in.html", then=local(to) or "/", oidc=oidc.offered(screen.request))


@router.post("/sign-in")
def sign_in(screen: Visitor) -> Response:
    """Begin a session, and go where one wanted to go."""
    posted, request = screen.posted, screen.request
    then = local(posted.typed("next")) or "/"
    try:
        opened = enter(request, posted.text("login"), posted.secret("password"))
    except Problem as problem:
        return screen.again("sign_in.html", problem, then=then, oidc=oidc.offered(request), **_resumed(screen))
    resume = _resumed(screen)
    answer = HTMLResponse(screen.render("resume.html", then=then, **resume)) if resume else screen.go(then)
    keep_session(request, answer, opened)
    return answer


def _resumed(screen: Screen) -> dict[str, Any]:
    """The form that was sent when the session was over: where to, and what was typed."""
    resume = local(screen.posted.typed("_resume"))
    if resume is None:
        return {}
    kept = [(name.removeprefix(_KEPT), value) for name, value in screen.posted.pairs if name.startswith(_KEPT)]
    return {"resume": resume, "kept": kept}


@router.post("/sign-out")
def sign_out(screen: FreshScreen) -> Response:
    """End this session."""
    caller = screen.caller
    with screen.engine.store.writing() as session:
        if caller.session_id is not None:
            sessions.end(session, caller.user_id, caller.session_id)
            screen.audit(session, "session.ended", f"user/{caller.user_id}")
    answer = screen.go("/sign-in", screen._("You are signed out."))
    drop_cookie(screen.request, answer, cookie_name(screen.request))
    return answer


@router.get("/password")
def show_password(screen: FreshScreen, to: Next = "/") -> Response:
    """One's own password; where it was handed over, the only page there is."""
    return screen.show("password.html", then=local(to) or "/", shortest=passwords.LENGTH_MIN)


@router.post("/password")
def change_password(screen: FreshScreen) -> Response:
    """Choose another password; one's other sessions end."""
    posted = screen.posted
    then = local(posted.typed("next")) or "/"
    try:
        if posted.typed("password") != posted.typed("again"):
            raise _differs()
        choose_password(screen.work, posted.secret("current"), posted.secret("password"))
    except InputRefused as problem:
        return screen.again("password.html", problem, then=then, shortest=passwords.LENGTH_MIN)
    return screen.go(then, screen._("The password is changed; your other sessions are over."))


def _differs() -> InputRefused:
    return refused("password_weak", "the two are not the same", field="again", remedy="Type the new password again.")


@router.post("/preferences")
def change_preferences(screen: AnyScreen) -> Response:
    """Language, kept with the user, and appearance, kept with the browser."""
    posted = screen.posted
    answer = screen.go(posted.back or "/")
    if (language := posted.typed("language")) in LANGUAGES:
        with screen.engine.store.writing() as session:
            user = session.get_one(User, screen.caller.user_id)
            users.modify(session, user, {"language": language})
        _like(screen, answer, LANGUAGE_COOKIE, language)
    if (theme := posted.typed("theme")) in THEMES:
        _like(screen, answer, THEME_COOKIE, theme)
    return answer


def _like(screen: Screen, answer: Response, name: str, value: str) -> None:
    set_cookie(screen.request, answer, name, value, seconds=_YEAR_S)
