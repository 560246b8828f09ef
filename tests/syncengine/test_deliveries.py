"""What is to be told reaches those who should know, once, whatever happens on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from standardwebhooks.webhooks import Webhook

from syncengine.core.webhook_address import checked_url, is_allowed
from syncengine.cycle import alerting
from syncengine.desk import alert_channels
from syncengine.engine import Engine
from syncengine.errors import InputRefused
from syncengine.model import AlertChannel, Delivery, DeliveryState
from syncengine.secrets import Secrets
from syncengine.service import deliveries, webhook
from syncengine.service.answer import Outcome
from syncengine.service.deliveries import AGAIN_AFTER, CLAIMED_FOR, deliver_due
from syncengine.service.webhook import Post, Poster
from syncengine.settings import EngineSettings, settings_from
from syncengine.storage.store import Store
from tests.syncengine.conftest import NOW
from tests.syncengine.receiving import GONE_ADDRESS, MAIL_PASSWORD, Mailbox, Receiver, mailbox, receiver
from tests.syncengine.records import integration

GREATEST = timedelta(days=4)
UNOFFERED = "the mail server offers neither what smtp_security asks for nor sign-in without it"


@dataclass(kw_only=True)
class Sender:
    """An engine whose time a test sets."""

    store: Store
    settings: EngineSettings
    now: datetime = NOW

    @property
    def engine(self) -> Engine:
        """The engine at that time."""
        store = replace(self.store, clock=lambda: self.now)
        return Engine(settings=self.settings, store=store, secrets=Secrets(self.settings))

    def deliver(self) -> int:
        """Send what is due."""
        return deliver_due(self.engine)

    def webhook(self, url: str) -> str:
        """A channel to that address; its secret."""
        with self.store.writing() as session:
            made = alert_channels.add_webhook(
                session, url, integration_id=None, private=True, secrets=Secrets(self.settings), at=NOW
            )
        assert made.secret is not None
        return made.secret

    def email(self, address: str) -> None:
        """A channel to that address."""
        with self.store.writing() as session:
            alert_channels.add_email(session, address, integration_id=None, at=NOW)

    def alert(self, *names: str) -> None:
        """Something is wrong with each of these integrations."""
        for name in names:
            with self.store.writing() as session:
                number = integration(session, name=name).id
                alerting.drift_found(session, integration_id=number, count=2, at=NOW)

    @property
    def rows(self) -> list[Delivery]:
        """Every message, the oldest first."""
        with self.store.reading() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def sender(store: Store, tmp_path: Path) -> Sender:
    return Sender(store=store, settings=settings_from({"home": tmp_path / "home", "webhook_private_networks": True}))


@pytest.fixture
def mails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mailbox(tmp_path) as found:
        monkeypatch.setenv("SSL_CERT_FILE", str(found.certificate))
        yield found


@pytest.mark.req("NEW-09")
def test_a_webhook_is_signed_as_the_standard_has_it_and_sent_once(sender: Sender, server: Receiver) -> None:
    secret = sender.webhook(f"{server.url}/sage?token=x")
    sender.alert("Sage100")

    assert (sender.deliver(), sender.deliver()) == (1, 0)

    ((path, headers, body),) = server.requests
    told = Webhook(secret).verify(body, headers)
    assert (path, told["type"], told["data"]["name"]) == ("/sage?token=x", "alert.opened", "Sage100")
    (row,) = sender.rows
    assert (row.state, row.attempts, row.answer, row.due_at) == (DeliveryState.DELIVERED, 1, "HTTP 204", None)
    assert headers["webhook-id"] == row.message_id


@pytest.mark.req("NEW-09")
def test_a_webhook_that_is_refused_is_sent_again_for_days_under_the_same_id(sender: Sender, server: Receiver) -> None:
    server.status = 503
    sender.webhook(server.url)
    sender.alert("Sage100")

    pauses, began = [], sender.now
    while (due := sender.rows[0].due_at) is not None:
        pauses.append(due - sender.now)
        sender.now = due
        assert sender.deliver() == 1

    assert pauses == [timedelta(), *AGAIN_AFTER]
    assert timedelta(days=3) < sender.now - began < GREATEST
    assert (len(server.ids), len(set(server.ids))) == (len(AGAIN_AFTER) + 1, 1)
    (row,) = sender.rows
    assert (row.state, row.answer, row.ended_at) == (DeliveryState.GIVEN_UP, "HTTP 503", sender.now)


@pytest.mark.req("NEW-09")
def test_a_receiver_that_is_gone_is_told_nothing_any_more(sender: Sender, server: Receiver) -> None:
    server.status = 410
    sender.webhook(server.url)
    sender.alert("Sage100", "other")
    with sender.store.writing() as session:
        session.execute(
            update(Delivery).where(Delivery.id == sender.rows[1].id).values(due_at=NOW + timedelta(hours=1))
        )

    sender.deliver()
    sender.alert("third")

    assert len(server.requests) == 1
    assert [row.state for row in sender.rows] == [DeliveryState.GIVEN_UP] * 2
    with sender.store.reading() as session:
        assert [one.active for one in alert_channels.list_channels(session)] == [False]


@pytest.mark.req("NEW-09")
def test_two_processes_never_send_the_same_message_at_once(sender: Sender, server: Receiver) -> None:
    sender.webhook(server.url)
    sender.alert(*(f"integration {number}" for number in range(40)))

    together = [threading.Thread(target=sender.deliver) for _ in range(3)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()

    assert sorted(server.ids) == sorted({row.message_id for row in sender.rows})
    assert {row.attempts for row in sender.rows} == {1}


@pytest.mark.req("NEW-09")
def test_what_a_dead_process_had_claimed_is_sent_when_the_claim_has_run_out(sender: Sender, server: Receiver) -> None:
    sender.webhook(server.url)
    sender.alert("Sage100")
    deliveries._claim(sender.engine)

    assert sender.deliver() == 0
    sender.now += CLAIMED_FOR
    assert sender.deliver() == 1
    assert [(row.state, row.attempts) for row in sender.rows] == [(DeliveryState.DELIVERED, 2)]


def test_a_redirect_is_not_followed_and_an_answer_that_drips_is_cut(server: Receiver) -> None:
    post = Post(url=server.url, secret=SecretStr("whsec_c2VjcmV0"), message_id="msg_1", body="{}")

    server.status = 302
    assert Poster(private=True).post(post).outcome is Outcome.LATER
    server.pause_s = 0.1
    answer = Poster(private=True, timeout_s=0.35).post(post)

    assert (answer.outcome, answer.text) == (Outcome.LATER, "no answer within 0.35 s")
    assert [path for path, _, _ in server.requests] == ["/", "/"]


def test_no_message_goes_to_a_private_network_whatever_its_name_says(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name that stood for a public server when the channel was made, and now stands for this machine
    port = int(server.url.rpartition(":")[2])
    monkeypatch.setattr(webhook, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", port))])
    url = f"https://supervision.example:{port}/"
    answer = Poster().post(Post(url=url, secret=SecretStr("whsec_c2VjcmV0"), message_id="msg_1", body="{}"))

    assert answer.outcome is Outcome.LATER
    assert answer.text == "supervision.example is in a private network: the setting webhook_private_networks is off"
    assert server.requests == []


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("93.184.215.14", True, True),
        ("2606:2800:21f:cb07::1", True, True),
        ("127.0.0.1", False, True),
        ("10.0.0.1", False, True),
        ("192.168.1.1", False, True),
        ("100.64.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("64:ff9b::a00:1", False, True),
        ("2002:0a00:0001::1", False, True),
        # Where cloud machines are told their secrets: never
        ("169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("0.0.0.0", False, False),  # noqa: S104 - an address to refuse
        ("224.0.0.1", False, False),
    ],
)
def test_which_addresses_messages_may_go_to(address: str, public: bool, private: bool) -> None:
    found = [is_allowed(ip_address(address), private=setting) for setting in (False, True)]
    assert found == [public, private]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a.example/",
        "https://",
        "http://a.example/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://u:p@a.example/",
        "https://a.example:port/",
        "https://a.example/\n",
        f"https://a.example/{'x' * 500}",
    ],
)
def test_an_address_that_no_message_may_go_to_is_refused_when_it_is_entered(url: str) -> None:
    with pytest.raises(InputRefused) as refusal:
        checked_url(f"{url}x" if url.endswith("\n") else url, private=False)
    assert refusal.value.problem_code == "webhook_address"


@pytest.mark.req("NEW-09")
def test_a_mail_tells_in_french_what_happened_since_when_and_what_to_do(
    sender: Sender, mails: Mailbox, tmp_path: Path
) -> None:
    sender.settings = settings_from({"home": tmp_path / "home", **mails.settings})
    sender.email("compta@societe.example")
    sender.alert("Société Générale d'Équipement")
    sender.deliver()
    with sender.store.writing() as session:
        alerting.drift_settled(session, integration_id=1, at=NOW + timedelta(hours=2))
    sender.now += timedelta(hours=2)
    sender.deliver()

    alert, recovery = mails.mails
    assert alert["Subject"] == "[Alerte] Société Générale d'Équipement : le CRM et Sage 100 divergent"
    assert (alert["To"], alert["Auto-Submitted"]) == ("compta@societe.example", "auto-generated")
    text = alert.get_content()
    assert "Depuis      : 21/11/2026 à 09:30 (Europe/Paris)" in text
    assert "Ce qui s'est passé\nL'audit a trouvé des enregistrements différents" in text
    assert "Que faire\nConsultez les différences avec `syncengine audit list`" in text
    assert recovery["Subject"] == "[Rétabli] Société Générale d'Équipement : le CRM et Sage 100 divergent"
    assert "Jusqu'à     : 21/11/2026 à 11:30 (Europe/Paris)" in recovery.get_content()
    assert {row.state for row in sender.rows} == {DeliveryState.DELIVERED}


@pytest.mark.req("NEW-09")
def test_what_goes_wrong_together_comes_in_one_mail(sender: Sender, mails: Mailbox, tmp_path: Path) -> None:
    sender.settings = settings_from({"home": tmp_path / "home", **mails.settings})
    sender.email("compta@societe.example")
    sender.alert(*(f"Société {number}" for number in range(20)))

    assert sender.deliver() == 20

    (mail,) = mails.mails
    assert mail["Subject"] == "[Synchronisation Sage 100] 20 alertes, 0 rétablissements"
    assert all(f"Intégration : Société {number}\n" in mail.get_content() for number in range(20))


@pytest.mark.req("NEW-09")
def test_a_mail_that_is_not_taken_says_why_and_never_the_password(
    sender: Sender, mails: Mailbox, tmp_path: Path
) -> None:
    def outcome(address: str, **changed: Any) -> tuple[DeliveryState, str | None]:
        home = tmp_path / "home"
        sender.settings = settings_from({"home": home, **mails.settings, **changed})
        sender.email(address)
        with sender.store.writing() as session:
            newest = alert_channels.list_channels(session)[-1].id
            alert_channels.write_test(session, newest, at=NOW)
        sender.deliver()
        row = sender.rows[-1]
        return row.state, row.answer

    waiting, given_up = DeliveryState.WAITING, DeliveryState.GIVEN_UP
    assert outcome(GONE_ADDRESS) == (given_up, "550 5.1.1 no such user here")
    assert outcome("a@societe.example", smtp_password="wrong") == (
        waiting,
        "535 the mail server refused user or password",
    )
    assert outcome("b@societe.example", smtp_port=1)[1] == "no answer from the mail server: ConnectionRefusedError"
    assert outcome("c@societe.example", smtp_security="none")[1] == UNOFFERED
    nowhere = outcome("d@societe.example", smtp_host=None)
    assert nowhere == (waiting, "the settings smtp_host and mail_from are needed to send mails")
    assert mails.mails == []
    assert not any(MAIL_PASSWORD in (row.answer or "") + row.payload for row in sender.rows)


def test_a_secret_is_encrypted_and_one_message_that_cannot_be_sent_keeps_none_waiting(
    sender: Sender, server: Receiver
) -> None:
    secret = sender.webhook(f"{server.url}/a")
    sender.webhook(f"{server.url}/b")
    with sender.store.writing() as session:
        first, second = session.scalars(select(AlertChannel).order_by(AlertChannel.id)).all()
        assert secret not in str(first.secret)
        assert first.secret != second.secret
        first.secret = "no text of this key"
    sender.alert("Sage100")

    assert sender.deliver() == 2
    assert [path for path, _, _ in server.requests] == ["/b"]
    states = [(row.state, row.attempts) for row in sender.rows]
    assert states == [(DeliveryState.WAITING, 1), (DeliveryState.DELIVERED, 1)]
    assert json.loads(sender.rows[0].payload)["type"] == "alert.opened"
