"""Who is calling: a person by session cookie, or a program by API key; and what the caller may do, asked before anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from api import request_id
from api.problems import ApiProblem
from syncengine.access import keys, sessions
from syncengine.access.actor import Actor
from syncengine.access.scopes import Record, Scope, scopes_of, scopes_on
from syncengine.access.sessions import Lasting
from syncengine.cycle.act import Act
from syncengine.engine import Engine

COOKIE: Final = "syncengine_session"
_BEARER: Final = "bearer "


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whoever sent the request. A key acts on behalf of its user: ``login`` is the user's, ``actor`` names the key."""

    user_id: int
    login: str
    name: str
    language: str | None
    administrator: bool
    scopes: frozenset[Scope]
    actor: Actor
    at: datetime
    session_id: int | None = None
    key_id: int | None = None
    must_change_password: bool = False

    def may(self, scope: Scope) -> bool:
        """Whether the caller has the scope."""
        return scope in self.scopes

    def act(self) -> Act:
        """The caller as the author of edits: the journal names the user, whose withdrawn rights count (CRM-61)."""
        return Act(at=self.at, by=self.login)


def engine_of(request: HTTPConnection) -> Engine:
    """The engine this application stands on."""
    engine: Engine = request.app.state.engine
    return engine


async def _the_engine(request: Request) -> Engine:
    """As a dependency: what is not awaited elsewhere would cost a change of threads for each request."""
    return engine_of(request)


def now(request: HTTPConnection) -> datetime:
    """The present instant, the base's where it has a clock of its own."""
    at: datetime = request.app.state.clock()
    return at


def address_of(request: HTTPConnection) -> str | None:
    """Where the request came from; that of the client behind a trusted proxy."""
    return request.client.host if request.client else None


def identify(request: HTTPConnection) -> Caller | None:
    """Who is calling; None for nobody known. The header counts before the cookie.

    Raises ApiProblem (too_many_requests).
    """
    given = request.headers.get("authorization", "")
    if given:
        return _by_key(request, given[len(_BEARER) :].strip()) if given.lower().startswith(_BEARER) else None
    token = request.cookies.get(cookie_name(request))
    return _by_session(request, token) if token else None


def _by_session(request: HTTPConnection, token: str) -> Caller | None:
    engine, at = engine_of(request), now(request)
    lasting = Lasting.by(engine.settings)
    with engine.store.reading() as session:
        found = sessions.find(session, token, lasting=lasting, at=at)
    if found is None:
        return None
    request.app.state.limits.caller(f"session/{found.session.id}")
    if sessions.must_touch(found.session, at):
        with engine.store.writing() as session:
            sessions.touch(session, found.session.id, at)
    user = found.user
    return Caller(
        user_id=user.id,
        login=user.login,
        name=user.name,
        language=user.language,
        administrator=user.administrator,
        scopes=scopes_of(administrator=user.administrator),
        actor=_actor(request, user.login),
        at=at,
        session_id=found.session.id,
        must_change_password=user.must_change_password,
    )


def _by_key(request: HTTPConnection, text: str) -> Caller | None:
    engine, at = engine_of(request), now(request)
    with engine.store.reading() as session:
        found = keys.identify(session, text, at=at)
    if found is None:
        return None
    request.app.state.limits.caller(f"key/{found.key.id}")
    if keys.must_touch(found.key, at):
        with engine.store.writing() as session:
            keys.touch(session, found.key.id, at)
    user = found.user
    return Caller(
        user_id=user.id,
        login=user.login,
        name=user.name,
        language=user.language,
        administrator=user.administrator and Scope.ADMIN in found.scopes,
        scopes=found.scopes,
        actor=_actor(request, f"key:{found.key.name}"),
        at=at,
        key_id=found.key.id,
    )


def _actor(request: HTTPConnection, name: str) -> Actor:
    return Actor(name=name, address=address_of(request), request_id=request_id.of(request))


class Requires:
    """A dependency: the caller, who has the scope; with None anybody known has it.

    Raises ApiProblem (not_signed_in, password_change_required, scope_missing, then parameter_unknown, too_many_requests).
    """

    def __init__(self, scope: Scope | None, *, fresh: bool = False) -> None:
        self.scope = scope
        self.fresh = fresh  # whether somebody may come whose password is still to be changed

    def __call__(self, request: Request) -> Caller:
        """Who is calling."""
        caller = identify(request)
        if caller is None:
            request.app.state.limits.stranger(address_of(request) or "")
            raise ApiProblem("not_signed_in")
        if caller.must_change_password and not self.fresh:
            raise ApiProblem("password_change_required")
        if self.scope is not None and not caller.may(self.scope):
            raise ApiProblem("scope_missing", field=self.scope.value)
        check_parameters(request)
        return caller


def check_parameters(request: Request) -> None:
    """Raises ApiProblem (parameter_unknown), naming the first query parameter that the operation does not know."""
    parameters: Mapping[Any, frozenset[str]] = request.app.state.parameters
    known = parameters.get(request.scope.get("endpoint"))
    if known is None:
        return
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        allowed = ", ".join(sorted(known)) or "none"
        raise ApiProblem(
            "parameter_unknown", f"a query parameter is not known here; known: {allowed}", field=unknown[0][:60]
        )


class Open:
    """A dependency of what anybody may ask; counted by address."""

    def __call__(self, request: Request) -> None:
        """Raises ApiProblem (parameter_unknown, too_many_requests)."""
        request.app.state.limits.stranger(address_of(request) or "")
        check_parameters(request)


OPEN: Final = Open()
ANYONE, FRESH = Requires(None), Requires(None, fresh=True)
READ, SYNC, EDIT, ADMIN = (Requires(scope) for scope in Scope)
_BY_SCOPE: Final = {requires.scope: requires for requires in (READ, SYNC, EDIT, ADMIN)}

Anyone = Annotated[Caller, Depends(ANYONE)]
Fresh = Annotated[Caller, Depends(FRESH)]
Reader = Annotated[Caller, Depends(READ)]
Syncer = Annotated[Caller, Depends(SYNC)]
Editor = Annotated[Caller, Depends(EDIT)]
Administrator = Annotated[Caller, Depends(ADMIN)]
TheEngine = Annotated[Engine, Depends(_the_engine)]


def reading(record: Record) -> Requires:
    """The dependency of routes that read records of a kind; Accounts follow Companies (CRM-36)."""
    return _BY_SCOPE[scopes_on(record).reading]


def changing(record: Record) -> Requires:
    """The dependency of routes that change records of a kind; Accounts follow Companies (CRM-36)."""
    return _BY_SCOPE[scopes_on(record).changing]


def cookie_name(request: HTTPConnection) -> str:
    """Over TLS the name itself keeps other hosts of the domain from setting it."""
    return f"__Host-{COOKIE}" if is_https(request) else COOKIE


def is_https(request: HTTPConnection) -> bool:
    """Whether people reach this server over TLS, maybe through a proxy."""
    public = engine_of(request).settings.public_url
    return request.url.scheme == "https" or bool(public and public.startswith("https:"))


def set_cookie(request: Request, response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """A cookie that scripts do not see and other sites do not send along."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=is_https(request), httponly=True, samesite="lax")


def drop_cookie(request: Request, response: Response, name: str) -> None:
    """Make the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=is_https(request), httponly=True, samesite="lax")
