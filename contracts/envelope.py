"""SOAP 1.1 envelopes: safe parsing, wrapping a body, faults.

A DOCTYPE is refused outright on both sides: without resolving, an entity and the text after it would vanish silently.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from contracts.codec import escape, reader, writer
from contracts.errors import BaseReleased, MalformedReply, NotOffered, Problem, RemoteFault, VersionMismatch
from contracts.fields import Record
from contracts.messages import CONTRACT_VERSION, FAULT, NAMESPACE

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DOCUMENT_BYTES_MAX = 32 * 1024 * 1024
"""The largest document either side reads, after decompression; a page of 2,000 tiers is about 5 MB."""

FAMILY: Final = NAMESPACE.rpartition(":")[0] + ":"
"""What the namespaces of all versions of the contract begin with."""

_FAULTS: Final[dict[str, type[RemoteFault]]] = {
    "unknown_operation": NotOffered,
    "not_supported": NotOffered,
    "base_released": BaseReleased,
}
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+)?html", re.IGNORECASE)
_DOCTYPE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<!DOCTYPE")
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe", b"\xfe\xff")
_OPEN = f'<?xml version="1.0" encoding="UTF-8"?>\n<s:Envelope xmlns:s="{SOAP}"><s:Body>'
_CLOSE = "</s:Body></s:Envelope>"


def parse(document: bytes, *, bytes_max: int = DOCUMENT_BYTES_MAX) -> etree._Element:
    """The root of a document, with every dangerous feature of XML off.

    Raises MalformedReply: not well-formed, cut off, a DOCTYPE, too large, or nested too deeply.
    """
    if len(document) > bytes_max:
        raise too_large(bytes_max)
    if _HTML.match(document):
        raise not_a_gateway("the answer is a web page: something other than a gateway answers at this address")
    if _DOCTYPE.match(document):
        raise _doctype()
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise _unreadable(document, error) from None
    # What the look at the first bytes did not find: another encoding, or a comment before it.
    if root.getroottree().docinfo.internalDTD is not None:
        raise _doctype()
    return root


def too_large(bytes_max: int) -> MalformedReply:
    """The error for a document over the limit."""
    return MalformedReply(
        f"the document has more than {bytes_max} bytes",
        code="document_too_large",
        remedy="Set a smaller page size in the gateway's settings.",
    )


def not_a_gateway(message: str) -> MalformedReply:
    """The error for an answer that no gateway gives."""
    return MalformedReply(message, code="not_a_gateway")


def other_version(version: str) -> VersionMismatch:
    """The error for a peer that speaks that version of the contract."""
    return VersionMismatch(f"the other side speaks contract {version or '?'}, this program {CONTRACT_VERSION}")


def _doctype() -> MalformedReply:
    return MalformedReply(
        "the document has a DOCTYPE, which the contract forbids",
        code="doctype_refused",
        remedy="Check that the address is that of a Sage 100 gateway and that no proxy answers in its place.",
    )


def _unreadable(document: bytes, error: etree.XMLSyntaxError) -> MalformedReply:
    if not document.strip():
        return MalformedReply("the answer is empty")
    if not document.startswith(_XML_STARTS):
        return not_a_gateway("the answer is not XML: something other than a gateway answers at this address")
    return MalformedReply(f"the document is not well-formed XML: {error.msg}")


def body_of(root: etree._Element) -> etree._Element:
    """The first element of the SOAP body. Raises MalformedReply when there is none, or no SOAP 1.1 envelope."""
    if root.tag != f"{{{SOAP}}}Envelope":
        raise not_a_gateway("the document is not a SOAP 1.1 envelope")
    body = root.find(f"{{{SOAP}}}Body")
    if body is None or len(body) == 0:
        raise MalformedReply("the SOAP envelope has no body")
    return body[0]


def envelope(content: str) -> bytes:
    """A SOAP envelope around one element that declares its own namespace."""
    return f"{_OPEN}{content}{_CLOSE}".encode()


def in_namespace(element: str) -> str:
    """The element with the contract's namespace declared on it. ``element`` is a start tag onwards, as ``writer`` gives it."""
    end = min(position for position in (element.find(">"), element.find("/>")) if position >= 0)
    return f'{element[:end]} xmlns="{NAMESPACE}"{element[end:]}'


def message(record: Record) -> bytes:
    """A SOAP envelope around one message of the contract."""
    return envelope(in_namespace(writer(record.of)(record)))


def fault_message(detail: Record, *, client: bool) -> bytes:
    """A SOAP 1.1 fault with the contract's typed detail; ``client`` tells whose mistake it is."""
    return envelope(
        f"<s:Fault><faultcode>s:{'Client' if client else 'Server'}</faultcode>"
        f"<faultstring>{escape(detail.text('message'))}</faultstring>"
        f"<detail>{in_namespace(writer(FAULT)(detail))}</detail></s:Fault>"
    )


def raise_fault(body: etree._Element) -> None:
    """Raise RemoteFault when the body is a fault, NotOffered or BaseReleased where its code says so.

    A fault without the contract's detail keeps its own words; one whose detail is of another version raises VersionMismatch.
    """
    if body.tag != f"{{{SOAP}}}Fault":
        return
    detail = body.find(f"detail/{{{NAMESPACE}}}{FAULT.name}")
    if detail is None:
        raise _foreign_fault(body)
    fault = reader(FAULT, checked=False)(detail)
    code = fault.text("code")
    raise _FAULTS.get(code, RemoteFault)(
        fault.text("message"),
        code=code,
        remedy=fault.text("remedy"),
        record=fault.text("record") or None,
        field=fault.text("field") or None,
        may_retry=fault.flag("retry"),
    )


def _foreign_fault(body: etree._Element) -> Problem:
    for detail in body.iterfind(f"detail/{{*}}{FAULT.name}"):
        namespace = etree.QName(detail).namespace or ""
        if namespace.startswith(FAMILY):
            return other_version(namespace.removeprefix(FAMILY))
    reason = (body.findtext("faultstring") or "").strip()
    return RemoteFault(reason or "SOAP fault without a reason", code="remote_fault")
