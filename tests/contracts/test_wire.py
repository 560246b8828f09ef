"""Whatever answers in the place of a gateway, the caller gets a typed error with a code and a remedy, in time (CRM-02)."""

from __future__ import annotations

import base64
import gzip
import time
import traceback
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.client import GatewayClient, answer
from contracts.codec import writer
from contracts.envelope import DOCUMENT_BYTES_MAX, SOAP, envelope, fault_message, message, parse
from contracts.errors import ContractError, MalformedReply, Problem, RemoteFault, Unreachable, VersionMismatch
from contracts.fault_codes import CALLER_CODES, GATEWAY_CODES
from contracts.messages import CONFIGURATION, CONTRACT_VERSION, FAULT, GET_CONFIGURATION, NAMESPACE, EntitySet
from contracts.page import read_page
from contracts.transport import GatewayTransport
from tests.contracts.misbehaving import (
    Answer,
    MisbehavingServer,
    closed_port,
    drips,
    falls_silent_after,
    hangs_up_after,
    http,
    in_turn,
    resets_after,
    sends,
)
from tests.contracts.pages import change_set, document, tiers

USER, PASSWORD = "erp", "Tr3s-secret-é"
CREDENTIALS = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
TIMEOUT_S = 0.4

CONFIGURED = message(
    GET_CONFIGURATION.response.record(
        configuration=CONFIGURATION.record(
            product="Sage 100",
            gateway_version="1",
            contract_version=CONTRACT_VERSION,
            company="BIJOU SA",
            synchronise_contacts=True,
            synchronise_addresses=True,
            synchronise_phones=True,
            synchronise_dormant=False,
            codification="manual",
        )
    )
)


def page_of(count: int) -> bytes:
    content = document(change_set(EntitySet.TIERS, [tiers(f"C{number}") for number in range(count)]))
    return envelope(content.replace(">", f' xmlns="{NAMESPACE}">', 1))


PAGE, PAGE_OF_3 = page_of(200), page_of(3)
HTML = b"<!DOCTYPE html>\n<html><body><h1>It works!</h1></body></html>"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a b="&l9;">&l9;</a>'
DEEP = f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{"<a>" * 300}{"</a>" * 300}</s:Body></s:Envelope>'
FOREIGN_FAULT = envelope(
    "<s:Fault><faultcode>s:Server</faultcode><faultstring> Object not set </faultstring></s:Fault>"
)
TYPED_FAULT = fault_message(
    FAULT.record(
        code="cursor_unknown",
        message="Curseur périmé",
        retry=True,
        record="tiers",
        field="Cursor",
        remedy="Recommencer.",
    ),
    client=True,
)


def called(url: str, *, timeout_s: float = 10, bytes_max: int = DOCUMENT_BYTES_MAX) -> Problem:
    """The problem that a call to that address ends in."""
    with GatewayClient(url, USER, PASSWORD, timeout_s=timeout_s, bytes_max=bytes_max) as client:
        with pytest.raises(Problem) as caught:
            client.get_change_log({EntitySet.TIERS: ""})
        assert_no_secret(caught.value, client)
        return caught.value


def assert_no_secret(problem: Problem, client: GatewayClient) -> None:
    told = [str(problem), repr(problem), repr(vars(problem)), repr(client), str(client), repr(vars(client))]
    told += traceback.format_exception(problem)
    for text in told:
        assert PASSWORD not in text
        assert CREDENTIALS not in text


def told(code: str) -> list[tuple[str, bool]]:
    """What the documentation says of a code: remedy, and whether to try again."""
    return [(known.remedy, known.retry) for known in (*GATEWAY_CODES, *CALLER_CODES) if known.code == code]


REPLIES = [
    pytest.param(sends(http(b"", "401 Unauthorized")), RemoteFault, "credentials_refused", False, id="wrong password"),
    pytest.param(falls_silent_after(b""), Unreachable, "gateway_timeout", True, id="silence before the first byte"),
    pytest.param(
        falls_silent_after(http(PAGE)[:90_000]),
        Unreachable,
        "gateway_timeout",
        True,
        id="silence in the middle of a page",
    ),
    pytest.param(drips(http(PAGE)), Unreachable, "gateway_timeout", True, id="drip of the head"),
    pytest.param(
        lambda line: (sends(http(PAGE)[:9000])(line), drips(PAGE[:400])(line))[1],
        Unreachable,
        "gateway_timeout",
        True,
        id="drip of the body",
    ),
    pytest.param(
        hangs_up_after(http(PAGE)[:90_000]), MalformedReply, "reply_cut_off", True, id="less than the length promised"
    ),
    pytest.param(resets_after(http(PAGE)[:90_000]), MalformedReply, "reply_cut_off", True, id="reset in a page"),
    pytest.param(resets_after(b""), Unreachable, "gateway_unreachable", True, id="reset before the first byte"),
    pytest.param(hangs_up_after(b""), Unreachable, "gateway_unreachable", True, id="closed without an answer"),
    pytest.param(sends(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Unreachable, "gateway_unreachable", True, id="no web server"),
    pytest.param(
        hangs_up_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n<a>"),
        MalformedReply,
        "reply_cut_off",
        True,
        id="chunks that do not end",
    ),
    pytest.param(
        hangs_up_after(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PAGE[:9000]),
        MalformedReply,
        "malformed_reply",
        True,
        id="cut off without a length",
    ),
    pytest.param(sends(http(HTML)), MalformedReply, "not_a_gateway", False, id="HTML"),
    pytest.param(sends(http(b"<html/>")), MalformedReply, "not_a_gateway", False, id="XHTML"),
    pytest.param(sends(http(HTML, "404 Not Found")), MalformedReply, "not_a_gateway", False, id="HTML of a 404"),
    pytest.param(sends(http(HTML, "500 Oops")), MalformedReply, "not_a_gateway", False, id="HTML of a 500"),
    pytest.param(sends(http(b"", "500 Oops")), MalformedReply, "malformed_reply", True, id="nothing but a 500"),
    pytest.param(sends(http(b"")), MalformedReply, "malformed_reply", True, id="empty body"),
    pytest.param(sends(http(b" \r\n")), MalformedReply, "malformed_reply", True, id="blank body"),
    pytest.param(sends(http(b"pong")), MalformedReply, "not_a_gateway", False, id="plain text"),
    pytest.param(sends(http(b'{"a": 1}')), MalformedReply, "not_a_gateway", False, id="JSON"),
    pytest.param(
        sends(http(HTML, "302 Found", "Location: http://192.0.2.1/login")),
        MalformedReply,
        "not_a_gateway",
        False,
        id="redirect",
    ),
    *(
        pytest.param(sends(http(HTML, status)), Unreachable, "gateway_unreachable", True, id=status)
        for status in ("502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout", "429 Too Many Requests")
    ),
    pytest.param(sends(http(b"<!DOCTYPE a><a/>")), MalformedReply, "doctype_refused", False, id="DOCTYPE"),
    pytest.param(
        sends(http(b"<!-- <a> --><!DOCTYPE a><a/>")),
        MalformedReply,
        "doctype_refused",
        False,
        id="DOCTYPE after a comment",
    ),
    pytest.param(sends(http(BOMB.encode())), MalformedReply, "doctype_refused", False, id="billion laughs"),
    pytest.param(
        sends(http(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>')),
        MalformedReply,
        "doctype_refused",
        False,
        id="external entity",
    ),
    pytest.param(
        sends(http('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"))),
        MalformedReply,
        "doctype_refused",
        False,
        id="UTF-16 with a DOCTYPE",
    ),
    pytest.param(sends(http(DEEP.encode())), MalformedReply, "malformed_reply", True, id="nested over 256"),
    pytest.param(
        sends(http(b'<?xml version="1.0" encoding="klingon"?><a/>')),
        MalformedReply,
        "malformed_reply",
        True,
        id="unknown encoding",
    ),
    pytest.param(
        sends(http('<?xml version="1.0" encoding="UTF-8"?><a>é</a>'.encode("latin-1"))),
        MalformedReply,
        "malformed_reply",
        True,
        id="another encoding than declared",
    ),
    pytest.param(sends(http(b"<a>\xff\xfe</a>")), MalformedReply, "malformed_reply", True, id="invalid UTF-8"),
    pytest.param(sends(http(b"<a>\x00</a>")), MalformedReply, "malformed_reply", True, id="a zero byte"),
    pytest.param(
        sends(
            http(b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><a/></e:Body></e:Envelope>')
        ),
        MalformedReply,
        "not_a_gateway",
        False,
        id="SOAP 1.2",
    ),
    pytest.param(sends(http(envelope(""))), MalformedReply, "malformed_reply", True, id="empty SOAP body"),
    pytest.param(
        sends(http(f'<s:Envelope xmlns:s="{SOAP}"/>'.encode())),
        MalformedReply,
        "malformed_reply",
        True,
        id="no SOAP body",
    ),
    pytest.param(sends(http(CONFIGURED)), ContractError, "contract_broken", False, id="the answer to something else"),
    pytest.param(sends(http(TYPED_FAULT, "500 E")), RemoteFault, "cursor_unknown", True, id="typed fault"),
    pytest.param(sends(http(TYPED_FAULT)), RemoteFault, "cursor_unknown", True, id="typed fault with status 200"),
    pytest.param(sends(http(FOREIGN_FAULT, "500 E")), RemoteFault, "remote_fault", False, id="another stack's fault"),
    pytest.param(
        sends(http(TYPED_FAULT.replace(b":contract:1.0", b":contract:2.0"), "500 E")),
        VersionMismatch,
        "contract_version_unsupported",
        False,
        id="fault of another contract",
    ),
    pytest.param(
        sends(http(b"x", "200 OK", "Content-Encoding: br")),
        MalformedReply,
        "malformed_reply",
        True,
        id="packing not asked for",
    ),
    pytest.param(
        sends(http(gzip.compress(PAGE)[:-20], "200 OK", "Content-Encoding: gzip")),
        MalformedReply,
        "reply_cut_off",
        True,
        id="gzip cut off",
    ),
    pytest.param(
        sends(http(b"not gzip", "200 OK", "Content-Encoding: gzip")),
        MalformedReply,
        "reply_cut_off",
        True,
        id="no gzip",
    ),
]


@pytest.mark.guarantees
@pytest.mark.req("CRM-02")
@pytest.mark.parametrize(("reply", "kind", "code", "retry"), REPLIES)
def test_a_bad_answer_is_a_typed_error_in_time(reply: Answer, kind: type[Problem], code: str, retry: bool) -> None:
    timeout_s = TIMEOUT_S if code == "gateway_timeout" else 10
    with MisbehavingServer(reply) as server:
        began = time.monotonic()
        problem = called(server.url, timeout_s=timeout_s)
        took = time.monotonic() - began

    assert (type(problem), problem.problem_code, problem.may_retry) == (kind, code, retry)
    assert took < timeout_s + 1.5
    assert problem.message
    if problem.remedy != "Recommencer.":
        assert (problem.remedy, problem.may_retry) in told(code)


@pytest.mark.guarantees
def test_nobody_listens() -> None:
    with closed_port() as url:
        problem = called(url)

    assert (type(problem), problem.problem_code) == (Unreachable, "gateway_unreachable")
    assert "connection refused" in problem.message
    assert problem.may_retry


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70, "é" * 70])
def test_a_name_that_is_not_known(host: str) -> None:
    problem = called(f"http://{host}:8080/")

    assert (type(problem), problem.problem_code) == (Unreachable, "gateway_unreachable")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sage:8080",
        "127.0.0.1:8080",
        "ftp://sage/",
        "http://",
        "http://[::1",
        "http://sage:port/",
        "http://s:99999/",
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ContractError) as caught:
        GatewayClient(url, USER, PASSWORD)

    assert caught.value.problem_code == "address_invalid"
    assert not caught.value.may_retry
    assert "http" in caught.value.remedy


@pytest.mark.guarantees
def test_a_password_in_the_address_is_never_shown() -> None:
    with closed_port() as url, GatewayClient(url.replace("//", f"//{USER}:{PASSWORD}@"), USER, PASSWORD) as client:
        with pytest.raises(Unreachable) as caught:
            client.get_configuration()
        assert_no_secret(caught.value, client)
    with pytest.raises(ContractError) as refused:
        GatewayClient(f"ftp://{USER}:{PASSWORD}@sage/", USER, PASSWORD)
    assert PASSWORD not in str(refused.value)


def test_the_detail_of_a_typed_fault_arrives_whole() -> None:
    with MisbehavingServer(sends(http(TYPED_FAULT, "500 E"))) as server:
        problem = called(server.url)

    assert (problem.message, problem.remedy, problem.record, problem.field) == (
        "Curseur périmé",
        "Recommencer.",
        "tiers",
        "Cursor",
    )


def test_another_stack_s_fault_keeps_its_words() -> None:
    with MisbehavingServer(sends(http(FOREIGN_FAULT, "500 E"))) as server:
        assert called(server.url).message == "Object not set"


@pytest.mark.guarantees
@pytest.mark.parametrize("packing", ["plain", "gzip", "chunked", "a length that says so"])
def test_a_reply_over_the_limit_is_refused_without_being_held(packing: str) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    answers = {
        "plain": http(PAGE),
        "gzip": http(bomb, "200 OK", "Content-Encoding: gzip"),
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"8000\r\n"
        + b" " * 0x8000
        + b"\r\n"
        + b"0\r\n\r\n",
        "a length that says so": http(PAGE[:30_000], length=10**12),
    }
    assert len(PAGE) > 20_000
    with MisbehavingServer(sends(answers[packing])) as server:
        problem = called(server.url, bytes_max=20_000)

    assert (type(problem), problem.problem_code) == (MalformedReply, "document_too_large")
    assert "20000 bytes" in problem.message
    assert "page size" in problem.remedy


def test_the_limit_can_be_lowered_only() -> None:
    transport = GatewayTransport("http://127.0.0.1/", USER, PASSWORD, timeout_s=1, bytes_max=10 * DOCUMENT_BYTES_MAX)

    assert transport.bytes_max == DOCUMENT_BYTES_MAX
    with pytest.raises(MalformedReply, match="more than 10 bytes"):
        parse(b"<a></a>    ", bytes_max=10)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_a_good_reply_arrives_however_it_is_packed(packed: bool, chunked: bool) -> None:
    body = gzip.compress(PAGE, 1) if packed else PAGE
    encoding = "Content-Encoding: gzip\r\n" if packed else ""
    pieces = b"".join(
        b"%x\r\n%s\r\n" % (len(body[at : at + 999]), body[at : at + 999]) for at in range(0, len(body), 999)
    )
    head = f"HTTP/1.1 200 OK\r\n{encoding}Transfer-Encoding: chunked\r\n\r\n".encode()
    reply = head + pieces + b"0\r\n\r\n" if chunked else http(body, "200 OK", *encoding.split("\r\n")[:-1])
    with MisbehavingServer(sends(reply)) as server, GatewayClient(server.url, USER, PASSWORD) as client:
        pages = [client.get_change_log({EntitySet.TIERS: ""}) for _ in range(2)]

    assert [len(page.change_sets[0].records) for page in pages] == [200, 200]
    assert client.calls == 2


def test_a_reply_that_takes_long_is_fine_within_its_time() -> None:
    with (
        MisbehavingServer(drips(http(b"", "401 Unauthorized"), pause_s=0.001)) as server,
        GatewayClient(server.url, USER, PASSWORD, timeout_s=5) as client,
        pytest.raises(RemoteFault),
    ):
        client.get_configuration()


@pytest.mark.guarantees
def test_after_a_bad_reply_the_same_client_goes_on() -> None:
    replies = sends(http(HTML, "503 Busy")), falls_silent_after(http(PAGE)[:9000], 2.5), sends(http(CONFIGURED))
    with (
        MisbehavingServer(in_turn(*replies)) as server,
        GatewayClient(server.url, USER, PASSWORD, timeout_s=1.5) as client,
    ):
        for _ in range(2):
            with pytest.raises(Unreachable):
                client.get_configuration()
        assert client.get_configuration().text("company") == "BIJOU SA"


def test_the_call_carries_credentials_the_action_and_no_more_than_the_operation() -> None:
    with MisbehavingServer(sends(http(CONFIGURED))) as server, GatewayClient(server.url, USER, PASSWORD) as client:
        client.get_configuration()
    head, body = server.requests[0].split(b"\r\n\r\n")

    assert f"Authorization: Basic {CREDENTIALS}".encode() in head
    assert f'SOAPAction: "{NAMESPACE}:GetConfiguration"'.encode() in head
    assert b"text/xml" in head
    assert answer(body).tag == f"{{{NAMESPACE}}}GetConfiguration"
    assert PASSWORD.encode() not in body


def test_a_proxy_is_used_away_from_loopback_and_gzip_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with MisbehavingServer(sends(http(CONFIGURED))) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        with GatewayClient("http://sage.invalid/", USER, PASSWORD) as client:
            assert client.get_configuration().text("company") == "BIJOU SA"
        with MisbehavingServer(sends(http(CONFIGURED))) as direct, GatewayClient(direct.url, USER, PASSWORD) as client:
            client.get_configuration()

    assert proxy.requests[0].startswith(b"POST http://sage.invalid/ ")
    assert b"Accept-Encoding: gzip\r\n" in proxy.requests[0]
    assert (len(proxy.requests), len(direct.requests)) == (1, 1)
    assert b"Accept-Encoding: identity\r\n" in direct.requests[0]


def test_a_fault_without_a_reason_says_so() -> None:
    with pytest.raises(RemoteFault, match="without a reason"):
        answer(envelope("<s:Fault><faultcode>s:Server</faultcode></s:Fault>"))


def test_a_value_may_speak_of_a_doctype() -> None:
    detail = writer(FAULT)(FAULT.record(code="c", message="<!DOCTYPE html>", retry=False))

    assert parse(f"<x><![CDATA[<!DOCTYPE html>]]>{detail}</x>".encode()).text == "<!DOCTYPE html>"


@pytest.mark.guarantees
def test_an_entity_bomb_in_another_encoding_is_not_unfolded() -> None:
    bomb = f'<?xml version="1.0" encoding="UTF-16"?>{BOMB}'.encode("utf-16")
    began = time.monotonic()

    with pytest.raises(MalformedReply):
        parse(bomb)

    assert time.monotonic() - began < 5
    assert len(zlib.compress(bomb)) < 10_000


SNIPPETS = [
    b"",
    b"<",
    b">",
    b"</Tiers>",
    b"<Tiers/>",
    b"&",
    b"&#0;",
    b"\xff",
    b"<x>",
    b' a="',
    b"<!--",
    b"]]>",
    b"\x00",
    b"1" * 80,
]


@pytest.mark.guarantees
@settings(deadline=None)
@given(data=st.data())
def test_whatever_the_bytes_the_page_is_read_or_the_error_is_typed(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(PAGE_OF_3)))
    until = data.draw(st.integers(at, min(at + 200, len(PAGE_OF_3))))
    snippet = data.draw(st.sampled_from(SNIPPETS) | st.binary(max_size=20))

    try:
        page = read_page(answer(PAGE_OF_3[:at] + snippet + PAGE_OF_3[until:]))
    except ContractError:
        return

    (changes,) = page.change_sets or (None,)
    assert changes is None or len(changes.records) + len(changes.rejected) <= 4
