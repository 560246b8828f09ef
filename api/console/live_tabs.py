"""The live tabs of a linked client, read at the click and never kept: figures, entries, documents and lines (CRM-54, CRM-55)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.console import tables
from api.console.company import place_of
from api.console.live_columns import columns_of, sort_of, values_of
from api.console.posted import Posted
from api.console.problem_words import told
from api.console.screen import ReadScreen, Screen
from api.csv_files import WantsCsv
from api.forms import RecordId
from api.live_pages import TheLivePlace
from api.problems import ApiProblem
from contracts.errors import Problem
from contracts.fields import Struct
from contracts.views import CUMULATED, DOCUMENT, DOCUMENT_LINE, ENTRY
from syncengine.core.document_types import DOCUMENT_TYPES
from syncengine.engine import Engine
from syncengine.errors import ErpUnreachable
from syncengine.rtdv import tabs, whom
from syncengine.rtdv.headings import table
from syncengine.rtdv.tabs import Found, Tab
from syncengine.rtdv.whom import Whom
from syncengine.rtdv.window import DocumentFilter, DocumentSort, EntrySort, LineSort, Span, Window

router = APIRouter()
_NOT_HERE: Final = frozenset({"company_unknown", "cursor_invalid", "parameter_invalid"})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The filters of a live list as they stand in its address."""

    first: str
    last: str
    kind: str
    search: str
    sort: str
    descending: str
    open: str

    @property
    def kept(self) -> dict[str, str]:
        """Those that are set, by their names in the address."""
        named = {"from": self.first, "to": self.last, "type": self.kind, "search": self.search, "open": self.open}
        return {name: text for name, text in (named | self.order).items() if text}

    @property
    def order(self) -> dict[str, str]:
        """What is sorted by."""
        return {"sort": self.sort, "descending": self.descending if self.sort else ""}

    @property
    def span(self) -> Span:
        """The days. Raises ApiProblem (parameter_invalid)."""
        return Span(first=_day(self.first, "from"), last=_day(self.last, "to"))

    @property
    def documents(self) -> DocumentFilter:
        """Which documents. Raises ApiProblem (parameter_invalid)."""
        types = frozenset({self.kind}) if self.kind else None
        return DocumentFilter(span=self.span, types=types, search=self.search)

    def window(self, sorts: type[StrEnum], page: int, size: int) -> Window:
        """The page asked for, in that order."""
        return Window(page=page, size=size, sort=sort_of(sorts, self.sort), descending=bool(self.descending))


def _wanted(request: Request) -> Wanted:
    said = Posted(request.query_params.multi_items())
    first, last, kind = said.text("from"), said.text("to"), said.text("type")
    named = {name: said.text(name) for name in ("search", "sort", "descending", "open")}
    return Wanted(first=first, last=last, kind=kind, **named)


def _day(text: str, name: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ApiProblem("parameter_invalid", field=name) from None


TheWanted = Annotated[Wanted, Depends(_wanted)]


@dataclass(frozen=True, kw_only=True)
class _List:
    """A live list: its name in addresses and files, its columns, what it can be sorted by, and how it is asked for."""

    name: str
    template: str
    struct: Struct
    sorts: type[StrEnum]
    ask: Callable[[Engine, Whom, Window, Wanted], Found]


_ENTRIES: Final = _List(
    name="ecritures",
    template="company_entries.html",
    struct=ENTRY,
    sorts=EntrySort,
    ask=lambda engine, who, window, wanted: tabs.entries(
        engine, who, window, wanted.span, only_unlettered=bool(wanted.open)
    ),
)
_DOCUMENTS: Final = _List(
    name="documents",
    template="company_documents.html",
    struct=DOCUMENT,
    sorts=DocumentSort,
    ask=lambda engine, who, window, wanted: tabs.documents(engine, who, window, wanted.documents),
)
_LINES: Final = _List(
    name="lignes",
    template="company_documents.html",
    struct=DOCUMENT_LINE,
    sorts=LineSort,
    ask=lambda engine, who, window, wanted: tabs.sales_lines(engine, who, window, wanted.documents),
)


@router.get("/companies/{company_id}/solvency")
def show_solvency(company_id: RecordId, screen: ReadScreen) -> Response:
    """Solvabilité: what the client owes and may still owe."""

    def read(who: Whom) -> dict[str, Any]:
        figures = values_of(tabs.solvency(screen.engine, who))
        return {"figures": figures, "read_at": screen.engine.store.clock()}

    return _shown(screen, company_id, "company_solvency.html", read)


@router.get("/companies/{company_id}/cumulated-figures")
def show_cumulated_figures(company_id: RecordId, screen: ReadScreen, wants: WantsCsv) -> Response:
    """Cumuls: the months of the open fiscal years."""
    if wants:
        who = _whom(screen, company_id)
        found = tabs.cumulated_figures(screen.engine, who)
        return tables.csv_answer(f"cumuls-{who.code}", *table(CUMULATED, found.rows))

    def read(who: Whom) -> dict[str, Any]:
        found = tabs.cumulated_figures(screen.engine, who)
        return {"rows": list(map(values_of, found.rows)), "read_at": found.at, "columns": columns_of(CUMULATED)}

    return _shown(screen, company_id, "company_cumulated.html", read)


@router.get("/companies/{company_id}/entries")
def show_entries(
    company_id: RecordId, screen: ReadScreen, place: TheLivePlace, wants: WantsCsv, wanted: TheWanted
) -> Response:
    """Écritures: the accounting entries, newest first unless sorted."""
    return _listed(screen, company_id, _ENTRIES, place, wanted, as_file=wants)


@router.get("/companies/{company_id}/documents")
def show_documents(
    company_id: RecordId, screen: ReadScreen, place: TheLivePlace, wants: WantsCsv, wanted: TheWanted
) -> Response:
    """Documents commerciaux, of the types that whoever asks may see (CRM-55)."""
    return _listed(screen, company_id, _DOCUMENTS, place, wanted, as_file=wants)


@router.get("/companies/{company_id}/sales-lines")
def show_sales_lines(
    company_id: RecordId, screen: ReadScreen, place: TheLivePlace, wants: WantsCsv, wanted: TheWanted
) -> Response:
    """Interrogation commerciale: what was sold, at which price, in which document."""
    return _listed(screen, company_id, _LINES, place, wanted, as_file=wants)


@router.get("/companies/{company_id}/documents/{type}/{number:path}")
def show_document(company_id: RecordId, type: str, number: str, screen: ReadScreen) -> Response:  # noqa: A002
    """One document with its lines."""

    def read(who: Whom) -> dict[str, Any]:
        found = values_of(tabs.document(screen.engine, who, type, number))
        lines = [values_of(line) for line in found.pop("lines") or ()]
        return {
            "document": found,
            "rows": lines,
            "columns": [one for one in columns_of(DOCUMENT_LINE) if one.attr not in {"number", "type", "date"}],
            "read_at": screen.engine.store.clock(),
        }

    return _shown(screen, company_id, "company_document.html", read, documents=True)


def _listed(
    screen: Screen, company_id: int, of: _List, place: TheLivePlace, wanted: Wanted, *, as_file: bool
) -> Response:
    if as_file:
        who = _whom(screen, company_id)
        every = tabs.every_row(
            screen.engine, who, _tab(screen, of, who, wanted), wanted.window(of.sorts, 1, place.size)
        )
        return tables.csv_answer(f"{of.name}-{who.code}", *table(of.struct, every))

    def read(who: Whom) -> dict[str, Any]:
        found = _tab(screen, of, who, wanted)(wanted.window(of.sorts, place.number, place.size))
        seen = [code for code in DOCUMENT_TYPES if who.types is None or code in who.types]
        return {
            "rows": list(map(values_of, found.rows)),
            "total": found.total,
            "read_at": found.at,
            "next": place.next(found),
            "first": place.number == 1,
            "columns": columns_of(of.struct),
            "wanted": wanted,
            "types": [(code, f"{code} – {DOCUMENT_TYPES[code]}") for code in seen],
        }

    return _shown(screen, company_id, of.template, read, lines=of is _LINES)


def _tab(screen: Screen, of: _List, who: Whom, wanted: Wanted) -> Tab:
    return lambda window: of.ask(screen.engine, who, window, wanted)


def _whom(screen: Screen, company_id: int) -> Whom:
    with screen.engine.store.reading() as session:
        return whom.of_company(session, company_id, by=screen.caller.user_id)


def _shown(
    screen: Screen, company_id: int, template: str, read: Callable[[Whom], dict[str, Any]], **more: Any
) -> Response:
    """The tab; where Sage 100 does not answer, or the Company is no linked client, the reason in its place.

    The answer is 200 then, too: it is the tab that was asked for, and a filter that is changed replaces the list by the reason.
    """
    with screen.engine.store.reading() as session:
        context = place_of(session, screen, company_id)
    try:
        who = _whom(screen, company_id)
        found = {"currency": who.currency, "document_types": DOCUMENT_TYPES, **read(who)}
    except Problem as problem:
        if problem.problem_code in _NOT_HERE:
            raise
        down = problem.problem_code in _ERP_DOWN
        since = problem.since if isinstance(problem, ErpUnreachable) else None
        why = told(problem, screen.language)
        return screen.show("company_live_refused.html", why=why, down=down, since=since, **more, **context)
    return screen.show(template, **found, **more, **context)


_ERP_DOWN: Final = frozenset({"erp_unreachable", "erp_busy", "integration_disconnected", "credentials_refused"})
