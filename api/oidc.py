"""The two addresses of sign-in by an identity provider: going there, and coming back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api import request_id
from api.identity import OPEN, address_of, drop_cookie, engine_of, is_https, now, set_cookie
from api.problems import base_url, not_found
from api.sign_in import keep_session, place_of
from syncengine.access import audit_log, logins, oidc
from syncengine.access.actor import Actor
from syncengine.access.oidc import Identity, Journey
from syncengine.access.sessions import Lasting
from syncengine.errors import KeyMissing, KeyWrong, SignInRefused

BEGIN: Final = "/sign-in/oidc"
_BACK: Final = f"{BEGIN}/callback"
_COOKIE: Final = "syncengine_oidc"
_PATIENCE: Final = timedelta(minutes=10)
_OTHER: Final = 303

router = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])


def offered(request: Request) -> bool:
    """Whether the sign-in page shows the link to ``BEGIN``."""
    return oidc.is_offered(engine_of(request).settings)


@router.get(BEGIN)
def begin_oidc(request: Request, to: Annotated[str, Query(alias="next", max_length=1_000)] = "/") -> Response:
    """Send the browser to the provider, with what is needed to recognise who comes back."""
    if not offered(request):
        raise not_found()
    engine = engine_of(request)
    provider = oidc.discover(engine.settings)
    journey = oidc.begin(to)
    answer = RedirectResponse(provider.address(journey, _redirect_uri(request)), _OTHER)
    sealed = engine.secrets.encrypt(SecretStr(json.dumps({**journey.remembered(), "until": _until(request)})))
    set_cookie(request, answer, _cookie(request), sealed, seconds=int(_PATIENCE.total_seconds()))
    return answer


@router.get(_BACK)
def finish_oidc(request: Request) -> Response:
    """Begin the session of who comes back from the provider."""
    if not offered(request):
        raise not_found()
    engine = engine_of(request)
    request.app.state.limits.sign_in(address_of(request) or "")
    journey = _journey(request)
    given = dict(request.query_params)
    identity = oidc.discover(engine.settings).identity(journey, given, _redirect_uri(request))
    opened = _opened(request, identity)
    answer = RedirectResponse(journey.next, _OTHER)
    drop_cookie(request, answer, _cookie(request))
    keep_session(request, answer, opened)
    return answer


def _opened(request: Request, identity: Identity) -> logins.Opened:
    engine, at = engine_of(request), now(request)
    with engine.store.writing() as session:
        user, tied = oidc.known(session, identity)
        actor = Actor(name=user.login, address=address_of(request), request_id=request_id.of(request))
        if tied:
            audit_log.record(session, actor, "user.identity_tied", f"user/{user.id}", at=at)
        lasting = Lasting.by(engine.settings)
        return logins.open_session(session, user, actor, place=place_of(request), lasting=lasting, at=at)


def _journey(request: Request) -> Journey:
    """What this browser set out with. Raises SignInRefused when that was not here, or too long ago."""
    try:
        sealed = engine_of(request).secrets.decrypt(request.cookies.get(_cookie(request), ""))
        told = json.loads(sealed.get_secret_value())
        if told.pop("until") > now(request).timestamp():
            return Journey(**told)
    except (KeyMissing, KeyWrong, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise SignInRefused("this sign-in was not begun in this browser, or too long ago")


def _until(request: Request) -> float:
    return (now(request) + _PATIENCE).timestamp()


def _redirect_uri(request: Request) -> str:
    return f"{base_url(request)}{_BACK}"


def _cookie(request: Request) -> str:
    return f"__Host-{_COOKIE}" if is_https(request) else _COOKIE
