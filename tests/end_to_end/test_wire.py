"""What happens between engine and gateway: told on screen, in the log and in the exit code; nothing lost, nothing half-written."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from contracts.client import GatewayClient
from gateway.demo.edits import edit_tiers
from syncengine.errors import ExitCode
from syncengine.model import CycleStatus, Integration
from tests.crm import differences, dump
from tests.end_to_end import proxy
from tests.end_to_end.conftest import TIERS, Undisturbed
from tests.end_to_end.proxy import Way, altered, replaced
from tests.end_to_end.stand import HASTE, Stand
from tests.gateway.live import COMPANY, PASSWORD, USER, live_gateway

HTML = b"<!DOCTYPE html><html><body>Please sign in to the network</body></html>"
DOCTYPE = b'<?xml version="1.0"?><!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>'
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 10) for c in range(ord("b"), ord("k")))
    + b"]><x>&j;</x>"
)


def another_version(body: bytes) -> bytes:
    return re.sub(rb"<ContractVersion>[^<]*<", b"<ContractVersion>2.0<", body)


def another_namespace(body: bytes) -> bytes:
    return re.sub(rb"(urn:[^\"]*):1\.0\"", rb'\1:2.0"', body)


def another_company(body: bytes) -> bytes:
    return re.sub(rb"<Company>[^<]*<", b"<Company>AUTRE SA<", body)


def garbled(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + b"<&\x00>" + body[middle + 4 :]


TROUBLES: dict[str, tuple[Way, str, ExitCode, int]] = {
    "time-out in the middle of a page": (proxy.stalled, "gateway_timeout", ExitCode.UNREACHABLE, HASTE.attempts),
    "reply cut off": (proxy.cut_off, "reply_cut_off", ExitCode.UNREACHABLE, HASTE.attempts),
    "reply cut off without a word": (proxy.cut_clean, "malformed_reply", ExitCode.UNREACHABLE, HASTE.attempts),
    "reply lost": (proxy.lost, "gateway_unreachable", ExitCode.UNREACHABLE, HASTE.attempts),
    "reply garbled": (altered(garbled), "malformed_reply", ExitCode.UNREACHABLE, HASTE.attempts),
    "reply empty": (replaced(b""), "malformed_reply", ExitCode.UNREACHABLE, HASTE.attempts),
    "HTML instead of XML": (replaced(HTML, content_type="text/html"), "not_a_gateway", ExitCode.UNREACHABLE, 1),
    "HTML from a proxy": (replaced(HTML, status=403), "not_a_gateway", ExitCode.UNREACHABLE, 1),
    "gateway behind a proxy is down": (
        replaced(HTML, status=502),
        "gateway_unreachable",
        ExitCode.UNREACHABLE,
        HASTE.attempts,
    ),
    "another web service": (replaced(b"<rss/>"), "not_a_gateway", ExitCode.UNREACHABLE, 1),
    "DOCTYPE": (replaced(DOCTYPE), "doctype_refused", ExitCode.UNREACHABLE, 1),
    "entity bomb": (replaced(BOMB), "doctype_refused", ExitCode.UNREACHABLE, 1),
    "page over the size limit": (
        replaced(b"<", length=10_000_000_000),
        "document_too_large",
        ExitCode.UNREACHABLE,
        1,
    ),
    "contract version": (altered(another_version), "contract_version_unsupported", ExitCode.REFUSED, 1),
    "contract namespace": (altered(another_namespace), "contract_version_unsupported", ExitCode.REFUSED, 1),
    "another company": (altered(another_company), "company_mismatch", ExitCode.REFUSED, 1),
    "password changed": (replaced(b"", status=401), "credentials_refused", ExitCode.REFUSED, 1),
}


def recovers(made: Stand, undisturbed: Undisturbed) -> None:
    """Once the cause is gone the next cycle ends where an undisturbed run would."""
    made.whole(undisturbed.trees)
    made.proxy.calm()
    report = made.cycle()
    assert (report.problem, report.status) == (None, CycleStatus.SUCCESS)
    assert differences(undisturbed.dump, dump(made.engine.store)) == []


@pytest.mark.guarantees
@pytest.mark.req("CRM-01", "CRM-02", "CRM-10", "CRM-49", "CRM-52")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_in_the_middle_of_a_first_synchronisation(made: Stand, undisturbed: Undisturbed, trouble: str) -> None:
    """G8, G9, G10: the pages before are kept, the cursor stands before the one that never came."""
    way, code, exit_code, attempts = TROUBLES[trouble]
    made.hurry(way)
    made.proxy.disturb(way, since=4)
    ended = made.sync()
    ended.told(code, exit_code)
    made.failed(code)
    # What is only seen when a page is read finds the next one asked for already.
    assert 0 <= made.proxy.calls[proxy.PULL] - 3 - attempts <= (attempts == 1)
    assert 0 < len(made.accounts) < TIERS
    assert len([line for line in ended.log if line["event"] == "call_repeated"]) == attempts - 1
    recovers(made, undisturbed)


@pytest.mark.req("CRM-10", "CRM-52")
@pytest.mark.parametrize("trouble", ["HTML instead of XML", "contract namespace", "another company"])
def test_trouble_at_the_very_first_call(made: Stand, undisturbed: Undisturbed, trouble: str) -> None:
    way, code, exit_code, _ = TROUBLES[trouble]
    made.proxy.disturb(way, operation="GetConfiguration")
    made.sync().told(code, exit_code)
    made.failed(code)
    assert made.accounts == set()
    assert proxy.PULL not in made.proxy.calls
    recovers(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-01", "CRM-10")
@pytest.mark.parametrize(
    "trouble",
    [
        "time-out in the middle of a page",
        "reply cut off",
        "reply lost",
        "reply garbled",
        "gateway behind a proxy is down",
    ],
)
def test_trouble_that_passes_is_only_seen_in_the_log(made: Stand, undisturbed: Undisturbed, trouble: str) -> None:
    """G9: one call goes wrong, it is made again, and the cycle ends as if nothing had been."""
    way, code, _, _ = TROUBLES[trouble]
    made.hurry(way)
    made.proxy.disturb(way, only=3)
    ended = made.sync()
    assert (ended.code, ended.stderr.count("→")) == (ExitCode.OK, 0)
    assert [line["code"] for line in ended.log if line["event"] == "call_repeated"] == [code]
    assert differences(undisturbed.dump, dump(made.engine.store)) == []


@pytest.mark.guarantees
@pytest.mark.req("CRM-01")
@pytest.mark.parametrize("way", [proxy.twice, proxy.replayed, proxy.dripping])
def test_what_a_proxy_may_do_changes_nothing(made: Stand, undisturbed: Undisturbed, way: Way) -> None:
    """G4, G9: a call made twice, a reply that came before, a slow line within the time-out."""
    made.proxy.disturb(way, only=3)
    made.proxy.disturb(way, only=5)
    assert made.sync().code == ExitCode.OK
    assert differences(undisturbed.dump, dump(made.engine.store)) == []
    again = made.cycle()
    assert (again.counts.arrived, again.counts.changed) == (0, 0)


@pytest.mark.guarantees
def test_a_cached_page_of_yesterday_undoes_nothing(made: Stand, undisturbed: Undisturbed) -> None:
    """G8: the reply to an earlier call comes with its earlier cursor, so that what came since is read once more."""
    made.sync()
    first = made.cursors()
    with made.erp() as connection:
        edit_tiers(connection, made.codes[0], CT_Intitule="Nouveau nom")
    made.proxy.disturb(proxy.replayed, only=1)
    made.cycle()
    assert made.cursors() == first
    made.proxy.calm()
    assert made.cycle().counts.changed == 1
    assert made.still_to_come() == set()


@pytest.mark.req("CRM-10", "CRM-52")
def test_a_gateway_that_is_not_running(made: Stand, undisturbed: Undisturbed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        nobody = f"http://127.0.0.1:{held.getsockname()[1]}"
    url = made.proxy.url
    made.put(url=nobody)
    made.sync().told("gateway_unreachable", ExitCode.UNREACHABLE)
    made.failed("gateway_unreachable")
    made.put(url=url)
    recovers(made, undisturbed)


@pytest.mark.req("CRM-14", "CRM-10", "CRM-52")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"erp_user": "personne"}, "credentials_refused"),
        ({"company": "AUTRE SA"}, "company_mismatch"),
    ],
)
def test_an_integration_record_that_is_wrong(
    made: Stand, undisturbed: Undisturbed, wrong: dict[str, str], code: str
) -> None:
    """As the gateway itself answers; asked once, since asking again would not help."""
    made.put(**wrong)
    made.sync().told(code, ExitCode.REFUSED)
    made.failed(code)
    assert (made.accounts, made.proxy.calls) == (set(), {"GetConfiguration": 1})
    made.put(erp_user=USER, company=COMPANY)
    recovers(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-14")
def test_a_company_replaced_under_the_same_address(made: Stand, undisturbed: Undisturbed, sage_file: Path) -> None:
    """Between two refreshes of the parameters too, nothing of another company is taken."""
    made.sync()
    with made.erp() as connection:
        edit_tiers(connection, made.codes[0], CT_Intitule="Celui d'une autre société")
    with live_gateway(made.sage, company="AUTRE SA") as other:
        made.proxy.target = other.url
        made.sync().told("company_mismatch", ExitCode.REFUSED)
    assert differences(undisturbed.dump, dump(made.engine.store)) == []


@pytest.mark.req("CRM-02", "CRM-15", "CRM-52")
def test_a_gateway_that_refuses_the_engines_version(
    made: Stand, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the gateway itself says it, to an engine of a later contract."""
    with monkeypatch.context() as later:
        later.setattr("contracts.client.CONTRACT_VERSION", "2.0")
        made.sync().told("contract_version_unsupported", ExitCode.REFUSED)
    made.failed("contract_version_unsupported")
    recovers(made, undisturbed)


@pytest.mark.req("CRM-02")
def test_a_page_that_grows_over_the_limit_is_refused_as_it_comes(made: Stand, undisturbed: Undisturbed) -> None:
    def limited(integration: Integration) -> GatewayClient:
        return GatewayClient(integration.url, USER, PASSWORD, bytes_max=20_000)

    report = made.cycle(connect=limited)
    assert report.problem is not None
    assert report.problem.problem_code == "document_too_large"
    assert report.problem.remedy == "Set a smaller page size in the gateway's settings."
    small = made.cycle(connect=limited, page_size=2)
    assert small.status is CycleStatus.SUCCESS
    assert differences(undisturbed.dump, dump(made.engine.store)) == []
