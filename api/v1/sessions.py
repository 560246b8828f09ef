"""/sessions: where the caller is signed in; signing out elsewhere, or everywhere."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.forms import Instant, RecordId, View
from api.identity import Anyone, TheEngine
from api.pages import Page
from api.problems import not_found
from api.work import OwnWork
from syncengine.access import sessions
from syncengine.access.sessions import Lasting

router = APIRouter(prefix="/sessions", tags=["session"])


class SessionSheet(View):
    """Somebody signed in on one browser; ``current`` is the one that asks."""

    id: int
    created_at: Instant
    seen_at: Instant
    expires_at: Instant
    address: str | None
    agent: str | None
    current: bool = False


@router.get("")
def list_sessions(caller: Anyone, engine: TheEngine) -> Page[SessionSheet]:
    """Where the caller is signed in, the most recent first."""
    with engine.store.reading() as session:
        found = sessions.list_sessions(session, caller.user_id, lasting=Lasting.by(engine.settings), at=caller.at)
    sheets = (SessionSheet.model_validate(one) for one in found)
    items = [sheet.model_copy(update={"current": sheet.id == caller.session_id}) for sheet in sheets]
    return Page(items=items, next=None)


@router.delete("", status_code=204)
def end_sessions(work: OwnWork) -> Response:
    """Sign out everywhere, here too."""
    caller = work.caller
    with work.writing() as session:
        count = sessions.end_all(session, caller.user_id)
        work.audit(session, "session.all_ended", f"user/{caller.user_id}", {"sessions": count})
    return Response(status_code=204)


@router.delete("/{session_id}", status_code=204)
def end_session(session_id: RecordId, work: OwnWork) -> Response:
    """Sign out on one browser."""
    caller = work.caller
    with work.writing() as session:
        if not sessions.end(session, caller.user_id, session_id):
            raise not_found()
        work.audit(session, "session.ended", f"user/{caller.user_id}", {"session": session_id})
    return Response(status_code=204)
