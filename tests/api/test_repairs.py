"""Records in error and conflicts: listed, explained, and dealt with one by one or as many as were counted."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from syncengine.core.snapshot import load
from syncengine.crm.edits import edit_company
from syncengine.cycle.act import Act
from syncengine.model import Company, SyncErrorState
from tests.api.clients import items, person, problem, walk
from tests.syncengine import inbox
from tests.syncengine.tied import Tied


@pytest.fixture
def made(app: FastAPI) -> Tied:
    """A linked client both sides agree on."""
    with app.state.engine.store.writing() as session:
        return inbox.agreed(session)


@pytest.fixture
def claire(app: FastAPI, made: Tied) -> TestClient:
    """Somebody who repairs."""
    return person(app)


@pytest.mark.req("CRM-49")
def test_errors_are_grouped_explained_corrected_and_tried_again(app: FastAPI, claire: TestClient, made: Tied) -> None:
    with app.state.engine.store.writing() as session:
        payload = inbox.xml(code="C9", name="N" * 80)
        first = inbox.error(session, made.integration, "C9", field="Name", payload=payload, attempts=3)
        for key in ("A1", "A2"):
            inbox.error(session, made.integration, key, code="unknown_currency", payload=inbox.xml(code=key))
    under = f"/api/v1/integrations/{made.integration}"
    groups = items(walk(claire, f"{under}/sync_error_groups"))
    assert [(one["code"], one["count"]) for one in groups] == [("unknown_currency", 2), ("invalid_record", 1)]
    assert len(items(walk(claire, f"{under}/sync_errors", limit=1))) == 3
    assert [one["id"] for one in items(walk(claire, f"{under}/sync_errors", code="invalid_record"))] == [first]

    path = f"/api/v1/sync_errors/{first}"
    sheet = claire.get(path).json()
    assert (sheet["error"]["attempts"], sheet["error"]["remedy"]) == (3, "Shorten it.")
    assert [(line["path"], line["reason"]) for line in sheet["lines"] if line["refused"]] == [
        ("name", "80 characters, at most 69")
    ]
    assert sheet["actions"] == ["retry", "edit_and_retry", "take_out"]
    wrong = claire.post(f"{path}/corrections", json={"values": {"name": "N" * 70}})
    assert problem(wrong, 422) == "correction_too_long"
    assert problem(claire.post(f"{path}/corrections", json={"values": {}}), 422) == "body_invalid"
    corrected = claire.post(f"{path}/corrections", json={"values": {"name": "Nom court"}})
    assert (corrected.status_code, corrected.json()["error"]["state"]) == (201, SyncErrorState.RETRY)
    assert claire.post(f"{path}/retries").status_code == 201


@pytest.mark.req("CRM-50")
def test_a_record_leaves_the_flow_and_comes_back(claire: TestClient, app: FastAPI, made: Tied) -> None:
    with app.state.engine.store.writing() as session:
        number = inbox.error(session, made.integration, "C9")
    path = f"/api/v1/sync_errors/{number}"
    assert problem(claire.post(f"{path}/reactivations"), 409) == "cannot_put_back"
    tried = claire.post(f"{path}/exclusions", json={"dry_run": True})
    assert tried.json()["actions"] == ["put_back"]
    assert claire.get(path).json()["actions"] != ["put_back"]
    assert claire.post(f"{path}/exclusions").json()["error"]["state"] == SyncErrorState.TAKEN_OUT
    assert problem(claire.post(f"{path}/retries"), 409) == "cannot_retry"
    assert claire.post(f"{path}/reactivations").json()["error"]["state"] == SyncErrorState.RETRY
    # A tiers that is not in error, by its code.
    under = f"/api/v1/integrations/{made.integration}"
    assert claire.post(f"{under}/exclusions", json={"codes": ["BIJOU"]}).json() == {"done": 1, "refused": []}
    assert claire.get(f"/api/v1/accounts/{made.account}").json()["account"]["link_state"] == "taken_out"
    assert problem(claire.post("/api/v1/sync_errors/9999/retries"), 404) == "error_unknown"


@pytest.mark.req("CRM-49", "CRM-50")
def test_an_order_about_many_is_told_one_by_one_and_never_about_more_than_counted(
    app: FastAPI, claire: TestClient, made: Tied
) -> None:
    with app.state.engine.store.writing() as session:
        open_ = inbox.error(session, made.integration, "A")
        closed = inbox.error(session, made.integration, "B", state=SyncErrorState.RESOLVED)
        inbox.error(session, made.integration, "C")
    retries = f"/api/v1/integrations/{made.integration}/retries"
    answer = claire.post(retries, json={"ids": [open_, closed, 999]}, headers={"Idempotency-Key": "k"})
    told = {(one["id"], one["status"], one["code"]) for one in answer.json()["refused"]}
    assert (answer.status_code, answer.json()["done"]) == (207, 1)
    assert told == {(closed, 409, "cannot_retry"), (999, 404, "error_unknown")}
    again = claire.post(retries, json={"ids": [open_, closed, 999]}, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()) == (207, answer.json())

    everything = {"everything": True, "side": "crm"}
    assert problem(claire.post(retries, json=everything), 422) == "body_invalid"
    assert problem(claire.post(retries, json={**everything, "count": 3}), 409) == "count_changed"
    assert claire.post(retries, json={**everything, "count": 2}).json() == {"done": 2, "refused": []}
    assert problem(claire.post(retries, json={"count": 2}), 422) == "body_invalid"
    assert problem(claire.post("/api/v1/integrations/77/retries", json={"ids": [1]}), 404) == "integration_unknown"


@pytest.mark.req("NEW-03")
def test_a_conflict_shows_three_values_and_is_decided(app: FastAPI, claire: TestClient, made: Tied) -> None:
    store = app.state.engine.store
    with store.writing() as session:
        number = inbox.parked(session, made, "name", "BIJOU SA", "BIJOU SARL")
    under = f"/api/v1/integrations/{made.integration}"
    (found,) = items(walk(claire, f"{under}/conflicts", tiers="bijou"))
    assert [found[f"{side}_value"] for side in ("crm", "base", "erp")] == ["BIJOU SA", "old", "BIJOU SARL"]
    path = f"/api/v1/conflicts/{number}"
    for body in ({}, {"take": "crm", "value": "x"}, {"take": "nobody"}):
        assert problem(claire.post(f"{path}/resolutions", json=body), 422) == "body_invalid"
    assert problem(claire.post(f"{path}/resolutions", json={"value": ""}), 422) == "field_required"

    with store.writing() as session:
        edit_company(session, made.company, {"name": "BIJOU NEUF"}, Act(at=app.state.clock(), by="paul"))
    assert problem(claire.post(f"{path}/resolutions", json={"take": "erp"}), 409) == "conflict_moved_on"
    assert claire.get(path).json()["crm_value"] == "BIJOU NEUF"
    decided = claire.post(f"{path}/resolutions", json={"take": "erp"}).json()
    assert (decided["state"], decided["closed_by"]) == ("resolved", "claire")
    with store.reading() as session:
        assert session.get_one(Company, made.company).name == "BIJOU SARL"
        assert load(inbox.link_of(session, made).base)["name"] == "BIJOU SARL"
    assert problem(claire.post(f"{path}/resolutions", json={"take": "erp"}), 409) == "conflict_closed"
    assert items(walk(claire, f"{under}/conflicts")) == []
    assert [one["id"] for one in items(walk(claire, f"{under}/conflicts", state="resolved"))] == [number]


@pytest.mark.req("NEW-03")
def test_conflicts_are_decided_in_bulk_as_many_as_counted(app: FastAPI, claire: TestClient, made: Tied) -> None:
    with app.state.engine.store.writing() as session:
        one = inbox.parked(session, made, "name", "BIJOU SA", "X")
        inbox.parked(session, made, "contacts/5/mobile", "06", "07")
        gone = inbox.parked(session, made, "contacts/77/mobile", "06", "07")
    bulk = f"/api/v1/integrations/{made.integration}/resolutions"
    assert problem(claire.post(bulk, json={"take": "crm", "count": 2}), 409) == "count_changed"
    assert problem(claire.post(bulk, json={"take": "crm"}), 422) == "body_invalid"
    some = claire.post(bulk, json={"take": "crm", "field": "contact.mobile", "count": 2})
    assert (some.status_code, some.json()["done"]) == (207, 1)
    assert [(each["id"], each["code"], each["status"]) for each in some.json()["refused"]] == [
        (gone, "child_gone", 409)
    ]
    rest = claire.post(bulk, json={"take": "crm", "ids": [one, 999]})
    assert (rest.status_code, rest.json()["done"], rest.json()["refused"][0]["code"]) == (207, 1, "conflict_unknown")
