"""docs/contract.md: its tables are those of the structures, its XML is valid, its examples run, its codes are the real ones."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from contracts.document import DOCUMENT, exchanges_in, main, written
from contracts.envelope import DOCUMENT_BYTES_MAX, SOAP, body_of, parse
from contracts.errors import Problem
from contracts.exchanges import KEPT, Exchange, exchanges, shown
from contracts.fault_codes import CALLER_CODES, GATEWAY_CODES
from contracts.messages import FAULT, GET_VERSIONS, NAMESPACE, OPERATIONS, PAGE_SIZE_MAX, RECORD_VERSION, RECORDS_MAX
from contracts.schema import structures, validator
from contracts.transport import GatewayTransport
from gateway.app import InternalError
from gateway.database import writing
from gateway.errors import (
    BaseInUse,
    BaseReleased,
    DatabaseBusy,
    DatabaseFull,
    DatabaseMissing,
    DatabaseRefused,
    DatabaseUnreachable,
    NotSage,
    ReleaseNotKept,
)
from gateway.refusals import CallRefused, InvalidRequest
from gateway.soap import fault_of
from gateway.transfer import REQUEST_BYTES_MAX
from tests.contracts.misbehaving import MisbehavingServer, http, sends
from tests.gateway.base import LONG_AGO, add_invoice, make_base
from tests.gateway.live import LiveGateway, live_gateway

TEXT = DOCUMENT.read_text("utf-8")
NAMES = [operation.name for operation in OPERATIONS]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[LiveGateway]:
    base = make_base(f"sqlite:///{tmp_path / 'base.db'}")
    with live_gateway(base) as running:
        yield running
    base.dispose()


@pytest.fixture
def written_to(tmp_path: Path) -> Iterator[LiveGateway]:
    """A gateway of one test's own, for the exchanges write; its first tiers has an invoice to show."""
    base = make_base(f"sqlite:///{tmp_path / 'sage.db'}")
    with writing(base) as connection:
        add_invoice(connection, "T001", "FA1", dt.date(2026, 1, 10), 100, LONG_AGO)
    with live_gateway(base) as running:
        yield running
    base.dispose()


@pytest.mark.req("CRM-02")
def test_the_tables_are_those_of_the_structures() -> None:
    assert main(["--check"]) == 0


def test_a_table_that_is_not_up_to_date_is_told_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "contract.md"
    copy.write_text(TEXT.replace("| `ShortName` | text | 7 |", "| `ShortName` | text | 8 |"), "utf-8")

    assert main(["--check", "--file", str(copy)]) == 1
    assert capsys.readouterr().err == "contract.md is not what the structures say\n"
    assert main(["--file", str(copy)]) == 0
    assert copy.read_text("utf-8") == TEXT


def test_a_document_without_the_place_for_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="'operations'"):
        written(TEXT.replace("<!-- begin: operations -->", ""), {})


@pytest.mark.req("CRM-02")
def test_every_operation_and_structure_has_its_place() -> None:
    headings = re.findall(r"^### (\w+)$", TEXT, re.MULTILINE)

    assert headings == [*NAMES, *(struct.name for struct in structures())]
    assert {f"#{heading.lower()}" for heading in headings} >= set(re.findall(r"\]\((#[^)]*)\)", TEXT))


def test_every_element_says_what_it_means() -> None:
    messages = [struct for operation in OPERATIONS for struct in (operation.request, operation.response)]

    assert [
        (struct.name, field.name)
        for struct in (*structures(), *messages)
        for field in struct.fields
        if not (field.label or field.doc)
    ] == []


def assert_valid(document: str) -> etree._Element:
    body = body_of(parse(document.encode()))
    checked = body if body.tag != f"{{{SOAP}}}Fault" else body.find(f"detail/{{{NAMESPACE}}}{FAULT.name}")
    assert checked is not None
    assert validator().validate(checked), validator().error_log
    return body


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_an_operation_is_valid(name: str) -> None:
    exchange = exchanges_in(TEXT)[name]

    assert assert_valid(exchange.request).tag == f"{{{NAMESPACE}}}{name}"
    reply = assert_valid(exchange.reply)
    answered = f"{{{NAMESPACE}}}{name}Response"
    assert (exchange.status, reply.tag) in {(200, answered), (500, f"{{{SOAP}}}Fault")}


@pytest.mark.req("CRM-02")
def test_every_xml_example_belongs_to_an_operation() -> None:
    blocks = re.findall(r"```xml\n(.*?)\n```", TEXT, re.DOTALL)

    assert blocks == [text for name in NAMES for text in _both(exchanges_in(TEXT)[name])]


def _both(exchange: Exchange) -> tuple[str, str]:
    return exchange.request, exchange.reply


@pytest.mark.req("CRM-02")
def test_the_exchanges_are_taken_from_a_running_gateway(written_to: LiveGateway, tmp_path: Path) -> None:
    gateway = written_to
    copy, password = tmp_path / "contract.md", tmp_path / "password"
    shutil.copy(DOCUMENT, copy)
    password.write_text(gateway.password + "\n", "utf-8")

    asked = ["--url", gateway.url, "--user", gateway.user, "--password-file", str(password), "--file", str(copy)]
    assert main(asked) == 0

    found = exchanges_in(copy.read_text("utf-8"))
    shipped = exchanges_in(TEXT)
    assert list(found) == NAMES
    for name, exchange in found.items():
        assert_valid(exchange.request)
        assert_valid(exchange.reply)
        assert exchange.status == shipped[name].status, f"{name} is served now, or no more: make the document anew"
    assert gateway.password not in copy.read_text("utf-8")


def test_without_a_gateway_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "contract.md"
    shutil.copy(DOCUMENT, copy)
    with MisbehavingServer(sends(http(b"", "401 Unauthorized"))) as server:
        assert main(["--url", server.url, "--file", str(copy)]) == 1

    assert "credentials_refused" in capsys.readouterr().err
    assert copy.read_text("utf-8") == TEXT


def test_a_gateway_without_tiers_has_nothing_to_show(tmp_path: Path) -> None:
    base = make_base(f"sqlite:///{tmp_path / 'sage.db'}", tiers=0)
    with live_gateway(base) as running:
        transport = GatewayTransport(running.url, running.user, running.password, timeout_s=10)
        with pytest.raises(Problem, match="no tiers to show"):
            exchanges(transport)
        transport.session.close()
    base.dispose()


def test_a_long_list_is_cut_with_a_note() -> None:
    items = "".join(f"<RecordVersion><Key>K{n}</Key><Version>v</Version></RecordVersion>" for n in range(5))
    reply = (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><GetVersionsResponse xmlns="{NAMESPACE}"><Versions>{items}</Versions>'
        "<AtEnd>true</AtEnd></GetVersionsResponse></s:Body></s:Envelope>"
    )

    text = shown(reply.encode(), GET_VERSIONS.response)

    assert text.count(f"<{RECORD_VERSION.name}>") == KEPT
    assert "<!-- … 3 more RecordVersion in the reply, left out here -->" in text
    assert_valid(text)


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL), ids=["zeep", "client"])
def test_the_python_examples_run(example: str, gateway: LiveGateway, capsys: pytest.CaptureFixture[str]) -> None:
    code = example.replace("http://127.0.0.1:8080/", gateway.url)
    names: dict[str, object] = {"password": gateway.password}
    assert f'"{gateway.user}"' in code

    exec(code, names)  # noqa: S102 - the documentation is what is tested

    assert names["page"]
    if "print" in code:
        out = capsys.readouterr().out
        assert "GetChangeLog" in out
        assert "tiers 5 " in out
    if session := names.get("session"):
        session.close()  # type: ignore[attr-defined]


def test_the_curl_example_names_the_action_of_the_wsdl() -> None:
    assert f"'SOAPAction: \"{NAMESPACE}:GetConfiguration\"'" in TEXT


def test_the_limits_told_are_the_real_ones() -> None:
    megabyte = 1024 * 1024
    told = (
        f"A request of at most {REQUEST_BYTES_MAX // megabyte} MB, an answer of at most {DOCUMENT_BYTES_MAX // megabyte} MB "
        f"(both unpacked), {PAGE_SIZE_MAX:,} records a page, {RECORDS_MAX} keys a call"
    )
    assert told in " ".join(TEXT.split())


def every_refusal(kind: type[Problem]) -> list[type[Problem]]:
    return [found for below in kind.__subclasses__() for found in (below, *every_refusal(below))]


FAULTS: list[Problem] = [
    *(kind("x") for kind in every_refusal(CallRefused)),
    *(InvalidRequest("x", code=code) for code in ("header_not_understood", "doctype_refused")),
    *(
        kind("x")
        for kind in (DatabaseBusy, DatabaseUnreachable, DatabaseMissing, DatabaseFull, DatabaseRefused, NotSage)
    ),
    InternalError("x"),
    *(kind("x") for kind in (BaseReleased, BaseInUse, ReleaseNotKept)),
]


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize("problem", FAULTS, ids=lambda problem: type(problem).__name__)
def test_every_fault_of_the_gateway_is_in_the_table(problem: Problem) -> None:
    detail = fault_of(problem)

    (known,) = [known for known in GATEWAY_CODES if known.code == detail.text("code")]

    assert known.retry is detail.flag("retry")
    assert known.remedy == detail.text("remedy") or known.remedy.startswith("As the fault says")
    assert detail.text("remedy")


def test_no_code_of_the_table_is_one_the_gateway_never_sends() -> None:
    assert {known.code for known in GATEWAY_CODES} == {fault_of(problem).text("code") for problem in FAULTS}


@pytest.mark.parametrize("codes", [GATEWAY_CODES, CALLER_CODES], ids=["gateway", "caller"])
def test_a_code_is_told_once(codes: tuple[object, ...]) -> None:
    assert len({getattr(known, "code", None) for known in codes}) == len(codes)
