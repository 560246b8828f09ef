"""/system: how the installation stands, and a bundle for whoever helps, with no secret and no customer in it (G10)."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.app import create_app
from syncengine.access.scopes import Scope
from syncengine.core.log_scrub import scrubbed
from syncengine.engine import Engine
from syncengine.logs import integration_log
from syncengine.model import AlertChannel, ChannelKind, Cycle, CycleKind, CycleStatus, Integration, Side, SyncError
from syncengine.settings import settings_from
from tests.api.clients import engine_over, program
from tests.api.conftest import Clock
from tests.syncengine import records
from tests.syncengine.conftest import NOW

SECRETS = {
    "smtp_password": "Secret-SMTP-1",
    "smtp_user": "Secret-boite-2",
    "oidc_client_secret": "Secret-OIDC-3",
    "oidc_client_id": "Secret-client-4",
    "mail_from": "secret-5@martin.example",
    "public_url": "https://secret-6.martin.example",
    "otlp_endpoint": "https://u:Secret-7@traces.example",
}
PRIVATE = ("Secret-", "secret-", "MARTIN", "Martin", "BIJOU", "Bijou", "10.1.2.3", "whsec_")


@pytest.mark.req("NEW-09")
def test_it_tells_versions_health_workers_and_what_waits(engine: Engine, admin: TestClient, clock: Clock) -> None:
    with engine.store.writing() as session:
        of = records.integration(session, due_at=clock() - timedelta(seconds=30))
        began = {"started_at": clock() - timedelta(minutes=9), "worker": "machine 4711 abc"}
        session.add(Cycle(integration_id=of.id, kind=CycleKind.FIRST, status=CycleStatus.SUCCESS, **began))
    told = admin.get("/api/v1/system").json()
    assert told["healthy"] is True
    assert {"product", "contract", "python", engine.store.dialect.value} <= told["versions"].keys()
    assert told["schema_version"]["state"] == "current"
    assert (told["waiting"]["due"], told["integrations"]) == (1, {"active": 1, "inactive": 0, "disconnected": 0})
    assert [(one["name"], one["running"]) for one in told["workers"]] == [("machine 4711", 0)]

    clock.later(minutes=10)
    with engine.store.writing() as session:
        session.get_one(Integration, of.id).erp_password = "nobody's key made this"
    ill = {one["name"]: one["state"] for one in admin.get("/api/v1/system").json()["checks"] if not one["ok"]}
    assert ill == {"key": "key_missing", "workers": "late"}


def test_no_secret_and_no_customer_is_in_the_bundle(lone_engine: Engine, tmp_path: Path) -> None:
    settings = settings_from({"home": tmp_path / "Martin-home", **SECRETS})
    engine = engine_over(lone_engine.store, settings)
    stored = engine.secrets.encrypt(SecretStr("Secret-ERP-8"))
    with engine.store.writing() as session:
        of = records.integration(session, name="Martin", company="BIJOU SA", url="http://10.1.2.3", interval_min=45)
        of.erp_user, of.erp_password, of.policies = "Martin", stored, {"account.phone": "ask"}
        records.company(session, name="MARTIN SARL", code="MARTIN")
        failed = {"error_code": "guard_stopped", "error_message": "tiers MARTIN", "counts": {"arrived": 3}}
        cycle = Cycle(integration_id=of.id, kind=CycleKind.FIRST, status=CycleStatus.FAILURE, started_at=NOW, **failed)
        session.add(cycle)
        target = "https://hook.example/?k=Secret-9"
        session.add(AlertChannel(kind=ChannelKind.WEBHOOK, target=target, secret=stored, created_at=NOW))
        session.flush()
        place = {"first_cycle_id": cycle.id, "last_cycle_id": cycle.id, "first_at": NOW, "last_at": NOW}
        refused = {
            "side": Side.ERP,
            "entity": "account",
            "erp_key": "MARTIN",
            "message": "Martin",
            "field": "Secret-10",
        }
        session.add(SyncError(integration_id=of.id, code="name_missing", **refused, **place))
    with integration_log(settings, of.id, screen=False) as log:
        log.warning("record_refused", record="MARTIN", code="name_missing", reason="Martin", cycle=3, Bijou=1)
        log.info("counts", counts={"arrived": 3, "BIJOU": 4}, note="Secret-11")
        try:
            int("tiers MARTIN: Secret-12")
        except ValueError:
            log.exception("unforeseen")
    (settings.logs / "syncengine.log").write_text('no JSON, Secret-13\n{"event": "Secret-14"}\n[1]\n')

    admin = program(create_app(engine), Scope.ADMIN, Scope.READ)
    answer = admin.post("/api/v1/system/diagnostics_bundles")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    whole = "\n".join([*files, *files.values()])
    for private in (*PRIVATE, *SECRETS.values(), stored, str(tmp_path)):
        assert private not in whole, private

    (one,) = json.loads(files["integrations.json"])
    assert (one["settings"]["interval_min"], one["settings"]["erp_password"]) == (45, "(set)")
    assert (one["settings"]["policies"], one["errors"]) == ({"account.phone": "ask"}, {"name_missing": 1})
    assert (one["cycles"][0]["error_code"], one["cycles"][0]["counts"]) == ("guard_stopped", {"arrived": 3})
    lines = [json.loads(line) for line in files[f"logs/integration-{of.id}.log"].splitlines()]
    assert [line["event"] for line in lines] == ["record_refused", "counts", "unforeseen"]
    assert (lines[0]["code"], lines[0]["cycle"]) == ("name_missing", 3)
    assert lines[2]["exception"][-1] == "ValueError"
    assert any("test_system.py" in frame for frame in lines[2]["exception"])
    told = json.loads(files["settings.json"])
    assert (told["port"], told["smtp_password"], told["database_url"]) == (8750, "(set)", None)
    assert admin.get("/api/v1/audit_events").json()["items"][0]["action"] == "system.bundle_made"


@pytest.mark.parametrize("line", ["", "[", "[]", '{"event": 3}', '{"event": "É"}', "[" * 100_000, '{"level": "info"}'])
def test_what_is_no_event_of_the_program_is_left_out(line: str) -> None:
    assert scrubbed(line) is None
