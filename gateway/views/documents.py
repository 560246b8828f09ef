"""The tab Documents commerciaux: sales documents of one tiers (CRM-54, CRM-55)."""

from __future__ import annotations

from contracts.fields import Record
from contracts.messages import VIEW_DOCUMENTS
from gateway.views.headers import Headers, any_of, searching
from gateway.views.look import Look
from gateway.views.paging import page


def view_documents(look: Look, request: Record) -> Record:
    """A page of documents: three statements for the rows, however many there are. Raises UnknownTiers, InvalidRequest."""
    look.tiers(request)
    headers = Headers(look)
    query = headers.select().where(*headers.wanted(request))
    term = searching(request)
    if term:
        query = query.where(any_of(headers.searched(term)))
    total, rows = page(look, query, request, headers.order)
    return VIEW_DOCUMENTS.response.record(total=total, documents=[headers.record(row) for row in rows])
