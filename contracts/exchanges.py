"""One real request and reply of every operation, asked of a running gateway, for the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from contracts.client import change_log_request
from contracts.codec import reader
from contracts.envelope import body_of, message, parse
from contracts.errors import ContractError
from contracts.fields import Field, Many, One, Record, Struct, Value
from contracts.messages import (
    EXECUTE_TRANSACTIONS,
    GET_CHANGE_LOG,
    GET_RECORDS,
    GET_TURNOVER,
    GET_VERSIONS,
    NAMESPACE,
    OPERATIONS,
    RECORD_KEY,
    SET_REQUEST,
    TRANSACTION,
    VIEW_DOCUMENT,
    VIEW_DOCUMENTS,
    WAIT_FOR_CHANGES,
    EntitySet,
    Operation,
)
from contracts.tables import ADDRESS, TIERS
from contracts.transport import GatewayTransport

HTTP_OK: Final = 200
KEPT: Final = 2
"""How many items of a list are shown."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request and its reply as documents, with the reply's HTTP status."""

    request: str
    status: int
    reply: str


def exchanges(transport: GatewayTransport) -> dict[str, Exchange]:
    """An exchange for each operation, by its name. Raises Problem when the gateway has no tiers or does not answer."""
    code = _some_tiers(transport)
    document = _some_document(transport, code)
    return {
        operation.name: _exchange(transport, operation, _request(operation, code, document)) for operation in OPERATIONS
    }


def _some_tiers(transport: GatewayTransport) -> str:
    reply = _posted(transport, GET_CHANGE_LOG, change_log_request({EntitySet.TIERS: ""}, page_size=1))[1]
    page = reader(GET_CHANGE_LOG.response)(body_of(parse(reply)))
    for change_set in page.many("change_sets"):
        for tiers in change_set.many("tiers_list"):
            return tiers.text("code")
    raise ContractError("the gateway has no tiers to show", remedy="Serve a base made by `sage-gateway demo-base`.")


def _some_document(transport: GatewayTransport, code: str) -> Record:
    """What to ask for one document: an invoice of that tiers, or one that is not there."""
    wanted = next(part for part in VIEW_DOCUMENTS.request.parts if isinstance(part, Many)).of.record(type="FA")
    request = VIEW_DOCUMENTS.request.record(code=code, page_size=1, types=[wanted])
    status, reply = _posted(transport, VIEW_DOCUMENTS, request)
    found = reader(VIEW_DOCUMENTS.response)(body_of(parse(reply))).many("documents") if status == HTTP_OK else []
    number = found[0].text("number") if found else "FA00001"
    return VIEW_DOCUMENT.request.record(type="FA", number=number)


def _exchange(transport: GatewayTransport, operation: Operation, request: Record) -> Exchange:
    status, reply = _posted(transport, operation, request)
    return Exchange(request=shown(message(request)), status=status, reply=shown(reply, operation.response))


def _posted(transport: GatewayTransport, operation: Operation, request: Record) -> tuple[int, bytes]:
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{NAMESPACE}:{operation.name}"'}
    response = transport.post(transport.url, message(request), headers)
    return response.status_code, response.content


def _request(operation: Operation, code: str, document: Record) -> Record:
    if operation is VIEW_DOCUMENT:
        return document
    if operation is GET_CHANGE_LOG:
        return change_log_request({EntitySet.TIERS: "", EntitySet.TURNOVER: ""}, page_size=1)
    return operation.request.record(**_said(operation, code))


def _said(operation: Operation, code: str) -> dict[str, Value]:
    """What the example asks for; a live view of the tiers unless something else is told here."""
    said: dict[str, dict[str, Value]] = {
        GET_RECORDS.name: _keys("1", "999", name=EntitySet.REPRESENTATIVES.value),
        GET_VERSIONS.name: {"name": EntitySet.TIERS.value, "after_key": "", "page_size": 2},
        EXECUTE_TRANSACTIONS.name: {"transactions": [_creation()]},
        GET_TURNOVER.name: _keys(code),
        WAIT_FOR_CHANGES.name: {
            "wait_seconds": 20,
            "entity_sets": [SET_REQUEST.record(name=EntitySet.TIERS.value, cursor="")],
        },
    }
    has_code = "code" in operation.request.index
    return said.get(operation.name, {"code": code} if has_code else {})


def _keys(*keys: str, **more: Value) -> dict[str, Value]:
    return {"keys": [RECORD_KEY.record(key=key) for key in keys], **more}


def _creation() -> Record:
    address = ADDRESS.record(kind="billing", street="1 rue du Port", postcode="69002", town="Lyon", country="France")
    tiers = TIERS.record(
        code="NOUVELLE", type="client", name="Nouvelle Société", siret=None, dormant=False, addresses=[address]
    )
    return TRANSACTION.record(id="8d7f2c9e-0b1a-4a57-9f0c-2f6f3a1f5b10", action="create", tiers=tiers)


def shown(document: bytes, struct: Struct | None = None) -> str:
    """A document indented for reading, its long lists cut after the first items, with a note of how many were left out."""
    root = parse(document)
    body = body_of(root)
    if struct is not None and body.tag == f"{{{NAMESPACE}}}{struct.name}":
        _cut(body, struct)
    etree.indent(root)
    declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return declaration + etree.tostring(root, encoding="unicode")


def _cut(element: etree._Element, struct: Struct) -> None:
    for part, child in _below(element, struct):
        if isinstance(part, Many):
            left_out = list(child)[KEPT:]
            for item in left_out:
                child.remove(item)
            if left_out:
                child.append(etree.Comment(f" … {len(left_out)} more {part.of.name} in the reply, left out here "))
            for item in child.iterchildren(etree.Element):
                _cut(item, part.of)
        else:
            _cut(child, part.of)


def _below(element: etree._Element, struct: Struct) -> Iterator[tuple[One | Many, etree._Element]]:
    for part in struct.parts:
        child = element.find(f"{{{NAMESPACE}}}{part.name}")
        if child is not None and not isinstance(part, Field):
            yield part, child
