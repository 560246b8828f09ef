"""/users: who may work in the CRM, with which rights, and which types of document each may see."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.etags import TheIfMatch
from api.forms import Form, Instant, Line, RecordId, View
from api.identity import Administrator, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.problems import not_found
from api.work import AdminOnce, AdminWork
from syncengine.access import passwords, sessions, users
from syncengine.access.logins import is_locked
from syncengine.access.users import UserDraft
from syncengine.crm import rights
from syncengine.model import Right, User

router = APIRouter(prefix="/users", tags=["users"])
_FIELDS = ("field_required", "too_long", "control_character", "email_invalid", "unknown_value")


class UserSheet(View):
    """A user; ``document_types`` null means all (CRM-55), ``withdrawn`` lists the rights taken away (CRM-61)."""

    id: int
    login: str
    name: str
    email: str | None
    administrator: bool
    active: bool
    language: str | None
    document_types: list[str] | None
    withdrawn: list[Right]
    must_change_password: bool
    locked: bool
    created_at: Instant


class UserForm(Form):
    """A user to be made."""

    login: Line
    name: Line
    email: Line | None = None
    administrator: bool = False
    language: Line | None = None
    document_types: list[Line] | None = Field(default=None, max_length=20)


class UserChange(Form):
    """What is to change; what is left out stays."""

    name: Line = ""
    email: Line | None = None
    administrator: bool = False
    active: bool = True
    language: Line | None = None
    document_types: list[Line] | None = Field(default=None, max_length=20)


class NewUser(View):
    """The user made, and the password for the first sign-in: it is shown this once (null when the request is repeated)."""

    user: UserSheet
    password: str | None


class OneTimePassword(View):
    """A password for one sign-in: it is shown this once (null when the request is repeated)."""

    password: str | None


class RightSheet(View):
    """One right, and whether the user has it."""

    right: Right
    granted: bool


class RightForm(Form):
    """Whether the user is to have the right."""

    granted: bool


@router.get("")
def list_users(
    caller: Administrator,
    engine: TheEngine,
    place: ThePlace,
    text: Annotated[Line | None, Query(description="Words of login, name or e-mail.")] = None,
    active: Annotated[bool | None, Query(description="Only active, or only inactive users.")] = None,
) -> Page[UserSheet]:
    """Users by login."""
    with engine.store.reading() as session:
        found = users.list_users(session, text=text, active=active, limit=place.more, after=place.after(str))
        return place.page(found, lambda user: sheet(session, user, caller), lambda user: user.login)


@router.post("", status_code=201, response_model=NewUser, responses=refuses("login_invalid", "login_in_use", *_FIELDS))
def create_user(form: UserForm, work: AdminOnce) -> Response:
    """Make a user, who signs in with the password of the answer and chooses another one then."""
    one_time = passwords.one_time()
    with work.writing() as session:
        user = users.create(session, UserDraft(**form.model_dump()), one_time, at=work.caller.at)
        work.audit(session, "user.created", f"user/{user.id}", {"login": [None, user.login]})
        view = NewUser(user=sheet(session, user, work.caller), password=one_time.password.get_secret_value())
        return work.answer(
            session,
            view,
            status=201,
            location=f"/api/v1/users/{user.id}",
            kept=view.model_copy(update={"password": None}),
        )


@router.get("/{user_id}", response_model=UserSheet)
def get_user(user_id: RecordId, caller: Administrator, engine: TheEngine, request: Request) -> Response:
    """One user."""
    with engine.store.reading() as session:
        return etags.answer(request, sheet(session, user_or_404(session, user_id), caller))


@router.patch("/{user_id}", response_model=UserSheet, responses=refuses("last_administrator", *_FIELDS))
def modify_user(user_id: RecordId, form: UserChange, work: AdminWork, if_match: TheIfMatch) -> Response:
    """Change a user. Who is deactivated is signed out everywhere."""
    with work.writing() as session:
        user = user_or_404(session, user_id)
        if_match.check(sheet(session, user, work.caller))
        changed = users.modify(session, user, form.model_dump(exclude_unset=True))
        if changed:
            work.audit(session, "user.changed", f"user/{user.id}", changed)
        return work.answer(session, sheet(session, user, work.caller), versioned=True)


@router.post("/{user_id}/one_time_passwords", status_code=201, response_model=OneTimePassword)
def reset_password(user_id: RecordId, work: AdminOnce) -> Response:
    """A new password for one sign-in: the user is signed out everywhere, and no longer locked out."""
    one_time = passwords.one_time()
    with work.writing() as session:
        user = user_or_404(session, user_id)
        users.reset(session, user, one_time)
        work.audit(session, "user.password_reset", f"user/{user.id}")
        view = OneTimePassword(password=one_time.password.get_secret_value())
        return work.answer(session, view, status=201, kept=OneTimePassword(password=None))


@router.delete("/{user_id}/sessions", status_code=204)
def end_user_sessions(user_id: RecordId, work: AdminWork) -> Response:
    """Sign a user out everywhere."""
    with work.writing() as session:
        user = user_or_404(session, user_id)
        count = sessions.end_all(session, user.id)
        work.audit(session, "session.all_ended", f"user/{user.id}", {"sessions": count})
        return work.answer(session, status=204)


@router.get("/{user_id}/rights")
def list_rights(user_id: RecordId, _caller: Administrator, engine: TheEngine) -> Page[RightSheet]:
    """Every right, and whether the user has it (CRM-61)."""
    with engine.store.reading() as session:
        withdrawn = rights.withdrawn(session, user_or_404(session, user_id).id)
    return Page(items=[RightSheet(right=right, granted=right not in withdrawn) for right in Right], next=None)


@router.put("/{user_id}/rights/{right}", response_model=RightSheet)
def set_right(user_id: RecordId, right: Right, form: RightForm, work: AdminWork) -> Response:
    """Withdraw a right, or give it back (CRM-61); once more changes nothing."""
    with work.writing() as session:
        user = user_or_404(session, user_id)
        had = right not in rights.withdrawn(session, user.id)
        if form.granted:
            rights.grant(session, user.id, right)
        else:
            rights.withdraw(session, user.id, right, at=work.caller.at)
        if had is not form.granted:
            action = "user.right_granted" if form.granted else "user.right_withdrawn"
            work.audit(session, action, f"user/{user.id}", {right.value: [had, form.granted]})
        return work.answer(session, RightSheet(right=right, granted=form.granted))


def user_or_404(session: Session, user_id: int) -> User:
    """The user of that id. Raises ApiProblem (not_found)."""
    user = session.get(User, user_id)
    if user is None:
        raise not_found()
    return user


def sheet(session: Session, user: User, caller: Any) -> UserSheet:
    """The user as the API shows one."""
    return UserSheet(
        **{name: getattr(user, name) for name in _PLAIN},
        withdrawn=rights.withdrawn(session, user.id),
        locked=is_locked(user, caller.at),
    )


_PLAIN = tuple(name for name in UserSheet.model_fields if name not in {"withdrawn", "locked"})
