"""SOAP at the gateway's door: from the bytes of a request to an operation and its record, from an answer or a problem to bytes.

The operation is told by the first element of the body: SOAPAction may be wrong or empty, and often is.
"""

from __future__ import annotations

from threading import Lock

from lxml import etree

from contracts.envelope import FAMILY, SOAP, body_of, envelope, fault_message, parse
from contracts.errors import ContractError, Problem
from contracts.fields import Record
from contracts.messages import CONTRACT_VERSION, EXECUTE_TRANSACTIONS, FAULT, NAMESPACE, OPERATIONS, Operation
from contracts.validation import validated
from gateway.errors import (
    DatabaseBusy,
    DatabaseFull,
    DatabaseMissing,
    DatabaseProblem,
    DatabaseUnreachable,
    NotSage,
)
from gateway.refusals import CallRefused, ContractRefused, InvalidRequest, UnknownOperation
from gateway.rejection import read_transactions

_OPERATIONS = {f"{{{NAMESPACE}}}{operation.name}": operation for operation in OPERATIONS}
# The compiled schema keeps the errors of its last document: one document at a time.
_schema = Lock()

# What a caller may read: a driver's own words can hold hosts, users and statements, and stay in the log.
_DATABASE_SAID: dict[type[DatabaseProblem], tuple[str, str]] = {
    DatabaseBusy: ("database_unavailable", "the Sage 100 database is locked by somebody else"),
    DatabaseUnreachable: ("database_unavailable", "the Sage 100 database does not answer"),
    DatabaseMissing: (DatabaseMissing.code, "there is no Sage 100 database where the gateway's settings say"),
    DatabaseFull: (DatabaseFull.code, "there is no space left for the Sage 100 database"),
    NotSage: (NotSage.code, "the database lacks the tables of a Sage 100 company"),
}


def read_request(document: bytes) -> tuple[Operation, Record]:
    """The operation asked for and its request, checked against the schema. Raises InvalidRequest, UnknownOperation."""
    try:
        root = parse(document)
        _check_header(root)
        body = body_of(root)
    except ContractError as error:
        refused = "doctype_refused" if error.problem_code == "doctype_refused" else None
        words = "the request has a DOCTYPE, which the contract forbids" if refused else _not_soap(error)
        raise InvalidRequest(words, code=refused) from None
    operation = _operation(etree.QName(body))
    with _schema:
        return operation, _validated(body, operation)


def _operation(name: etree.QName) -> Operation:
    namespace = name.namespace or ""
    if namespace != NAMESPACE and namespace.startswith(FAMILY):
        raise ContractRefused(
            f"the caller speaks contract {namespace.removeprefix(FAMILY)}, this gateway {CONTRACT_VERSION}"
        )
    operation = _OPERATIONS.get(name.text)
    if operation is None:
        raise UnknownOperation(f"the contract has no operation {name.text}")
    return operation


def _validated(body: etree._Element, operation: Operation) -> Record:
    try:
        if operation is EXECUTE_TRANSACTIONS:
            return read_transactions(body)
        return validated(body, operation.request)
    except ContractError as error:
        raise InvalidRequest(error.message, field=error.field or None) from None


def _not_soap(error: ContractError) -> str:
    # The parser is written for the reading of answers: only what it says of documents fits here.
    why = f": {error.message}" if error.message.startswith(("the document", "the SOAP")) else ""
    return f"the request is no SOAP 1.1 document{why}"


def _check_header(root: etree._Element) -> None:
    """SOAP 1.1, 4.2.3: what must be understood and is not, must be refused."""
    for header in root.findall(f"{{{SOAP}}}Header/*[@{{{SOAP}}}mustUnderstand]"):
        if header.get(f"{{{SOAP}}}mustUnderstand") in {"1", "true"}:
            raise InvalidRequest(f"the header {header.tag} is not understood", code="header_not_understood")


def answer_bytes(element: str) -> bytes:
    """The document that carries a response element."""
    return envelope(element)


def fault_bytes(problem: Problem) -> bytes:
    """The SOAP fault that tells of a problem, with the contract's typed detail."""
    return fault_message(fault_of(problem), client=isinstance(problem, CallRefused))


def fault_of(problem: Problem) -> Record:
    """A record of FAULT: never a driver's own words, which can hold what is no business of the caller's."""
    code, message = problem.problem_code, problem.message
    if isinstance(problem, DatabaseProblem):
        code, message = _DATABASE_SAID.get(type(problem), (problem.code, "the Sage 100 database refused a statement"))
    return FAULT.record(
        code=code,
        message=message,
        retry=problem.may_retry,
        record=problem.record or "",
        field=problem.field or "",
        remedy=problem.remedy,
    )
