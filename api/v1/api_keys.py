"""/api_keys: what programs call with; shown once, scoped, with an end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.forms import Form, Instant, Line, RecordId, View
from api.identity import Administrator, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.problems import not_found
from api.work import AdminOnce, AdminWork
from syncengine.access import keys
from syncengine.access.keys import KeyOrder
from syncengine.access.scopes import Scope
from syncengine.core.refusals import refused
from syncengine.model import ApiKey, User

router = APIRouter(prefix="/api_keys", tags=["access"])


class KeySheet(View):
    """A key, without its secret; ``prefix`` tells keys apart, ``user_id`` is on whose behalf it acts."""

    id: int
    name: str
    prefix: str
    scopes: list[Scope]
    user_id: int
    created_at: Instant
    expires_at: Instant | None
    used_at: Instant | None
    revoked_at: Instant | None


class KeyForm(Form):
    """A key to be made; without ``user_id`` it acts for who makes it, without ``expires_at`` it lasts until revoked."""

    name: Line
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    user_id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    expires_at: Instant | None = None


class NewKey(View):
    """The key made, and its text: it is shown this once (null when the request is repeated)."""

    api_key: KeySheet
    key: str | None


@router.get("")
def list_api_keys(
    _caller: Administrator,
    engine: TheEngine,
    place: ThePlace,
    user_id: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Keys that act for this user.")] = None,
) -> Page[KeySheet]:
    """Keys, the newest first, revoked ones too."""
    with engine.store.reading() as session:
        found = keys.list_keys(session, user_id, limit=place.more, before_id=place.after(int))
    return place.page(found, KeySheet.model_validate, lambda key: key.id)


@router.post(
    "",
    status_code=201,
    response_model=NewKey,
    responses=refuses(
        *("unknown_user", "scope_beyond_user", "key_expiry_invalid"),
        *("field_required", "too_long", "control_character"),
    ),
)
def create_api_key(form: KeyForm, work: AdminOnce) -> Response:
    """Make a key."""
    order = KeyOrder(name=form.name, scopes=frozenset(form.scopes), expires_at=form.expires_at)
    with work.writing() as session:
        user = _user(session, form.user_id or work.caller.user_id)
        key, text = keys.create(session, user, order, at=work.caller.at)
        work.audit(session, "api_key.created", f"api_key/{key.id}", {"name": key.name, "scopes": key.scopes})
        view = NewKey(api_key=KeySheet.model_validate(key), key=text.get_secret_value())
        return work.answer(
            session,
            view,
            status=201,
            location=f"/api/v1/api_keys/{key.id}",
            kept=view.model_copy(update={"key": None}),
        )


@router.get("/{key_id}")
def get_api_key(key_id: RecordId, _caller: Administrator, engine: TheEngine) -> KeySheet:
    """One key."""
    with engine.store.reading() as session:
        return KeySheet.model_validate(_key(session, key_id))


@router.delete("/{key_id}", status_code=204)
def revoke_api_key(key_id: RecordId, work: AdminWork) -> Response:
    """End a key at once; it stays in the list."""
    with work.writing() as session:
        key = _key(session, key_id)
        keys.revoke(session, key, at=work.caller.at)
        work.audit(session, "api_key.revoked", f"api_key/{key.id}", {"name": key.name})
        return work.answer(session, status=204)


def _key(session: Session, key_id: int) -> ApiKey:
    key = session.get(ApiKey, key_id)
    if key is None:
        raise not_found()
    return key


def _user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None or not user.active:
        raise refused(
            "unknown_user", "there is no such active user", field="user_id", remedy="Name an active user of the CRM."
        )
    return user
