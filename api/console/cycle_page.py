"""One cycle: how far it is while it runs, what it wrote and why, and the lines of its log (CRM-10, CRM-52, NEW-04)."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse, Response

from api.console import tables
from api.console.guard_words import guard_said
from api.console.language import N_
from api.console.screen import ReadScreen, Screen
from api.console.signs import sign_of
from api.console.templating import said_in
from api.forms import RecordId
from api.pages import ThePlace
from syncengine.desk.analysis import events_of_cycle
from syncengine.desk.cycles import find_cycle
from syncengine.desk.history import HistoryLine, lines_of_cycle, unknown_cycle
from syncengine.desk.pace import pace_of
from syncengine.desk.status import summary_of
from syncengine.logs import list_logs, read_log
from syncengine.model import Company, Cycle, Plan, RunRequest
from syncengine.model.account import Account

router = APIRouter()
_BATCH: Final = 1_000
_LOG_LINES: Final = 200
_PAGE: Final = "/integrations/{integration_id}/cycles/{cycle_id}"
_OWN: Final = frozenset({"event", "level", "timestamp", "integration", "cycle"})
HEADINGS: Final = (
    N_("When"),
    N_("Side"),
    N_("Code comptable"),
    N_("Field"),
    N_("Before"),
    N_("After"),
    N_("Why"),
    N_("By"),
)


@router.get(_PAGE)
def show_cycle(
    integration_id: RecordId,
    cycle_id: RecordId,
    screen: ReadScreen,
    place: ThePlace,
    format: str = "",  # noqa: A002 - the name in the address
) -> Response:
    """The cycle; its live part is asked for again and again, and makes the whole page come anew once the cycle has ended."""
    with screen.engine.store.reading() as session:
        row = mine(session, integration_id, cycle_id)
        cycle = summary_of(row)
        if cycle.status.ended and "hx-request" in screen.request.headers:
            return HTMLResponse(headers={"HX-Refresh": "true"})
        found = lines_of_cycle(session, cycle_id, limit=place.more, after=place.after(int) or 0)
        context: dict[str, Any] = {
            "asked_by": session.scalar(select(RunRequest.asked_by).where(RunRequest.cycle_id == cycle_id).limit(1)),
            "undoes": row.undoes_id,
            "undone_by": session.scalar(select(Cycle.id).where(Cycle.undoes_id == cycle_id).limit(1)),
            "plan_id": session.scalar(_plan_of(row)),
            "companies": _companies(session, found),
        }
    if format == "csv":
        headings = [screen._(heading) for heading in HEADINGS]
        return tables.csv_answer(f"cycle-{cycle_id}.csv", headings, _lines(screen, cycle_id))
    shown = found[: place.limit]
    return screen.show(
        "cycle.html",
        of=integration_id,
        cycle=cycle,
        pace=pace_of(cycle, screen.at),
        rows=shown,
        next=place.cursor(shown[-1].id) if len(found) > place.limit else None,
        first=place.after(int) is None,
        log=_log(screen, integration_id, cycle_id),
        log_most=_LOG_LINES,
        guard=guard_said(cycle.error_message, screen.language) if cycle.error_code == "guard_stopped" else "",
        **context,
    )


def mine(session: Session, integration_id: int, cycle_id: int) -> Cycle:
    """The cycle, if it is one of the integration. Raises InputRefused (cycle_unknown)."""
    row = find_cycle(session, cycle_id)
    if row.integration_id != integration_id:
        raise unknown_cycle(cycle_id)
    return row


def _plan_of(row: Cycle) -> Any:
    """The plan it applied, or left for somebody to look at: that of a guard is named in the message."""
    named = (row.error_message or "").rpartition("see plan ")[2] if row.error_code == "guard_stopped" else ""
    number = int(named) if named.isascii() and named.isdecimal() else 0
    either = (Plan.applied_cycle_id == row.id) | (Plan.id == number)
    return select(Plan.id).where(Plan.integration_id == row.integration_id, either).limit(1)


def _companies(session: Session, lines: list[HistoryLine]) -> dict[int, int]:
    """Company by line, where there is one to show."""
    accounts = {line.account_id for line in lines if line.account_id is not None}
    owners = select(Account.id, Account.company_id).where(Account.id.in_(accounts), Account.company_id.is_not(None))
    of_account = {row.id: row.company_id for row in session.execute(owners)}
    own = {line.record_id for line in lines if line.entity == "company"}
    there = set(session.scalars(select(Company.id).where(Company.id.in_(own))))
    found = {line.id: of_account.get(line.account_id) for line in lines if line.account_id is not None}
    found |= {line.id: line.record_id for line in lines if line.entity == "company" and line.record_id in there}
    return {number: company for number, company in found.items() if company is not None}


def _lines(screen: Screen, cycle_id: int) -> Iterator[tuple[object, ...]]:
    after = 0
    while True:
        with screen.engine.store.reading() as session:
            found = lines_of_cycle(session, cycle_id, limit=_BATCH, after=after)
        yield from (journal_line(screen, line) for line in found)
        if len(found) < _BATCH:
            return
        after = found[-1].id


def journal_line(screen: Screen, line: HistoryLine) -> tuple[object, ...]:
    """A line of the journal as a row of a file."""
    side, label = screen._(sign_of(line.side).word), said_in(line.label, screen.language)
    why = said_in(line.why.removesuffix(f" ({line.by})"), screen.language)
    return (line.at, side, line.code, label, line.before, line.after, why, line.by)


def _log(screen: Screen, integration_id: int, cycle_id: int) -> list[dict[str, Any]]:
    """The last lines of the cycle's log, as far as the files still have them."""
    settings = screen.engine.settings
    files = [one.name for one in reversed(list_logs(settings, integration_id))]
    lines = (line for name in files for line in read_log(settings, name))
    kept = deque(events_of_cycle(lines, cycle_id), maxlen=_LOG_LINES)
    return [
        {
            "at": str(event.get("timestamp", ""))[11:19],
            "level": str(event.get("level", "")),
            "event": str(event["event"]),
            "facts": {
                name: _told(value) for name, value in event.items() if name not in _OWN and value not in (None, 0, "")
            },
        }
        for event in kept
    ]


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
