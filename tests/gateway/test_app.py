"""The gateway over real HTTP: credentials, limits, compression, the contract it serves, and how it starts and stops."""

from __future__ import annotations

import gzip
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import structlog
import zeep
from lxml import etree
from requests.auth import HTTPBasicAuth
from sqlalchemy import Engine
from zeep.transports import Transport

from contracts.client import GatewayClient
from contracts.envelope import SOAP, body_of, parse, raise_fault
from contracts.errors import RemoteFault
from contracts.messages import NAMESPACE, OPERATIONS, EntitySet
from gateway.database import writing
from gateway.serve import CannotListen, serve
from gateway.settings import settings_from
from tests.gateway.base import insert_clients, make_base
from tests.gateway.live import (
    COMPANY,
    PASSWORD,
    USER,
    LiveGateway,
    gateway_process,
    gateway_settings,
    live_gateway,
    written_settings,
)

AUTH = HTTPBasicAuth(USER.encode(), PASSWORD.encode())
CONFIGURATION = (
    f'<s:Envelope xmlns:s="{SOAP}"><s:Body><GetConfiguration xmlns="{NAMESPACE}"/></s:Body></s:Envelope>'.encode()
)


@pytest.fixture
def base(sqlite_url: str) -> Iterator[Engine]:
    """The small company, on SQLite: what is tested here does not touch the database's own ways."""
    engine = make_base(sqlite_url)
    yield engine
    engine.dispose()


def _post(
    gateway: LiveGateway, document: bytes, *, auth: HTTPBasicAuth | None = AUTH, **headers: str
) -> requests.Response:
    given = {"Content-Type": "text/xml; charset=utf-8", "Accept-Encoding": "identity"}
    sent = {**given, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return requests.post(gateway.url, data=document, auth=auth, headers=sent, timeout=20)


def _fault(response: requests.Response) -> RemoteFault:
    with pytest.raises(RemoteFault) as told:
        raise_fault(body_of(parse(response.content)))
    return told.value


@pytest.mark.req("CRM-53", "CRM-14")
@pytest.mark.parametrize(
    "auth",
    [None, HTTPBasicAuth(USER, "wrong"), HTTPBasicAuth("nobody", "x")],
    ids=["none", "wrong password", "unknown user"],
)
def test_without_the_right_password_nothing_is_answered(gateway: LiveGateway, auth: HTTPBasicAuth | None) -> None:
    response = _post(gateway, CONFIGURATION, auth=auth)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert _fault(response).problem_code == "credentials_refused"
    assert COMPANY not in response.text


@pytest.mark.parametrize("header", ["Bearer x", "Basic ???", "Basic " + "A" * 3])
def test_credentials_that_cannot_be_read_are_refused(gateway: LiveGateway, header: str) -> None:
    assert _post(gateway, CONFIGURATION, auth=None, Authorization=header).status_code == 401


def test_the_right_password_is_checked_slowly_once_only(gateway: LiveGateway) -> None:
    _post(gateway, CONFIGURATION)
    began = time.perf_counter()
    for _ in range(5):
        assert _post(gateway, CONFIGURATION).status_code == 200

    # scrypt alone would take about 50 ms each.
    assert (time.perf_counter() - began) / 5 < 0.2
    assert _post(gateway, CONFIGURATION, auth=HTTPBasicAuth(USER, "wrong")).status_code == 401


@pytest.mark.parametrize("action", ['""', '"urn:something:else"', ""])
def test_soapaction_may_be_wrong_or_empty_and_the_path_any(gateway: LiveGateway, action: str) -> None:
    headers = {"SOAPAction": action, "Content-Type": "text/xml"}

    response = requests.post(f"{gateway.url}some/path", data=CONFIGURATION, auth=AUTH, headers=headers, timeout=20)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert etree.QName(body_of(parse(response.content))).localname == "GetConfigurationResponse"


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "doctype_refused"),
        (b"not xml", "invalid_request"),
        (CONFIGURATION.replace(b"GetConfiguration", b"GetNothing"), "unknown_operation"),
    ],
)
def test_refusals_are_typed_faults_with_http_500(gateway: LiveGateway, document: bytes, code: str) -> None:
    response = _post(gateway, document)

    assert response.status_code == 500
    fault = _fault(response)
    assert fault.problem_code == code
    assert not fault.may_retry


def test_a_request_over_the_limit_is_refused(gateway: LiveGateway) -> None:
    large = CONFIGURATION + b" " * (20 * 1024 * 1024)

    assert _fault(_post(gateway, large)).problem_code == "request_too_large"


def test_a_compressed_request_is_read_and_a_bomb_is_not(gateway: LiveGateway) -> None:
    packed = _post(gateway, gzip.compress(CONFIGURATION), Content_Encoding="gzip")
    bomb = _post(gateway, gzip.compress(b" " * (64 * 1024 * 1024)), Content_Encoding="gzip")
    broken = _post(gateway, gzip.compress(CONFIGURATION)[:40], Content_Encoding="gzip")
    garbage = _post(gateway, CONFIGURATION, Content_Encoding="gzip")
    unknown = _post(gateway, CONFIGURATION, Content_Encoding="br")

    assert packed.status_code == 200
    assert _fault(bomb).problem_code == "request_too_large"
    for refused in (broken, garbage, unknown):
        assert (_fault(refused).problem_code, _fault(refused).field) == ("invalid_request", "Content-Encoding")


def test_answers_are_compressed_when_that_is_accepted(gateway: LiveGateway) -> None:
    plain = _post(gateway, CONFIGURATION)
    packed = _post(gateway, CONFIGURATION, Accept_Encoding="gzip, deflate")
    declined = _post(gateway, CONFIGURATION, Accept_Encoding="gzip;q=0")

    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["Content-Length"]) < len(plain.content) / 2
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in declined.headers


@pytest.mark.req("CRM-02")
def test_the_wsdl_is_served_with_the_address_it_was_asked_at(gateway: LiveGateway) -> None:
    asked = requests.get(f"{gateway.url}?wsdl", timeout=20)
    beside = requests.get(f"{gateway.url}contract.wsdl", timeout=20)

    address = etree.fromstring(asked.content).find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address is not None
    assert address.get("location") == gateway.url
    assert beside.content == asked.content
    assert requests.get(f"{gateway.url}contract.xsd", timeout=20).text.startswith("<?xml")


def test_other_methods_are_refused_and_a_browser_is_shown_the_way(gateway: LiveGateway) -> None:
    assert requests.put(gateway.url, timeout=20).status_code == 405
    assert "?wsdl" in requests.get(gateway.url, timeout=20).text


@pytest.mark.req("CRM-02")
def test_zeep_strict_reads_every_operation_from_the_served_wsdl(gateway: LiveGateway) -> None:
    session = requests.Session()
    session.auth = AUTH
    client = zeep.Client(f"{gateway.url}?wsdl", transport=Transport(session=session))  # type: ignore[no-untyped-call]

    configuration = client.service.GetConfiguration()
    page = client.service.GetChangeLog(
        ContractVersion="1.0",
        PageSize=100,
        EntitySets={"EntitySetRequest": [{"Name": name.value} for name in EntitySet]},
    )
    records = client.service.GetRecords(Name="tiers", Keys={"RecordKey": [{"Key": "T001"}]})
    versions = client.service.GetVersions(Name="tiers")
    turnover = client.service.GetTurnover()
    findings = client.service.RunDiagnostics()
    served = [name["Name"] for name in configuration["Operations"]["Operation"]]
    code = {"Code": "T001"}
    solvency = client.service.ViewSolvency(**code)
    figures = client.service.ViewCumulatedFigures(**code)
    pages = [getattr(client.service, name)(**code) for name in ("ViewEntries", "ViewDocuments", "ViewDocumentLines")]
    with pytest.raises(zeep.exceptions.Fault) as missing:
        client.service.ViewDocument(Type="FA", Number="1")
    session.close()

    assert configuration["Company"] == COMPANY
    tiers = page["ChangeSets"]["ChangeSet"][2]["TiersList"]["Tiers"]
    assert [one["Code"] for one in tiers] == ["T001", "T002", "T003", "T004", "T005"]
    assert tiers[0]["Addresses"]["Address"][0]["Kind"] == "billing"
    assert records["TiersList"]["Tiers"][0]["Version"] == tiers[0]["Version"]
    assert versions["Versions"]["RecordVersion"][0]["Version"] == tiers[0]["Version"]
    assert len(turnover) == 5
    assert findings[0]["Severity"] == "ok"
    assert set(served) == {operation.name for operation in OPERATIONS}
    assert solvency["AccountingBalance"] == 0
    assert len(figures) == 24
    assert [one["Total"] for one in pages] == [0, 0, 0]
    assert missing.value.detail.findtext(f".//{{{NAMESPACE}}}Code") == "unknown_document"


def test_health(gateway: LiveGateway, tmp_path: Path) -> None:
    well = requests.get(f"{gateway.url}healthz", timeout=20)
    with live_gateway(str(tmp_path / "missing.db")) as lost:
        ill = requests.get(f"{lost.url}healthz", timeout=20)

    assert (well.status_code, well.json()) == (200, {"status": "ok"})
    assert (ill.status_code, ill.json()["code"]) == (503, "database_missing")


@pytest.mark.req("CRM-53")
def test_the_gateway_starts_without_its_database_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "later.db"
    with live_gateway(str(path)) as live:
        before = _fault(_post(live, CONFIGURATION))
        sqlite3.connect(path).close()
        foreign = _fault(_post(live, CONFIGURATION))
        make_base(f"sqlite:///{path}").dispose()
        after = _post(live, CONFIGURATION)

    assert before.problem_code == "database_missing"
    assert foreign.problem_code == "not_a_sage_base"
    assert after.status_code == 200


def test_a_locked_database_is_told_as_unavailable_for_now(
    gateway: LiveGateway, base: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.database.SQLITE_WAIT_MS", 200)
    assert gateway.client().get_configuration().text("company") == COMPANY
    holder = sqlite3.connect(str(base.url.database), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with live_gateway(base) as impatient, impatient.client() as client, pytest.raises(RemoteFault) as told:
        client.get_change_log({EntitySet.TIERS: ""})
    holder.execute("ROLLBACK")
    holder.close()

    assert told.value.problem_code == "database_unavailable"
    assert told.value.may_retry
    assert "SELECT" not in told.value.message


def test_an_unforeseen_error_is_a_number_and_not_its_words(base: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("gateway.backend.configuration", broken)
    with live_gateway(base) as live:
        response = _post(live, CONFIGURATION)

    fault = _fault(response)
    assert fault.problem_code == "internal_error"
    assert "number" in fault.message
    assert "secret" not in response.text


@pytest.fixture
def settings_file(base: Engine, tmp_path: Path) -> Path:
    """The settings file of a gateway over the base."""
    return written_settings(base, tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a Windows process at once")
def test_serve_tells_its_port_and_ends_in_order(settings_file: Path) -> None:
    with gateway_process(settings_file) as (process, url):
        answered = requests.post(url, data=CONFIGURATION, auth=AUTH, timeout=20)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]

    assert answered.status_code == 200
    assert "listening" in said
    assert PASSWORD not in said
    assert "Traceback" not in said


@pytest.mark.req("CRM-01", "CRM-13")
def test_a_gateway_killed_in_the_middle_goes_on_where_it_was(settings_file: Path, base: Engine) -> None:
    with writing(base) as connection:
        insert_clients(connection, 1_100, prefix="N")
    cursor, codes, at_end = "", [], False
    while not at_end:
        with gateway_process(settings_file) as (process, url), GatewayClient(url, USER, PASSWORD) as client:
            page = client.get_change_log({EntitySet.TIERS: cursor}, page_size=400).change_sets[0]
            process.kill()
        cursor, at_end = page.next_cursor, page.at_end
        codes += [record.text("code") for record in page.records]

    assert len(codes) == len(set(codes)) == 1_105


def test_a_port_in_use_is_refused_in_plain_words(gateway: LiveGateway) -> None:
    port = int(gateway.url.rstrip("/").rpartition(":")[2])

    with pytest.raises(CannotListen) as refused:
        serve(gateway.settings.model_copy(update={"port": port}))

    assert refused.value.remedy


def test_listening_beyond_loopback_in_the_clear_is_warned_of(gateway: LiveGateway) -> None:
    port = int(gateway.url.rstrip("/").rpartition(":")[2])
    exposed = gateway.settings.model_copy(update={"host": "0.0.0.0", "port": port, "users": ()})  # noqa: S104

    # The port is taken: nothing is really opened to the world.
    with structlog.testing.capture_logs() as logs, pytest.raises(CannotListen):
        serve(exposed)

    warned = {entry["event"] for entry in logs if entry["log_level"] == "warning"}
    assert warned == {"passwords travel in the clear", "no user may call"}


def test_half_of_the_tls_settings_is_refused(base: Engine) -> None:
    half = settings_from({**gateway_settings(base).model_dump(), "ssl_key": "key.pem", "users": ()})

    with pytest.raises(Exception, match="ssl_certificate") as refused:
        serve(half)

    assert getattr(refused.value, "problem_code", "") == "settings_invalid"
