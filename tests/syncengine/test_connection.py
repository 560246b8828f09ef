"""The connection test: each step named, stopping at the first that fails (CRM-53)."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from pydantic import SecretStr

from syncengine.connection import StepStatus, Target, first_failure, run_connection_test, same_company
from syncengine.errors import ExitCode, exit_code
from tests.syncengine.answering import Answer, answering, configuration, fault
from tests.syncengine.records import PASSWORD

CODES = ["address", "name", "port", "http", "gateway", "credentials", "contract", "base", "company"]
SOAP_FAULT = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode>'
    b"<faultstring>no such service</faultstring></s:Fault></s:Body></s:Envelope>"
)


def target(url: str, **values: Any) -> Target:
    given: dict[str, Any] = {"user": "crm", "password": SecretStr(PASSWORD), "company": "BIJOU SA", "timeout_s": 2}
    return Target(url=url, **(given | values))


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.req("CRM-53", "CRM-15")
def test_all_steps_are_named_and_pass_against_a_gateway_that_is_right() -> None:
    with answering(Answer(body=configuration(), password=PASSWORD)) as url:
        results = run_connection_test(target(url))
    assert [(result.code, result.status) for result in results] == [(code, StepStatus.OK) for code in CODES]
    assert first_failure(results) is None
    told = {result.code: result.detail for result in results}
    assert told["contract"] == "contract 1.1, gateway 0.1.0"
    assert told["base"] == "Sage 100 Gestion Commerciale 12.00: 1 parameters read"
    assert told["company"] == "BIJOU SA"


@pytest.mark.req("CRM-53")
@pytest.mark.parametrize(
    ("answer", "given", "step", "code"),
    [
        (Answer(body=b"<html>it works</html>"), {}, "gateway", ExitCode.UNREACHABLE),
        (Answer(body=b"hello"), {}, "gateway", ExitCode.UNREACHABLE),
        (Answer(body=b"", status=404), {}, "gateway", ExitCode.UNREACHABLE),
        (Answer(body=configuration()[:200]), {}, "gateway", ExitCode.UNREACHABLE),
        (Answer(body=b"<!DOCTYPE x><x/>"), {}, "gateway", ExitCode.UNREACHABLE),
        (Answer(body=SOAP_FAULT, status=500), {}, "gateway", ExitCode.UNREACHABLE),
        (Answer(body=configuration(), password="other"), {}, "credentials", ExitCode.REFUSED),
        (Answer(body=configuration(contract_version="2.0")), {}, "contract", ExitCode.REFUSED),
        (Answer(body=fault("contract_version_unsupported", "2.0"), status=500), {}, "contract", ExitCode.REFUSED),
        (Answer(body=configuration(contract_version="")), {}, "contract", ExitCode.REFUSED),
        (Answer(body=fault("database_unreachable", "x", retry=True), status=500), {}, "base", ExitCode.UNREACHABLE),
        (Answer(body=configuration(company="AUTRE SA")), {}, "company", ExitCode.REFUSED),
        (Answer(body=configuration()), {"company": "AUTRE SA"}, "company", ExitCode.REFUSED),
    ],
)
def test_the_first_step_that_fails_is_the_right_one_and_the_rest_is_skipped(
    answer: Answer, given: dict[str, Any], step: str, code: ExitCode
) -> None:
    with answering(answer) as url:
        results = run_connection_test(target(url, **given))
    failed = first_failure(results)
    assert failed is not None
    assert failed.code == step
    assert failed.detail
    assert failed.remedy
    assert failed.problem is not None
    assert exit_code(failed.problem) is code
    position = CODES.index(step)
    assert {result.status for result in results[:position]} == {StepStatus.OK}
    assert {result.status for result in results[position + 1 :]} <= {StepStatus.SKIPPED}
    assert PASSWORD not in repr(results)


@pytest.mark.req("CRM-53")
@pytest.mark.parametrize(
    ("url", "step"),
    [
        ("server:8080", "address"),
        ("http://server:port", "address"),
        ("http://no-such-server.invalid:8080", "name"),
        (f"http://127.0.0.1:{closed_port()}", "port"),
    ],
    ids=["no scheme", "no port number", "unknown name", "closed port"],
)
def test_what_cannot_be_reached_fails_at_its_step(url: str, step: str) -> None:
    failed = first_failure(run_connection_test(target(url)))
    assert failed is not None
    assert failed.code == step
    assert failed.remedy


@pytest.mark.req("CRM-53")
def test_a_port_behind_which_no_web_server_is_fails_at_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        failed = first_failure(run_connection_test(target(f"http://127.0.0.1:{port}", timeout_s=0.2)))
    assert failed is not None
    assert failed.code == "http"


@pytest.mark.req("CRM-14")
def test_company_names_are_one_whatever_the_capitals_and_spaces() -> None:
    assert same_company("Bijou  SA ", "BIJOU SA")
    assert not same_company("BIJOU SA", "BIJOU SAS")
