"""Sociétés: the Companies found by words, status and free field, by name; as a file all of them (CRM-46)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.console import tables
from api.console.choices import chosen
from api.console.language import N_
from api.console.screen import ReadScreen, Screen
from api.console.signs import sign_of
from api.csv_files import WantsCsv
from api.pages import ThePlace
from syncengine.crm.company_search import CompanyLine, CompanyPage, search_companies
from syncengine.errors import InputRefused
from syncengine.model import FreeFieldDefinition, RecordStatus

router = APIRouter()
_BATCH: Final = 500
_FREE_MAX: Final = 200
_HEADINGS: Final = (
    N_("Number"),
    N_("Code comptable"),
    N_("Name"),
    N_("Company type"),
    N_("Status"),
    N_("SIRET"),
    N_("Town"),
    N_("Sage 100"),
    N_("Link"),
)


@router.get("/companies")
def show_companies(
    screen: ReadScreen,
    place: ThePlace,
    wants: WantsCsv,
    text: str = "",
    status: str = "",
    free: str = "",
    value: str = "",
) -> Response:
    """The Companies that match; what a filter cannot be is said above the list."""
    criteria = _criteria(text, status, free, value)
    kept = {"text": text, "status": status, "free": free, "value": value if free else ""}
    if wants:
        headings = [screen._(heading) for heading in _HEADINGS]
        return tables.csv_answer("societes", headings, _rows(screen, criteria))
    after = place.after(str)
    with screen.engine.store.reading() as session:
        context: dict[str, Any] = {"kept": kept, "first": after is None, "free_fields": _free_fields(session)}
    try:
        with screen.engine.store.reading() as session:
            found = search_companies(session, limit=place.limit, after=after, **criteria)
    except InputRefused as problem:
        nothing = CompanyPage(items=(), after=None)
        return screen.again("companies.html", problem, found=nothing, next=None, **context)
    following = None if found.after is None else place.cursor(found.after)
    return screen.show("companies.html", found=found, next=following, **context)


def _criteria(text: str, status: str, free: str, value: str) -> dict[str, Any]:
    return {
        "text": text or None,
        "status": chosen(RecordStatus, status, "status"),
        "free": {free: value} if free else {},
    }


def _free_fields(session: Session) -> list[str]:
    names = select(FreeFieldDefinition.name).distinct().order_by(FreeFieldDefinition.name)
    return list(session.scalars(names.limit(_FREE_MAX)))


def _rows(screen: Screen, criteria: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    after: str | None = None
    while True:
        with screen.engine.store.reading() as session:
            found = search_companies(session, limit=_BATCH, after=after, **criteria)
        yield from (_row(screen, line) for line in found.items)
        if found.after is None:
            return
        after = found.after


def _row(screen: Screen, line: CompanyLine) -> tuple[object, ...]:
    states = (screen._(sign_of(state).word) if state else None for state in (line.erp_state, line.link_state))
    status = screen._(sign_of(line.status).word)
    return (line.id, line.code, line.name, line.company_type, status, line.siret, line.town, *states)
