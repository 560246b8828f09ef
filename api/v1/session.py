"""/session: who is signed in on this browser; signing in and out, and the password."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.forms import Form, Line, Secret, View
from api.identity import OPEN, Fresh, TheEngine, cookie_name, drop_cookie
from api.openapi import refuses
from api.problems import ApiProblem
from api.sign_in import enter, keep_session
from api.work import FreshWork
from syncengine.access import passwords, sessions, users
from syncengine.access.scopes import Scope, scopes_of
from syncengine.crm import rights
from syncengine.model import Right, User

router = APIRouter(prefix="/session", tags=["session"])


class SignIn(Form):
    """Login and password."""

    login: Line
    password: Secret


class PasswordChange(Form):
    """The present password and the one that is to take its place."""

    current: Secret
    password: Secret


class Me(View):
    """Who is calling, and what the caller may do."""

    user_id: int
    login: str
    name: str
    language: str | None
    administrator: bool
    scopes: list[Scope]
    rights: list[Right]
    must_change_password: bool


@router.post("", status_code=201, response_model=Me, responses=refuses("sign_in_refused"), dependencies=[Depends(OPEN)])
def sign_in(form: SignIn, request: Request, engine: TheEngine) -> Response:
    """Begin a session: the answer sets its cookie."""
    opened = enter(request, form.login, form.password)
    user = opened.user
    with engine.store.reading() as session:
        me = Me(
            user_id=user.id,
            login=user.login,
            name=user.name,
            language=user.language,
            administrator=user.administrator,
            scopes=_in_order(scopes_of(administrator=user.administrator)),
            rights=rights.granted(session, user.id),
            must_change_password=user.must_change_password,
        )
    answer = Response(me.model_dump_json(), 201, {"Location": "/api/v1/session"}, "application/json")
    keep_session(request, answer, opened)
    return answer


@router.get("")
def get_session(caller: Fresh, engine: TheEngine) -> Me:
    """Who is calling, be it by session or by key."""
    with engine.store.reading() as session:
        granted = rights.granted(session, caller.user_id)
    return Me(
        user_id=caller.user_id,
        login=caller.login,
        name=caller.name,
        language=caller.language,
        administrator=caller.administrator,
        scopes=_in_order(caller.scopes),
        rights=granted,
        must_change_password=caller.must_change_password,
    )


@router.delete("", status_code=204)
def sign_out(work: FreshWork) -> Response:
    """End this session; a key has none."""
    with work.writing() as session:
        if work.caller.session_id is not None:
            sessions.end(session, work.caller.user_id, work.caller.session_id)
            work.audit(session, "session.ended", f"user/{work.caller.user_id}")
    answer = Response(status_code=204)
    drop_cookie(work.request, answer, cookie_name(work.request))
    return answer


@router.put(
    "/password",
    status_code=204,
    responses=refuses("password_wrong", "password_weak", "password_same", "scope_missing"),
)
def change_password(form: PasswordChange, work: FreshWork) -> Response:
    """Choose another password; the user's other sessions end. A key may not."""
    choose_password(work, form.current, form.password)
    return Response(status_code=204)


def choose_password(work: FreshWork, current: SecretStr, chosen: SecretStr) -> None:
    """What the route does, for the page too. Raises InputRefused as declared, ApiProblem (scope_missing) for a key."""
    caller = work.caller
    if caller.session_id is None:
        raise ApiProblem("scope_missing")
    work.request.app.state.limits.sign_in(f"user/{caller.user_id}")
    with work.engine.store.reading() as session:
        stored = session.get_one(User, caller.user_id).password_hash
    passwords.confirm(stored, current)
    password_hash = passwords.chosen(stored, chosen, login=caller.login)
    with work.writing() as session:
        user = session.get_one(User, caller.user_id)
        users.change_password(session, user, password_hash, keep=caller.session_id)
        work.audit(session, "user.password_changed", f"user/{caller.user_id}")


def _in_order(scopes: frozenset[Scope]) -> list[Scope]:
    return [scope for scope in Scope if scope in scopes]
