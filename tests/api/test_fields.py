"""Field mapping, the CRM's own fields, and the ERP's lists: free fields, parameters, representatives; territories."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from syncengine.engine import Engine
from syncengine.model import ErpParameter, FreeFieldDefinition, FreeFieldState, Representative
from tests.api.clients import items, problem, walk
from tests.syncengine import records

API = "/api/v1"


@pytest.fixture
def path(engine: Engine) -> str:
    """The address of an integration with a few rows in each of its lists."""
    with engine.store.writing() as session:
        of = records.integration(session)
        company = records.company(session, custom={"zone": "Sud"}, free_values={"Vieux": "x", "Neuf": "y"})
        records.account(session, of, company_id=company.id, is_main=True, free_values={"Vieux": "x", "Neuf": "y"})
        for kind, codes in (("currency", "EUR USD CHF"), ("language", "FR")):
            for position, code in enumerate(codes.split()):
                session.add(ErpParameter(integration_id=of.id, kind=kind, code=code, label=code, position=position))
        session.add(ErpParameter(integration_id=of.id, kind="language", code="XX", position=9, active=False))
        for name, state in (("Vieux", FreeFieldState.NO_LONGER_REPLICATED), ("Neuf", FreeFieldState.REPLICATED)):
            session.add(FreeFieldDefinition(integration_id=of.id, name=name, type="text", state=state))
        session.add(Representative(integration_id=of.id, code="1", last_name="Martin"))
        session.add(Representative(integration_id=of.id, code="2", last_name="Durand", active=False))
        session.flush()
        return f"{API}/integrations/{of.id}"


@pytest.mark.req("CRM-47")
def test_every_field_is_listed_and_a_pair_of_the_crm_is_added_and_removed(admin: TestClient, path: str) -> None:
    every = admin.get(f"{API}/field_mappings").json()["items"]
    (name,) = (one for one in every if (one["record"], one["field"]) == ("Tiers", "Name"))
    assert (name["erp"], name["company"], name["replicated"]) == ("F_COMPTET.CT_Intitule", "companies.name", True)
    tiers = admin.get(f"{API}/field_mappings", params={"record": "Tiers", "replicated": False}).json()["items"]
    assert tiers
    assert all(one["record"] == "Tiers" and not one["replicated"] for one in tiers)

    made = admin.post(f"{API}/custom_fields", json={"name": "comp_zone", "label": "Zone"})
    assert (made.status_code, made.json()) == (201, {"name": "zone", "label": "Zone", "replicated": False})
    assert problem(admin.post(f"{API}/custom_fields", json={"name": "zone", "label": "Z"}), 409) == "custom_field_known"
    assert problem(admin.post(f"{API}/custom_fields", json={"name": "É", "label": "Z"}), 422) == "custom_field_invalid"
    dry = admin.post(f"{API}/field_pairs", json={"name": "zone", "dry_run": True})
    assert dry.json() == {"name": "zone", "accounts": 1}
    assert admin.get(f"{API}/custom_fields").json()["items"][0]["replicated"] is False
    assert admin.post(f"{API}/field_pairs", json={"name": "acc_zone"}).json() == dry.json()
    assert problem(admin.post(f"{API}/field_pairs", json={"name": "zone"}), 409) == "pair_known"
    own = admin.get(f"{API}/field_mappings", params={"record": "Custom"}).json()["items"]
    assert [(one["company"], one["flow"]) for one in own] == [("companies.custom (comp_zone)", None)]
    assert admin.delete(f"{API}/field_pairs/zone").status_code == 204
    assert problem(admin.delete(f"{API}/field_pairs/zone"), 404) == "pair_unknown"
    assert problem(admin.delete(f"{API}/field_pairs/nowhere"), 404) == "not_found"


@pytest.mark.req("CRM-46")
def test_struck_out_free_fields_are_shown_and_go_with_their_values_when_asked(admin: TestClient, path: str) -> None:
    struck = {"state": "no_longer_replicated"}
    assert [one["name"] for one in items(walk(admin, f"{path}/free_fields", limit=1))] == ["Neuf", "Vieux"]
    dry = admin.post(f"{path}/struck_field_removals", json={"dry_run": True}).json()
    assert dry == {"fields": ["Vieux"], "accounts": 1, "companies": 1}
    assert len(items(walk(admin, f"{path}/free_fields", **struck))) == 1
    assert admin.post(f"{path}/struck_field_removals", json={}).json() == dry
    assert items(walk(admin, f"{path}/free_fields", **struck)) == []


@pytest.mark.req("CRM-17", "CRM-16")
def test_lists_of_the_erp_and_who_a_representative_stands_for(admin: TestClient, path: str) -> None:
    def codes(**query: Any) -> list[str]:
        return [one["code"] for one in items(walk(admin, f"{path}/erp_parameters", limit=2, **query))]

    assert codes() == ["EUR", "USD", "CHF", "FR", "XX"]
    assert (codes(kind="language"), codes(kind="language", active=True)) == (["FR", "XX"], ["FR"])
    one, gone = items(walk(admin, f"{path}/representatives", limit=1))
    assert (one["last_name"], one["user_id"], gone["active"]) == ("Martin", None, False)
    user_id = admin.get(f"{API}/session").json()["user_id"]
    address = f"{path}/representatives/{one['id']}"
    etag = {"If-Match": admin.get(address).headers["etag"]}
    assert problem(admin.patch(address, json={"user_id": user_id + 9}, headers=etag), 422) == "unknown_user"
    assert admin.patch(address, json={"user_id": user_id}, headers=etag).json()["user_id"] == user_id
    assert problem(admin.patch(address, json={"user_id": None}, headers=etag), 412) == "version_outdated"
    assert problem(admin.get(f"{path}/representatives/99"), 404) == "not_found"

    south = admin.post(f"{API}/territories", json={"name": " Sud "})
    assert south.json()["name"] == "Sud"
    nice = {"name": "Nice", "parent_id": south.json()["id"]}
    assert admin.post(f"{API}/territories", json=nice).json()["parent_id"] == south.json()["id"]
    assert problem(admin.post(f"{API}/territories", json={"name": "Sud"}), 409) == "territory_known"
    assert problem(admin.post(f"{API}/territories", json={"name": "X", "parent_id": 99}), 422) == "unknown_value"
    assert [one["name"] for one in items(walk(admin, f"{API}/territories", limit=1))] == ["Monde", "Nice", "Sud"]
