"""A record of both sides: looked up, why it is not synchronised, its values and their history (CRM-33, NEW-04)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.console import tables
from api.console.cycle_page import HEADINGS, journal_line
from api.console.error_words import cause
from api.console.language import N_
from api.console.obstacle_words import matter
from api.console.screen import EditScreen, ReadScreen, Screen
from api.forms import RecordId
from api.pages import ThePlace
from syncengine.crm.alignment import align_account, align_company
from syncengine.cycle.act import Act, Edited
from syncengine.desk.explanation import Standing, explain
from syncengine.desk.history import lines_of_record
from syncengine.desk.lookup import look_up
from syncengine.desk.obstacles import WAITING
from syncengine.desk.record_sheet import record_sheet
from syncengine.model import Company, Integration

router = APIRouter()
_BATCH: Final = 1_000
_WRITES: Final = 10
STANDINGS: Final = {
    Standing.AGREED: (N_("The same on both sides"), "circle-check", "ok"),
    Standing.WAITING: (N_("Waits for the next cycle"), "hourglass", "busy"),
    Standing.UNDER_WAY: (N_("On its way to Sage 100"), "send", "busy"),
    Standing.CONFLICT: (N_("Conflict to be decided"), "scale", "warn"),
    Standing.ERROR: (N_("The record is in error"), "circle-x", "bad"),
    Standing.TAKEN_OUT: (N_("The record is no longer synchronised"), "ban", "off"),
    Standing.GONE: (N_("The tiers is no longer active in Sage 100"), "unlink", "warn"),
    Standing.CRM_ONLY: (N_("Exists in the CRM only"), "address-book", "off"),
}


@router.get("/records")
def look_a_record_up(screen: ReadScreen, text: str = "") -> Response:
    """What goes by that number, name or code; straight on to the record when only one does."""
    found = None
    if text.strip():
        with screen.engine.store.reading() as session:
            found = look_up(session, text)
        if found.exact is not None and not found.tiers:
            return screen.go(f"/records/{found.exact}")
    causes = {one.error.id: cause(one.error, screen.language) for one in found.refused} if found else {}
    return screen.show("records.html", text=text, found=found, causes=causes)


@router.get("/records/{company_id}")
def show_record(company_id: RecordId, screen: ReadScreen) -> Response:
    """How it stands and why, what waits, both fiches side by side, every value with its history."""
    with screen.engine.store.reading() as session:
        sheet = record_sheet(session, company_id)
        writes = lines_of_record(session, company_id, limit=_WRITES + 1)
        due_at = _due(session, sheet.integration_id)
    reasons = [matter(one, sheet, screen.formats, screen.at) for one in sheet.reasons]
    return screen.show(
        "record.html",
        of=sheet.integration_id,
        sheet=sheet,
        reasons=reasons,
        passing=bool(sheet.reasons) and all(one.obstacle in WAITING for one in sheet.reasons),
        causes={one.id: cause(one, screen.language) for one in sheet.errors},
        writes=writes[:_WRITES],
        more=len(writes) > _WRITES,
        due_at=due_at,
    )


def _due(session: Session, integration_id: int | None) -> Any:
    return None if integration_id is None else session.get_one(Integration, integration_id).due_at


@router.get("/records/{company_id}/field")
def show_field(company_id: RecordId, screen: ReadScreen, name: str = "name") -> Response:
    """One value: what each side holds, what is still to happen to it, and every write with its reason (NEW-04)."""
    with screen.engine.store.reading() as session:
        found = explain(session, company_id, name)
        integration_id = record_sheet(session, company_id).integration_id
        company = session.get_one(Company, company_id)
    word, icon, tone = STANDINGS[found.standing]
    return screen.show(
        "field.html", of=integration_id, found=found, name=company.name, standing=(screen._(word), tone, icon)
    )


@router.get("/records/{company_id}/history")
def show_history(
    company_id: RecordId,
    screen: ReadScreen,
    place: ThePlace,
    format: str = "",  # noqa: A002 - the name in the address
) -> Response:
    """All that was written to the record, the newest first; as a file all of it."""
    with screen.engine.store.reading() as session:
        found = lines_of_record(session, company_id, limit=place.more, before=place.after(int))
        company = session.get(Company, company_id)
        integration_id = record_sheet(session, company_id).integration_id if company is not None else None
    if format == "csv":
        headings = [screen._(heading) for heading in HEADINGS]
        return tables.csv_answer(f"historique-{company_id}.csv", headings, _lines(screen, company_id))
    shown = found[: place.limit]
    return screen.show(
        "history.html",
        of=integration_id,
        company_id=company_id,
        company=company,
        rows=shown,
        next=place.cursor(shown[-1].id) if len(found) > place.limit else None,
        first=place.after(int) is None,
    )


def _lines(screen: Screen, company_id: int) -> Iterator[tuple[object, ...]]:
    before: int | None = None
    while True:
        with screen.engine.store.reading() as session:
            found = lines_of_record(session, company_id, limit=_BATCH, before=before)
        yield from (journal_line(screen, line) for line in found)
        if len(found) < _BATCH:
            return
        before = found[-1].id


@router.post("/records/{company_id}/account_alignments")
def align_the_account(company_id: RecordId, screen: EditScreen) -> Response:
    """'Mettre à jour le tiers': the Company's values go to the tiers, and on to Sage 100 (CRM-33)."""
    words = N_("The tiers has the Company's values now; they go to Sage 100 with the next cycle.")
    return _aligned(screen, company_id, align_account, words)


@router.post("/records/{company_id}/company_alignments")
def align_the_company(company_id: RecordId, screen: EditScreen) -> Response:
    """'Mettre à jour la société': the tiers' values go to the Company (CRM-33)."""
    return _aligned(screen, company_id, align_company, N_("The Company has the values of its tiers now."))


def _aligned(screen: Screen, company_id: int, align: Callable[[Session, int, Act], Edited], words: str) -> Response:
    with screen.writing() as session:
        edited = align(session, company_id, screen.caller.act())
        screen.audit(session, f"company.{align.__name__}", f"company/{company_id}", {"fields": list(edited.changed)})
        return screen.done(session, f"/records/{company_id}", screen._(words))
