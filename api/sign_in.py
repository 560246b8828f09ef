"""Signing in over HTTP, for the API and for the pages: the attempt, and the cookies of who succeeded."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api import request_id
from api.identity import address_of, cookie_name, engine_of, is_https, now, set_cookie
from syncengine.access import logins
from syncengine.access.logins import Attempt, LockOut, Opened
from syncengine.access.sessions import Lasting, Place
from syncengine.errors import KeyMissing, KeyWrong, SettingsInvalid

_DEVICE: Final = "syncengine_device"
_DEVICE_LASTS: Final = timedelta(days=365)


def enter(request: Request, login: str, password: SecretStr) -> Opened:
    """Begin a session. Raises SignInRefused, ApiProblem (too_many_requests)."""
    known_user = _known_user(request)
    where = address_of(request) or ""
    # A browser that is known has a count of its own: nobody behind the same address can use it up.
    request.app.state.limits.sign_in(where if known_user is None else f"user/{known_user}")
    engine = engine_of(request)
    attempt = Attempt(
        login=login,
        password=password,
        place=place_of(request),
        request_id=request_id.of(request),
        known_user=known_user,
    )
    return logins.sign_in(
        engine.store,
        attempt,
        lasting=Lasting.by(engine.settings),
        lock_out=LockOut.by(engine.settings),
        at=now(request),
    )


def place_of(request: Request) -> Place:
    """Where the request came from."""
    return Place(address=address_of(request), agent=request.headers.get("user-agent"))


def keep_session(request: Request, answer: Response, opened: Opened) -> None:
    """Set the cookie of the session, and the one by which this browser is known the next time."""
    set_cookie(request, answer, cookie_name(request), opened.token.get_secret_value())
    try:
        device = engine_of(request).secrets.encrypt(SecretStr(f"device:{opened.user.id}"))
    except SettingsInvalid:  # no key to be had: the browser stays unknown
        return
    set_cookie(request, answer, _device_cookie(request), device, seconds=int(_DEVICE_LASTS.total_seconds()))


def _known_user(request: Request) -> int | None:
    cookie = request.cookies.get(_device_cookie(request))
    if not cookie:
        return None
    try:
        kind, _, user_id = engine_of(request).secrets.decrypt(cookie).get_secret_value().partition(":")
    except (KeyMissing, KeyWrong, ValueError):
        return None
    return int(user_id) if kind == "device" and user_id.isdecimal() else None


def _device_cookie(request: Request) -> str:
    return f"__Host-{_DEVICE}" if is_https(request) else _DEVICE
