"""/audit_events: who did what, when, from where."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.forms import Instant, Line, View
from api.identity import Administrator, TheEngine
from api.pages import Page, ThePlace
from syncengine.access import audit_log
from syncengine.access.audit_log import Search

router = APIRouter(prefix="/audit_events", tags=["access"])


class EventSheet(View):
    """One thing that somebody did; ``detail`` names what changed, as [before, after]."""

    id: int
    at: Instant
    actor: str
    action: str
    subject: str | None
    detail: dict[str, Any] | None
    request_id: str | None
    address: str | None


@router.get("")
def list_audit_events(
    _caller: Administrator,
    engine: TheEngine,
    place: ThePlace,
    actor: Annotated[Line | None, Query(description="A login, key:<name>, or operator.")] = None,
    action: Annotated[Line | None, Query(description="user.created, or a group of them: user.")] = None,
    subject: Annotated[Line | None, Query(description="user/3, integration/1, …")] = None,
    since: Annotated[Instant | None, Query(description="At or after.")] = None,
    until: Annotated[Instant | None, Query(description="Before.")] = None,
) -> Page[EventSheet]:
    """Events, the newest first."""
    search = Search(actor=actor, action=action, subject=subject, since=since, until=until)
    with engine.store.reading() as session:
        found = audit_log.list_events(session, search, limit=place.more, before_id=place.after(int))
    return place.page(found, EventSheet.model_validate, lambda event: event.id)
