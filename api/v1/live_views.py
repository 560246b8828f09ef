"""/accounts/…, /companies/…: what Sage 100 says now of a linked client, never stored (CRM-54, CRM-55)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from api.csv_files import CSV_200, WantsCsv, csv_answer
from api.forms import Line, RecordId
from api.identity import Caller, TheEngine, reading
from api.live_pages import LivePlace, TheLivePlace, live_page, live_single, page_of, single_of
from api.openapi import refuses
from contracts.fields import Struct
from contracts.views import CUMULATED, DOCUMENT, DOCUMENT_LINE, ENTRY, SOLVENCY, WHOLE_DOCUMENT
from syncengine.access.scopes import Record
from syncengine.engine import Engine
from syncengine.rtdv import tabs, whom
from syncengine.rtdv.headings import table
from syncengine.rtdv.tabs import Tab
from syncengine.rtdv.whom import Whom
from syncengine.rtdv.window import DocumentFilter, DocumentSort, EntrySort, LineSort, Span, Window

router = APIRouter(tags=["live figures"])

TheReader = Annotated[Caller, Depends(reading(Record.ACCOUNT))]
TheCompanyReader = Annotated[Caller, Depends(reading(Record.COMPANY))]
DocumentType = Literal["DE", "BC", "PL", "BL", "BR", "BA", "FA", "FC"]
Number = Annotated[str, Path(min_length=1, max_length=13, pattern=r"^[^\x00-\x1f\x7f]+$")]
FirstDay = Annotated[dt.date | None, Query(alias="from", description="The first day.")]
LastDay = Annotated[dt.date | None, Query(alias="to", description="The last day.")]
Descending = Annotated[bool, Query(description="The other way round; it says nothing without `sort`.")]

OF_TIERS: Final = (
    *("not_a_client", "not_linked", "creation_awaited", "tiers_gone", "tiers_taken_out", "tiers_secondary"),
    *("erp_unreachable", "erp_busy", "integration_disconnected", "integration_invalid", "key_missing", "key_wrong"),
    *("credentials_refused", "contract_broken", "not_a_gateway", "doctype_refused", "document_too_large"),
    *("contract_version_unsupported", "not_supported", "unknown_operation", "invalid_request", "remote_fault"),
    *("database_unavailable", "database_missing", "database_refused", "not_a_sage_base"),
)
OF_ACCOUNT: Final = refuses("account_unknown", *OF_TIERS)
DOCUMENTS_OF_ACCOUNT: Final = refuses("account_unknown", "document_type_withheld", "too_long", *OF_TIERS)
DOCUMENTS_OF_COMPANY: Final = refuses("company_unknown", "document_type_withheld", "too_long", *OF_TIERS)
ONE_OF_ACCOUNT: Final = refuses("account_unknown", "document_unknown", "document_type_withheld", *OF_TIERS)
ONE_OF_COMPANY: Final = refuses("company_unknown", "document_unknown", "document_type_withheld", *OF_TIERS)


async def _document_filter(
    first: FirstDay = None,
    last: LastDay = None,
    types: Annotated[
        list[DocumentType] | None,
        Query(alias="type", max_length=8, description="Types of document; several may be named."),
    ] = None,
    search: Annotated[Line, Query(description="Anywhere in the columns of the header, capitals or not.")] = "",
) -> DocumentFilter:
    chosen = None if types is None else frozenset[str](types)
    return DocumentFilter(span=Span(first=first, last=last), types=chosen, search=search)


Wanted = Annotated[DocumentFilter, Depends(_document_filter)]


async def _span(first: FirstDay = None, last: LastDay = None) -> Span:
    return Span(first=first, last=last)


class Listing:
    """What every live list is asked for with: which page, or all of it as a file."""

    def __init__(self, engine: Engine, place: LivePlace, *, as_file: bool) -> None:
        self.engine, self._place, self._as_file = engine, place, as_file

    def window(self, sort: EntrySort | DocumentSort | LineSort | None, *, descending: bool) -> Window:
        """The page asked for, in that order."""
        return Window(page=self._place.number, size=self._place.size, sort=sort, descending=descending)

    def shown(self, tab: Tab, window: Window, of: _File) -> Response:
        """The page, or the whole list as a file."""
        if self._as_file:
            return csv_answer(of.name, *table(of.struct, tabs.every_row(self.engine, of.client, tab, window)))
        found = tab(window)
        return live_page(found, of.client, self._place.next(found))


async def _listing(engine: TheEngine, place: TheLivePlace, as_file: WantsCsv) -> Listing:
    return Listing(engine, place, as_file=as_file)


TheListing = Annotated[Listing, Depends(_listing)]


@dataclass(frozen=True, kw_only=True)
class _File:
    """What a list is of."""

    struct: Struct
    client: Whom
    what: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.what}-{self.client.code}"


@router.get("/accounts/{account_id}/solvency", response_model=single_of(SOLVENCY), responses=OF_ACCOUNT)
def get_solvency(account_id: RecordId, caller: TheReader, engine: TheEngine) -> Response:
    """Solvabilité: credit limit, accounting balance, portfolio, outstanding, and the balance by age."""
    client = _account(engine, account_id, caller)
    return live_single(tabs.solvency(engine, client), client, engine.store.clock())


@router.get(
    "/accounts/{account_id}/cumulated_figures", response_model=page_of(CUMULATED), responses={**CSV_200, **OF_ACCOUNT}
)
def list_cumulated_figures(account_id: RecordId, caller: TheReader, engine: TheEngine, as_file: WantsCsv) -> Response:
    """Cumuls: debit, credit, balance and turnover of each month of the open fiscal years, all on one page."""
    client = _account(engine, account_id, caller)
    found = tabs.cumulated_figures(engine, client)
    if as_file:
        return csv_answer(f"cumuls-{client.code}", *table(CUMULATED, found.rows))
    return live_page(found, client)


@router.get("/accounts/{account_id}/entries", response_model=page_of(ENTRY), responses={**CSV_200, **OF_ACCOUNT})
def list_entries(
    account_id: RecordId,
    caller: TheReader,
    listing: TheListing,
    span: Annotated[Span, Depends(_span)],
    sort: EntrySort | None = None,
    descending: Descending = False,  # noqa: FBT002 - a parameter of the query
    only_unlettered: Annotated[bool, Query(description="Those that are not lettered yet.")] = False,  # noqa: FBT002
) -> Response:
    """Écritures: the accounting entries of the tiers, newest first unless sorted otherwise."""
    client = _account(listing.engine, account_id, caller)

    def tab(window: Window) -> tabs.Found:
        return tabs.entries(listing.engine, client, window, span, only_unlettered=only_unlettered)

    window = listing.window(sort, descending=descending)
    return listing.shown(tab, window, _File(struct=ENTRY, client=client, what="ecritures"))


@router.get(
    "/accounts/{account_id}/documents",
    response_model=page_of(DOCUMENT),
    responses={**CSV_200, **DOCUMENTS_OF_ACCOUNT},
)
def list_account_documents(
    account_id: RecordId,
    caller: TheReader,
    listing: TheListing,
    wanted: Wanted,
    sort: DocumentSort | None = None,
    descending: Descending = False,  # noqa: FBT002 - a parameter of the query
) -> Response:
    """Documents commerciaux of the tiers, newest first unless sorted otherwise, of the types the caller may see."""
    client = _account(listing.engine, account_id, caller)
    return _documents(listing, client, wanted, listing.window(sort, descending=descending))


@router.get(
    "/accounts/{account_id}/documents/{type}/{number}",
    response_model=single_of(WHOLE_DOCUMENT),
    responses=ONE_OF_ACCOUNT,
)
def get_account_document(
    account_id: RecordId,
    type: DocumentType,  # noqa: A002 - the name of the parameter
    number: Number,
    caller: TheReader,
    engine: TheEngine,
) -> Response:
    """One document of the tiers with its lines."""
    return _document(engine, _account(engine, account_id, caller), type, number)


@router.get(
    "/accounts/{account_id}/sales_lines",
    response_model=page_of(DOCUMENT_LINE),
    responses={**CSV_200, **DOCUMENTS_OF_ACCOUNT},
)
def list_sales_lines(
    account_id: RecordId,
    caller: TheReader,
    listing: TheListing,
    wanted: Wanted,
    sort: LineSort | None = None,
    descending: Descending = False,  # noqa: FBT002 - a parameter of the query
) -> Response:
    """Interrogation commerciale: the lines of the client's documents: articles, quantities, prices."""
    client = _account(listing.engine, account_id, caller)

    def tab(window: Window) -> tabs.Found:
        return tabs.sales_lines(listing.engine, client, window, wanted)

    window = listing.window(sort, descending=descending)
    return listing.shown(tab, window, _File(struct=DOCUMENT_LINE, client=client, what="lignes"))


@router.get(
    "/companies/{company_id}/documents",
    response_model=page_of(DOCUMENT),
    responses={**CSV_200, **DOCUMENTS_OF_COMPANY},
)
def list_company_documents(
    company_id: RecordId,
    caller: TheCompanyReader,
    listing: TheListing,
    wanted: Wanted,
    sort: DocumentSort | None = None,
    descending: Descending = False,  # noqa: FBT002 - a parameter of the query
) -> Response:
    """The documents of a Company, newest first unless sorted otherwise, of the types the caller may see (CRM-55)."""
    client = _company(listing.engine, company_id, caller)
    return _documents(listing, client, wanted, listing.window(sort, descending=descending))


@router.get(
    "/companies/{company_id}/documents/{type}/{number}",
    response_model=single_of(WHOLE_DOCUMENT),
    responses=ONE_OF_COMPANY,
)
def get_company_document(
    company_id: RecordId,
    type: DocumentType,  # noqa: A002 - the name of the parameter
    number: Number,
    caller: TheCompanyReader,
    engine: TheEngine,
) -> Response:
    """One document of a Company with its lines (CRM-55)."""
    return _document(engine, _company(engine, company_id, caller), type, number)


def _documents(listing: Listing, client: Whom, wanted: DocumentFilter, window: Window) -> Response:
    def tab(window: Window) -> tabs.Found:
        return tabs.documents(listing.engine, client, window, wanted)

    return listing.shown(tab, window, _File(struct=DOCUMENT, client=client, what="documents"))


def _document(engine: Engine, client: Whom, kind: str, number: str) -> Response:
    return live_single(tabs.document(engine, client, kind, number), client, engine.store.clock())


def _account(engine: Engine, account_id: int, caller: Caller) -> Whom:
    with engine.store.reading() as session:
        return whom.of_account(session, account_id, by=caller.user_id)


def _company(engine: Engine, company_id: int, caller: Caller) -> Whom:
    with engine.store.reading() as session:
        return whom.of_company(session, company_id, by=caller.user_id)
