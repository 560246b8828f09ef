"""/integrations: made, changed only while deactivated, activated; how each stands; secrets go in and never come out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from syncengine.access.scopes import Scope
from syncengine.engine import Engine
from syncengine.model import Cycle, CycleKind, CycleStatus, Integration, Link
from syncengine.settings import settings_from
from tests.api.clients import engine_over, items, person, problem, program, walk
from tests.api.conftest import Clock

ALL = "/api/v1/integrations"
SECRET = "Motdepasse-ERP-0815"
FORM = {"company": "BIJOU SA", "erp_user": "crm", "erp_password": SECRET}


def make(admin: TestClient, **values: Any) -> str:
    """The address of a new integration."""
    answer = admin.post(ALL, json={**FORM, **values})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def change(admin: TestClient, path: str, **values: Any) -> Any:
    """Whatever its version."""
    return admin.patch(path, json=values, headers={"If-Match": "*"})


@pytest.mark.req("CRM-14", "CRM-15", "CRM-16")
def test_it_is_made_with_the_documented_defaults_and_its_secrets_never_come_out(admin: TestClient) -> None:
    dry = admin.post(ALL, json={**FORM, "dry_run": True})
    assert (dry.status_code, admin.get(ALL).json()["items"]) == (201, [])
    key = {"Idempotency-Key": "one"}
    sql_url = "postgresql://lecteur:Motdepasse-SQL-4711@10.0.0.9/BIJOU"
    form = {**FORM, "crm_password": "Motdepasse-CRM-42", "sql_url": sql_url}
    first, again = (admin.post(ALL, json=form, headers=key) for _ in range(2))
    assert (first.status_code, again.json(), again.headers["idempotent-replayed"]) == (201, first.json(), "true")
    assert problem(admin.post(ALL, json={**FORM, "name": "Deux"}), 409) == "second_integration"

    path = first.headers["location"]
    sheet = admin.get(path).json()
    assert sheet == first.json()["integration"]
    wanted: dict[str, Any] = {
        "name": "Sage100",
        "url": "http://127.0.0.1:8080",
        "company": "BIJOU SA",
        "erp_user": "crm",
    }
    wanted |= {"timeout_s": 60, "interval_min": 60, "daily_resync_at": None, "transfer_mode": "by_hand"}
    wanted |= {"default_territory": "Monde", "code_mode": "free", "etendue_enabled": False, "state": "inactive"}
    wanted |= {"has_erp_password": True, "has_crm_password": True, "has_sql_url": True, "connected": True}
    wanted |= {"gateway_version": None, "contract_compatible": None}
    assert {name: sheet[name] for name in wanted} == wanted
    for answer in (first, admin.get(path), admin.get(ALL), admin.get("/api/v1/audit_events")):
        assert "Motdepasse" not in answer.text
    assert not {"erp_password", "crm_password", "sql_url"} & sheet.keys()


@pytest.mark.req("CRM-18")
def test_settings_change_only_while_it_is_deactivated_and_by_who_has_seen_them(admin: TestClient) -> None:
    path = make(admin)
    etag = {"If-Match": admin.get(path).headers["etag"]}
    assert problem(admin.patch(path, json={"interval_min": 45}), 428) == "version_missing"
    body = {"interval_min": 45, "daily_resync_at": "03:30", "erp_password": "Motdepasse-neuf"}
    changed = admin.patch(path, json=body, headers=etag)
    assert (changed.json()["interval_min"], changed.json()["daily_resync_at"]) == (45, "03:30:00")
    assert problem(admin.patch(path, json={"interval_min": 50}, headers=etag), 412) == "version_outdated"
    assert admin.get(path, headers={"If-None-Match": changed.headers["etag"]}).status_code == 304

    assert admin.post(f"{path}/activations").json()["state"] == "active"
    assert problem(change(admin, path, interval_min=50), 409) == "settings_locked"
    assert (
        problem(admin.put(f"{path}/guards", json={"guards": {}}, headers={"If-Match": "*"}), 409) == "settings_locked"
    )
    assert admin.post(f"{path}/deactivations").json()["state"] == "inactive"
    assert change(admin, path, interval_min=50).json()["interval_min"] == 50
    (told,) = items(walk(admin, "/api/v1/audit_events", action="integration.changed"))[1:]
    assert told["detail"] == {
        "interval_min": [60, 45],
        "daily_resync_at": [None, "03:30:00"],
        "erp_password": "replaced",
    }


@pytest.mark.req("CRM-14", "CRM-16")
@pytest.mark.parametrize(
    ("values", "status", "field"),
    [
        ({"name": "Sage-100"}, 422, "name"),
        ({"url": "http://crm:secret@10.0.0.1"}, 422, "url"),
        ({"interval_min": 29}, 422, "interval_min"),
        ({"default_territory": "Lune"}, 422, "default_territory"),
        ({"sql_url": "mysql://x"}, 422, "sql_url"),
        ({"company_types": {"client": "client"}}, 422, "supplier_company_type"),
        ({"zone": "Lune/Mer"}, 422, "zone"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_field(
    lone_app: FastAPI, values: dict[str, Any], status: int, field: str
) -> None:
    admin = person(lone_app, "admin", administrator=True)
    answer = admin.post(ALL, json={**FORM, **values})
    assert problem(answer, status) in {"integration_invalid", "sql_url_invalid"}
    assert answer.json()["field"] == field
    assert "secret" not in answer.text


@pytest.mark.req("CRM-62")
def test_another_one_is_made_by_who_has_read_what_that_means(lone_engine: Engine) -> None:
    settings = settings_from({"home": lone_engine.settings.home, "multi_integration": True})
    admin = person(create_app(engine_over(lone_engine.store, settings)), "admin", administrator=True)
    make(admin, name="Un")
    form = {**FORM, "name": "Deux", "company": "Bijou  sa"}
    refused = admin.post(ALL, json=form)
    assert problem(refused, 409) == "not_confirmed"
    assert "sa propre fiche Société" in refused.json()["detail"]
    dry = admin.post(ALL, json={**form, "dry_run": True}).json()["warnings"]
    assert len(dry) == 2
    assert "L'intégration Un désigne déjà cette société" in dry[1]
    made = admin.post(ALL, json={**form, "confirmed": True})
    assert (made.status_code, made.json()["warnings"]) == (201, dry)
    make(admin, name="Autre", company="Montres", confirmed=True)
    assert [one["name"] for one in items(walk(admin, ALL, limit=1))] == ["Autre", "Deux", "Un"]
    assert [one["name"] for one in items(walk(admin, ALL, text="bijou"))] == ["Deux", "Un"]


@pytest.mark.req("CRM-11", "CRM-19", "CRM-09")
def test_a_cycle_is_asked_for_only_of_an_active_one(admin: TestClient) -> None:
    path = make(admin, daily_resync_at="02:00")
    assert problem(admin.post(f"{path}/sync_requests"), 409) == "integration_not_active"
    assert admin.get(f"{path}/status").json()["next"]["words"] == "none: the integration is deactivated"
    admin.post(f"{path}/activations")
    asked = [admin.post(f"{path}/sync_requests") for _ in range(2)]
    assert [(one.status_code, one.json()["number"]) for one in asked] == [(202, 1), (202, 2)]
    assert asked[0].headers["location"] == f"{path}/status"
    status = admin.get(f"{path}/status").json()
    assert (status["freshness"], status["requested_number"], status["handled_number"]) == ("first", 2, 0)
    assert status["next"]["why"] == "due"


@pytest.mark.req("CRM-11")
def test_what_a_cycle_needs_is_there_before_it_is_activated(lone_app: FastAPI) -> None:
    admin = person(lone_app, "admin", administrator=True)
    path = make(admin, erp_user="")
    refused = admin.post(f"{path}/activations")
    assert (problem(refused, 422), refused.json()["field"]) == ("integration_invalid", "erp_user")


@pytest.mark.req("NEW-09")
def test_the_status_tells_how_fresh_it_is_and_how_far_behind(
    app: FastAPI, admin: TestClient, engine: Engine, clock: Clock
) -> None:
    path = make(admin)
    admin.post(f"{path}/activations")
    with engine.store.writing() as session:
        row = session.get_one(Integration, int(path.rpartition("/")[2]))
        row.due_at = clock() + timedelta(minutes=25)
        ended = {"integration_id": row.id, "kind": CycleKind.DIFFERENTIAL, "started_at": clock()}
        session.add(Cycle(**ended, status=CycleStatus.SUCCESS, ended_at=clock()))
        waits = {"erp_version": "1", "changed_at": clock() - timedelta(minutes=3)}
        session.add(Link(integration_id=row.id, entity="account", local_id=7, erp_key="BIJOU", **waits))
    status = admin.get(f"{path}/status").json()
    assert (status["freshness"], status["waiting"], status["lag_s"]) == ("on_time", 1, 180.0)
    assert status["next"] == {
        "why": "planned",
        "at": "2026-11-21T08:55:00Z",
        "words": "in 25 min, 2026-11-21 08:55:00 UTC",
    }
    clock.later(hours=2)
    late = admin.get(f"{path}/status").json()
    assert (late["freshness"], late["next"]["why"], late["lag_s"]) == ("late", "due", 7380.0)
    with engine.store.writing() as session:
        session.get_one(Integration, row.id).failures = 3
        session.get_one(Integration, row.id).due_at = clock() + timedelta(minutes=4)
    failed = admin.get(ALL).json()["items"][0]
    assert (failed["freshness"], failed["next"]["why"], failed["failures"]) == ("failed", "again", 3)
    days = admin.get("/api/v1/daily_figures", params={"days": 2, "integration_id": row.id}).json()["items"]
    assert [(day["day"], day["cycles"], day["failed"]) for day in days] == [("2026-11-20", 0, 0), ("2026-11-21", 1, 0)]
    assert problem(admin.get("/api/v1/daily_figures", params={"zone": "Lune/Mer"}), 400) == "parameter_invalid"


def _replaced(admin: TestClient, path: str, body: dict[str, Any]) -> Any:
    etag = admin.get(path).headers["etag"]
    return admin.put(path, json=body, headers={"If-Match": etag})


@pytest.mark.req("CRM-35", "CRM-17", "NEW-03", "NEW-06")
def test_parts_of_the_settings_are_read_and_replaced_as_a_whole(admin: TestClient) -> None:
    path = make(admin)
    types = {"client": "client", "grossiste": "client", "supplier": "supplier", "partner": None}
    mapping = {"company_types": types, "client_company_type": "grossiste", "supplier_company_type": "supplier"}
    assert _replaced(admin, f"{path}/type_mapping", mapping).json() == mapping
    assert admin.get(f"{path}/type_mapping").json() == mapping
    wrong = {**mapping, "client_company_type": "partner"}
    assert problem(_replaced(admin, f"{path}/type_mapping", wrong), 422) == "integration_invalid"

    rules = {"manager_rule": "automatic", "representative_rule": "if_empty", "default_manager": "admin"}
    assert _replaced(admin, f"{path}/assignment_rules", rules).json() == rules

    chosen = {"all": "most_recent", "contact": "crm_wins", "contact.phone": "ask"}
    assert _replaced(admin, f"{path}/policies", {"policies": chosen}).json()["policies"] == chosen
    unknown = {"policies": {"account.nowhere": "ask"}}
    assert problem(_replaced(admin, f"{path}/policies", unknown), 422) == "unknown_field"

    own = {"guards": {"crm.change": {"count": 40, "percent": 2.5}, "erp.create": None}}
    guards = _replaced(admin, f"{path}/guards", own).json()
    assert (guards["guards"]["crm.change"], guards["guards"]["erp.create"]) == ({"count": 40, "percent": 2.5}, None)
    assert guards["guards"]["erp.deactivate"] == {"count": 25, "percent": 5.0}
    assert guards["own"] == ["crm.change", "erp.create"]
    assert problem(_replaced(admin, f"{path}/guards", {"guards": {"crm.fly": None}}), 422) == "unknown_guard"
    assert admin.get(path).json()["policies"] == {"": "most_recent", "contact": "crm_wins", "contact.phone": "ask"}


def test_who_may_not_is_told_so_before_whether_it_exists(lone_app: FastAPI) -> None:
    admin = person(lone_app, "admin", administrator=True)
    path, claire, reader = make(admin), person(lone_app), program(lone_app, Scope.READ)
    assert claire.get(path).json()["has_erp_password"] is True
    for method, address in (("post", ALL), ("patch", f"{ALL}/99"), ("post", f"{ALL}/99/activations")):
        assert problem(getattr(claire, method)(address, json=FORM), 403) == "scope_missing"
    for action in ("sync_requests", "disconnections", "connection_tests", "turnover_refreshes", "comparisons"):
        assert problem(reader.post(f"{path}/{action}"), 403) == "scope_missing"
    for address in ("/api/v1/system", "/api/v1/alert_channels", "/api/v1/deliveries"):
        assert problem(claire.get(address), 403) == "scope_missing"
    assert problem(admin.patch(f"{ALL}/99", json={}, headers={"If-Match": "*"}), 404) == "not_found"
    gone = (
        "status",
        "type_mapping",
        "guards",
        "log_files",
        "free_fields",
        "representatives",
        "agreement",
        "differences",
    )
    for part in gone:
        assert problem(admin.get(f"{ALL}/99/{part}"), 404) == "not_found"
