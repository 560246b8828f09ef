"""One sales document with its lines (CRM-55)."""

from __future__ import annotations

from contracts.fields import Record
from contracts.messages import VIEW_DOCUMENT
from contracts.views import WHOLE_DOCUMENT
from gateway.mapping import KINDS
from gateway.refusals import UnknownDocument
from gateway.views.filters import type_number
from gateway.views.headers import Headers
from gateway.views.lines import Lines
from gateway.views.look import Look


def view_document(look: Look, request: Record) -> Record:
    """A document of a client or supplier, its lines in their order. Raises InvalidRequest, UnknownDocument."""
    kind, number = request.text("type"), request.text("number")
    headers = Headers(look)
    lines = Lines(look, headers)
    header, tiers = headers.table.c, headers.tiers.c
    this = (header.DO_Type == type_number(kind), header.DO_Piece == number, tiers.CT_Type.in_(KINDS))
    row = look.connection.execute(headers.select().where(*this)).mappings().one_or_none()
    if row is None:
        raise UnknownDocument(f"there is no document {kind} {number}", record=number, field="Number")
    ordered = lines.select().where(*this).order_by(*(key.sorted for key in lines.inside))
    found = [lines.record(line) for line in look.connection.execute(ordered).mappings()]
    whole = dict(headers.record(row).items()) | {"lines": found}
    return VIEW_DOCUMENT.response.record(document=WHOLE_DOCUMENT.record(**whole))
