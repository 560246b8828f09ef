"""/opportunities/…/available_documents: those of Sage 100 that could be attached, read now (CRM-56, CRM-60)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final

from fastapi import APIRouter, Query

from api.forms import Line, View
from api.identity import TheEngine
from api.live_pages import TheLivePlace, plain
from api.openapi import refuses
from api.pages import Page
from api.v1.live_views import OF_TIERS, DocumentType
from api.v1.opportunities import TheReader
from api.v1.opportunity_documents import Amount, TheOpportunity, whom_of
from contracts.fields import Record
from contracts.views import DOCUMENT
from syncengine.crm import attached_documents
from syncengine.crm.generic_tiers import name_beginning
from syncengine.model import AttachedDocument, Integration
from syncengine.rtdv import tabs
from syncengine.rtdv.window import DocumentFilter, Span, Window

router = APIRouter(prefix="/opportunities/{opportunity_id}", tags=["opportunities"])


class Available(View):
    """A document of Sage 100 that could be attached; ``attached_id`` is its number here when it is, or was hidden."""

    type: str
    number: str
    date: dt.date | None
    reference: str | None
    status: str | None
    total_before_tax: Amount | None
    total_with_tax: Amount | None
    currency: str | None
    heading1: str | None
    attached_id: int | None
    counted: bool
    hidden: bool


@router.get(
    "/available_documents", responses=refuses("opportunity_unknown", "document_type_withheld", "too_long", *OF_TIERS)
)
def list_available_documents(
    opportunity_id: TheOpportunity,
    *,
    caller: TheReader,
    engine: TheEngine,
    place: TheLivePlace,
    types: Annotated[
        list[DocumentType] | None, Query(alias="type", max_length=8, description="Types of document.")
    ] = None,
    search: Annotated[Line, Query(description="Anywhere in the columns of the header.")] = "",
    name_characters: Annotated[
        int | None,
        Query(ge=1, le=60, description="Of a general tiers: with so many first characters of the name (CRM-60)."),
    ] = None,
    hidden: Annotated[bool, Query(description="Those that were hidden, too.")] = False,
) -> Page[Available]:
    """Documents of the Company's tiers, or of its generic tiers, dated in the years that the integration says (CRM-56, CRM-60)."""
    with engine.store.reading() as session:
        whom, generic, company = whom_of(session, opportunity_id, caller)
        integration = session.get_one(Integration, whom.target.integration_id)
        first = attached_documents.first_day(integration, caller.at.date())
        rows = attached_documents.attached(session, opportunity_id, hidden_too=True)
        known = {(row.type, row.number): row for row in rows}
        text = name_beginning(company, name_characters) if generic and name_characters else search
    chosen = None if types is None else frozenset[str](types)
    wanted = DocumentFilter(span=Span(first=first), types=chosen, search=text)
    found = tabs.documents(engine, whom, Window(page=place.number, size=place.size), wanted)
    items = [_available(row, known) for row in found.rows]
    return Page(items=[one for one in items if hidden or not one.hidden], next=place.next(found))


def _available(record: Record, known: dict[tuple[str, str], AttachedDocument]) -> Available:
    said = plain(record)
    row = known.get((said["type"], said["number"]))
    own = {name: said[name] for name in Available.model_fields if name in _HEADER}
    if row is None:
        return Available(**own, attached_id=None, counted=False, hidden=False)
    return Available(**own, attached_id=row.id, counted=row.counted, hidden=row.hidden)


_HEADER: Final = frozenset(part.attr for part in DOCUMENT.parts)
