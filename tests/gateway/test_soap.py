"""SOAP as any stack may send it: dispatch on the body, typed refusals that name what is wrong."""

from __future__ import annotations

import pytest
from lxml import etree

from contracts.envelope import SOAP, body_of, parse, raise_fault
from contracts.errors import Problem, RemoteFault
from contracts.messages import GET_CHANGE_LOG, GET_RECORDS, NAMESPACE
from gateway.errors import DatabaseBusy, DatabaseRefused, DatabaseUnreachable, GatewayProblem, NotSage
from gateway.refusals import CallRefused, NotServed
from gateway.soap import fault_bytes, read_request


def _envelope(body: str, *, header: str = "") -> bytes:
    return f'<s:Envelope xmlns:s="{SOAP}">{header}<s:Body>{body}</s:Body></s:Envelope>'.encode()


def _call(name: str, content: str = "") -> bytes:
    return _envelope(f'<{name} xmlns="{NAMESPACE}">{content}</{name}>')


def _refused(document: bytes) -> CallRefused:
    with pytest.raises(CallRefused) as refused:
        read_request(document)
    return refused.value


def test_the_operation_is_told_by_the_body() -> None:
    operation, request = read_request(
        _call("GetRecords", "<Name>tiers</Name><Keys><RecordKey><Key>A</Key></RecordKey></Keys>")
    )

    assert operation is GET_RECORDS
    assert request.text("name") == "tiers"
    assert [key.text("key") for key in request.many("keys")] == ["A"]


def test_prefixes_comments_and_elements_of_a_newer_caller_are_passed_over() -> None:
    content = "<!-- x --><c:ContractVersion>1.3</c:ContractVersion><c:Priority>high</c:Priority>"

    operation, request = read_request(_envelope(f'<c:GetChangeLog xmlns:c="{NAMESPACE}">{content}</c:GetChangeLog>'))

    assert operation is GET_CHANGE_LOG
    assert request.text("contract_version") == "1.3"


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        (_call("GetChangeLog", "<PageSize>abc</PageSize>"), "invalid_request", "PageSize"),
        (_call("GetRecords"), "invalid_request", "Name"),
        (_call("GetRecords", f"<Name>{'x' * 21}</Name>"), "invalid_request", "Name"),
        (_call("DeleteEverything"), "unknown_operation", None),
        (_envelope("<GetChangeLog/>"), "unknown_operation", None),
        (
            _envelope('<GetChangeLog xmlns="urn:crm-sage100-sync:contract:2.0"/>'),
            "contract_version_unsupported",
            None,
        ),
        (_envelope(""), "invalid_request", None),
        (b"", "invalid_request", None),
        (b"<html><body>hello</body></html>", "invalid_request", None),
        (b"<a/>", "invalid_request", None),
        (_call("GetConfiguration")[:-20], "invalid_request", None),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "doctype_refused", None),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>".encode("utf-16"), "doctype_refused", None),
        (b"<a>" * 300 + b"</a>" * 300, "invalid_request", None),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(document: bytes, code: str, field: str | None) -> None:
    refused = _refused(document)

    assert refused.problem_code == code
    assert refused.field == field
    assert refused.remedy
    assert "answer" not in refused.message


def test_a_header_that_must_be_understood_is_refused_others_are_not() -> None:
    security = '<s:Header><w:Security xmlns:w="urn:w" s:mustUnderstand="{}"/></s:Header>'

    assert _refused(_envelope("<x/>", header=security.format(1))).problem_code == "header_not_understood"
    assert _refused(_envelope("<x/>", header=security.format(0))).problem_code == "unknown_operation"


def _told(problem: Problem) -> tuple[RemoteFault, str]:
    body = body_of(parse(fault_bytes(problem)))
    with pytest.raises(RemoteFault) as told:
        raise_fault(body)
    return told.value, body.findtext("faultcode") or ""


def test_a_fault_carries_code_remedy_and_whose_mistake_it_is() -> None:
    fault, faultcode = _told(NotServed("no such <thing>", field="Name", record="A&B"))

    assert (fault.problem_code, fault.message, fault.field, fault.record) == (
        "not_supported",
        "no such <thing>",
        "Name",
        "A&B",
    )
    assert fault.remedy == NotServed.remedy_default
    assert not fault.may_retry
    assert faultcode.endswith(":Client")


@pytest.mark.parametrize(
    ("problem", "code", "retry"),
    [
        (DatabaseBusy("secret"), "database_unavailable", True),
        (DatabaseUnreachable("host db1 user sa: secret"), "database_unavailable", True),
        (DatabaseRefused("SELECT secret FROM x"), "database_refused", False),
        (NotSage("secret"), "not_a_sage_base", False),
    ],
)
def test_a_fault_of_the_database_never_repeats_the_drivers_words(
    problem: GatewayProblem, code: str, retry: bool
) -> None:
    fault, faultcode = _told(problem)

    assert (fault.problem_code, fault.may_retry) == (code, retry)
    assert "secret" not in etree.tostring(parse(fault_bytes(problem)), encoding="unicode")
    assert faultcode.endswith(":Server")
