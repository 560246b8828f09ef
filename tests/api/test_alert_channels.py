"""Alerts, who is told of them, what they were sent; a webhook's secret is shown once (NEW-09)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from standardwebhooks.webhooks import Webhook
from starlette.testclient import TestClient

from api.app import create_app
from syncengine.cycle import alerting
from syncengine.engine import Engine
from syncengine.settings import settings_from
from tests.api.clients import engine_over, items, person, problem, walk
from tests.syncengine import records
from tests.syncengine.conftest import NOW
from tests.syncengine.receiving import Receiver, receiver

pytestmark = pytest.mark.req("NEW-09")
CHANNELS, DELIVERIES = "/api/v1/alert_channels", "/api/v1/deliveries"


@pytest.fixture
def inner(lone_engine: Engine) -> FastAPI:
    """An application whose webhooks may go to this machine."""
    settings = settings_from({"home": lone_engine.settings.home, "webhook_private_networks": True})
    return create_app(engine_over(lone_engine.store, settings))


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """Somebody's web server."""
    with receiver() as found:
        yield found


def test_a_webhook_is_made_tried_given_a_new_secret_switched_off_and_forgotten(inner: FastAPI, hook: Receiver) -> None:
    admin = person(inner, "admin", administrator=True)
    key = {"Idempotency-Key": "one"}
    form = {"kind": "webhook", "target": f"{hook.url}/in?token=Motdepasse"}
    made, again = (admin.post(CHANNELS, json=form, headers=key) for _ in range(2))
    secret, path = made.json()["secret"], made.headers["location"]
    assert secret.startswith("whsec_")
    assert again.json() == {**made.json(), "secret": None}
    assert problem(admin.post(CHANNELS, json=form), 409) == "channel_known"
    for answer in (admin.get(CHANNELS), admin.get(path), admin.get("/api/v1/audit_events")):
        assert secret not in answer.text
        assert "Motdepasse" not in answer.text

    for _ in range(2):
        sent = admin.post(f"{path}/test_messages", headers={"Idempotency-Key": "try"})
        assert sent.status_code == 201
    (request,) = hook.requests
    assert Webhook(secret).verify(request[2], request[1])
    delivery = admin.get(sent.headers["location"]).json()
    assert (delivery["state"], delivery["attempts"], delivery["event"]) == ("delivered", 1, "alert.test")
    hook.status = 500
    refused = admin.post(f"{path}/test_messages").json()
    assert (refused["state"], refused["answer"]) == ("waiting", "HTTP 500")
    assert [one["state"] for one in items(walk(admin, DELIVERIES, limit=1))] == ["waiting", "delivered"]

    renewed = admin.post(f"{path}/secrets").json()["secret"]
    assert renewed.startswith("whsec_")
    assert renewed != secret
    etag = {"If-Match": admin.get(path).headers["etag"]}
    assert admin.patch(path, json={"active": False}, headers=etag).json()["active"] is False
    assert problem(admin.patch(path, json={"active": True}, headers=etag), 412) == "version_outdated"
    assert [one["id"] for one in items(walk(admin, DELIVERIES, state="given_up"))] == [refused["id"]]
    assert admin.delete(path).status_code == 204
    assert problem(admin.get(path), 404) == problem(admin.delete(path), 404) == "channel_unknown"
    assert problem(admin.get(sent.headers["location"]), 404) == "not_found"


@pytest.mark.parametrize("target", ["http://10.0.0.1/in", "https://u:p@h.example/", "https://169.254.169.254/x", "x"])
def test_no_message_goes_where_none_may(lone_app: FastAPI, target: str) -> None:
    admin = person(lone_app, "admin", administrator=True)
    assert problem(admin.post(CHANNELS, json={"kind": "webhook", "target": target}), 422) == "webhook_address"
    assert problem(admin.post(CHANNELS, json={"kind": "email", "target": target}), 422) == "mail_address"
    missing = {"kind": "email", "target": "a@b.example", "integration_id": 9}
    assert problem(admin.post(CHANNELS, json=missing), 404) == "integration_unknown"


def test_alerts_are_listed_and_closed_by_hand(engine: Engine, admin: TestClient) -> None:
    with engine.store.writing() as session:
        of = records.integration(session)
        alerting.drift_found(session, integration_id=of.id, count=7, at=NOW)
    (alert,) = items(walk(admin, "/api/v1/alerts", integration_id=of.id))
    assert (alert["cause"], alert["integration"], alert["times"]) == ("drift", "Sage100", 1)
    path = f"/api/v1/alerts/{alert['id']}/closures"
    assert admin.post(path).json()["closed_at"] is not None
    assert problem(admin.post(path), 409) == "alert_closed"
    assert problem(admin.post("/api/v1/alerts/99/closures"), 404) == "alert_unknown"
    assert admin.get("/api/v1/alerts").json()["items"] == []
    assert [one["id"] for one in items(walk(admin, "/api/v1/alerts", closed_too=True))] == [alert["id"]]
