"""Commands about alerts: who is told, by what, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from standardwebhooks.webhooks import Webhook

from syncengine.cycle import alerting
from syncengine.errors import ExitCode
from syncengine.storage.store import Store
from tests.syncengine.commanding import Run
from tests.syncengine.conftest import NOW
from tests.syncengine.receiving import Receiver, receiver
from tests.syncengine.records import integration


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.mark.req("NEW-09")
def test_a_webhook_is_added_tried_and_signs_with_its_secret_whatever_happens_to_the_key(
    run: Run, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCENGINE_WEBHOOK_PRIVATE_NETWORKS", "true")
    made = run("alerts", "add-webhook", f"{server.url}/sage?token=abc", "--json").json
    secret, number = made["secret"], str(made["channel"]["id"])

    # The secret is shown this once, and the query of the address never
    assert run("alerts", "add-webhook", f"{server.url}/sage?token=abc").problem == "channel_known"
    listed = run("alerts", "channels")
    assert f"{server.url}/sage?…" in listed.out
    assert secret not in listed.out
    assert "abc" not in listed.out

    # It signs after the key was changed, and by a new secret after that was
    assert run("key", "rotate").code == ExitCode.OK
    assert run("alerts", "test", number).out.startswith("delivered : HTTP 204")
    newer = run("alerts", "modify", number, "--new-secret", "--json").json["secret"]
    assert run("alerts", "test", number).code == ExitCode.OK
    for key, (_, headers, body) in zip((secret, newer), server.requests, strict=True):
        assert Webhook(key).verify(body, headers)["type"] == "alert.test"

    # A test that does not arrive says so
    server.status = 500
    refused = run("alerts", "test", number, "--json")
    assert (refused.code, refused.json["answer"]) == (ExitCode.UNREACHABLE, "HTTP 500")
    (waiting,) = run("alerts", "deliveries", "--state", "waiting", "--json").json["items"]
    assert (waiting["attempts"], waiting["event"]) == (1, "alert.test")

    # Switched off, what waits is given up
    assert run("alerts", "modify", number, "--off", "--json").json["channel"]["active"] is False
    assert run("alerts", "deliveries", "--state", "waiting", "--json").json["items"] == []
    assert "given_up" in run("alerts", "deliveries", "--channel", number).out
    assert run("alerts", "remove", number).code == ExitCode.OK
    assert run("alerts", "channels", "--json").json == []


@pytest.mark.req("NEW-09")
def test_open_alerts_are_listed_with_what_to_do_and_closed_by_hand(run: Run, store: Store) -> None:
    with store.writing() as session:
        for name in ("BIJOU", "CARAT"):
            number = integration(session, name=name).id
            alerting.drift_found(session, integration_id=number, count=2, at=NOW)

    first, second = run("alerts", "list", "--json").json["items"]
    assert (first["integration"], second["integration"]) == ("CARAT", "BIJOU")
    assert "le CRM et Sage 100 divergent" in run("alerts", "list", "--integration", "BIJOU").out
    assert run("alerts", "close", str(first["id"])).out == f"alerte {first['id']} levée\n"
    assert [one["integration"] for one in run("alerts", "list", "--json").json["items"]] == ["BIJOU"]
    assert len(run("alerts", "list", "--all", "--json").json["items"]) == 2
    assert run("alerts", "close", str(first["id"])).problem == "alert_closed"
    assert run("alerts", "close", "99").problem == "alert_unknown"


@pytest.mark.req("NEW-09")
def test_an_address_is_checked_and_what_is_missing_to_reach_it_is_told(run: Run, store: Store) -> None:
    with store.writing() as session:
        integration(session)
    added = run("alerts", "add-email", "compta@societe.example", "--integration", "Sage100")
    assert "canal 1 : compta@societe.example (Sage100)" in added.out
    assert "smtp_host" in added.err
    for wrong in ("compta", "a@b", "a b@c.example", "a@b.example,c@d.example", "a@b.example\nBcc: x@y.example"):
        assert run("alerts", "add-email", wrong).problem == "mail_address"
    assert run("alerts", "add-email", "compta@societe.example").code == ExitCode.OK  # of all integrations, too
    assert run("alerts", "add-webhook", "https://10.0.0.1/").problem == "webhook_address"
    assert run("alerts", "modify", "1", "--new-secret").problem == "channel_unknown"
    assert run("alerts", "test", "9").problem == "channel_unknown"
    assert run("alerts", "add-email", "x@y.example", "--integration", "none").problem == "integration_unknown"
