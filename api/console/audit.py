"""The audit log: who did what, when, to which record and from where, with what changed from and to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from api.console import tables
from api.console.choices import day as whole_day
from api.console.language import N_
from api.console.screen import AdminScreen
from api.csv_files import WantsCsv
from api.pages import ThePlace
from syncengine.access.audit_log import Search, list_events
from syncengine.core.fold import searchable
from syncengine.model import AuditEvent

router = APIRouter()
_BATCH: Final = 1_000
_HEADINGS: Final = (N_("When"), N_("Who"), N_("What"), N_("Record"), N_("From → to"), N_("Address"), N_("Request"))


@router.get("/audit")
def show_audit(
    screen: AdminScreen,
    place: ThePlace,
    wants: WantsCsv,
    actor: str = "",
    action: str = "",
    subject: str = "",
    day: str = "",
) -> Response:
    """The events that match, newest first; as a file all of them."""
    kept = {"actor": actor, "action": action, "subject": subject}
    said: dict[str, str | None] = {name: searchable(text, name).strip() or None for name, text in kept.items()}
    span = whole_day(day)
    since, until = span or (None, None)
    wanted = Search(actor=said["actor"], action=said["action"], subject=said["subject"], since=since, until=until)
    if wants:
        return tables.csv_answer("audit", [screen._(heading) for heading in _HEADINGS], _rows(screen, wanted))
    after = place.after(int)
    with screen.engine.store.reading() as session:
        found = list_events(session, wanted, limit=place.more, before_id=after)
    shown = found[: place.limit]
    following = place.cursor(shown[-1].id) if len(found) > place.limit else None
    rows = [(one, _moves(one)) for one in shown]
    kept["day"] = day
    return screen.show("audit.html", rows=rows, next=following, first=after is None, kept=kept)


def _moves(event: AuditEvent) -> list[str]:
    """What changed, field by field, as it was written."""
    return [f"{name}: {_said(value)}" for name, value in (event.detail or {}).items()]


def _said(value: Any) -> str:
    if isinstance(value, list):
        between = " → " if len(value) == 2 else ", "
        return between.join("—" if one is None else str(one) for one in value)
    return str(value)


def _rows(screen: AdminScreen, wanted: Search) -> Iterator[tuple[str | datetime | None, ...]]:
    before: int | None = None
    while True:
        with screen.engine.store.reading() as session:
            found = list_events(session, wanted, limit=_BATCH, before_id=before)
        for one in found:
            moves = "; ".join(_moves(one))
            yield (one.at, one.actor, one.action, one.subject, moves, one.address, one.request_id)
        if len(found) < _BATCH:
            return
        before = found[-1].id
