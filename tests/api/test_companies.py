"""/companies, /contacts, /addresses: found, read, made, changed, and what is ordered about a Company and its tiers."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import select
from starlette.testclient import TestClient

from syncengine.crm import rights
from syncengine.model import Account, AuditEvent, Company, ErpState, Integration, JournalEntry, Right, User
from tests.api.clients import items, person, problem, walk
from tests.syncengine import records
from tests.syncengine.tied import Tied, tied

COMPANIES = "/api/v1/companies"
ANY = {"If-Match": "*"}


@pytest.fixture
def made(app: FastAPI) -> Tied:
    """A linked client with a contact and two addresses."""
    with app.state.engine.store.writing() as session:
        return tied(session)


@pytest.fixture
def claire(app: FastAPI, made: Tied) -> TestClient:
    """Somebody who works in the CRM."""
    return person(app)


def companies(app: FastAPI, *names: str) -> list[int]:
    """Companies without tiers."""
    with app.state.engine.store.writing() as session:
        return [records.company(session, name=name).id for name in names]


def made_at(answer: Response) -> Any:
    """What was made, by its Location."""
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def test_companies_are_found_a_page_at_a_time(app: FastAPI, claire: TestClient) -> None:
    companies(app, *(f"Société {number:02}" for number in range(7)), "Élan", "100% <b>pur</b> _\\")
    names = [one["name"] for one in items(walk(claire, COMPANIES, limit=2))]
    assert names == sorted(names, key=lambda name: name.replace("É", "e").lower())
    assert len(names) == len(set(names)) == 10
    assert [one["name"] for one in items(walk(claire, COMPANIES, text="elan"))] == ["Élan"]
    assert [one["name"] for one in items(walk(claire, COMPANIES, text="100% <b>"))] == ["100% <b>pur</b> _\\"]
    assert items(walk(claire, COMPANIES, status="inactive")) == []
    assert problem(claire.get(COMPANIES, params={"free": "nothing=1"}), 422) == "free_field_unknown"
    assert problem(claire.get(COMPANIES, params={"free": "nothing"}), 400) == "parameter_invalid"
    assert problem(claire.get(COMPANIES, params={"fields": "x"}), 400) == "parameter_unknown"


@pytest.mark.req("CRM-28", "CRM-32")
def test_a_company_is_made_changed_made_inactive_and_deleted(app: FastAPI, claire: TestClient, made: Tied) -> None:
    form = {"name": "Orfèvre & Fils", "company_type": "client", "phone": "0102", "manager_id": made.manager}
    tried = claire.post(COMPANIES, json={**form, "dry_run": True})
    assert (tried.status_code, items(walk(claire, COMPANIES, text="orfevre"))) == (201, [])
    path = made_at(claire.post(COMPANIES, json=form, headers={"Idempotency-Key": "one"}))
    assert made_at(claire.post(COMPANIES, json=form, headers={"Idempotency-Key": "one"})) == path
    read = claire.get(path)
    assert (read.json()["name"], read.json()["standard"], read.json()["tiers"]) == ("Orfèvre & Fils", "0102", None)
    assert claire.get(path, headers={"If-None-Match": read.headers["etag"]}).status_code == 304

    # CRM-28: what is changed on the Company is on its Account at once.
    linked = f"{COMPANIES}/{made.company}"
    etag = claire.get(linked).headers["etag"]
    assert problem(claire.patch(linked, json={"name": "X"}), 428) == "version_missing"
    changed = claire.patch(linked, json={"name": "BIJOU SAS", "status": "inactive"}, headers={"If-Match": etag})
    assert (changed.json()["name"], changed.json()["status"]) == ("BIJOU SAS", "inactive")
    assert problem(claire.patch(linked, json={"name": "Y"}, headers={"If-Match": etag}), 412) == "version_outdated"
    account = claire.get(f"/api/v1/accounts/{made.account}").json()
    assert (account["account"]["name"], account["account"]["status"]) == ("BIJOU SAS", "inactive")
    assert account["waiting_since"] is not None
    assert problem(claire.delete(linked, headers=ANY), 409) == "company_linked"
    assert claire.delete(path, headers=ANY).status_code == 204
    assert problem(claire.get(path), 404) == "company_unknown"

    wrong = {"currency": "99", "siret": "1" * 30, "payer": "X"}
    for field, code in (("currency", "unknown_value"), ("siret", "too_long"), ("payer", "body_invalid")):
        assert problem(claire.patch(linked, json={field: wrong[field]}, headers=ANY), 422) == code
    with app.state.engine.store.reading() as session:
        told = session.execute(select(AuditEvent.action, AuditEvent.actor).order_by(AuditEvent.id)).all()
        by = set(session.scalars(select(JournalEntry.by).where(JournalEntry.field == "name")))
    assert [action for action, _ in told] == ["company.created", "company.changed", "company.deleted"]
    assert (by, {actor for _, actor in told}) == ({"claire"}, {"claire"})


@pytest.mark.req("CRM-38", "CRM-39", "CRM-44")
def test_contacts_and_addresses_of_a_company(claire: TestClient, made: Tied) -> None:
    of = f"{COMPANIES}/{made.company}"
    contact = made_at(claire.post(f"{of}/contacts", json={"last_name": "Durand", "email": "d@example.com"}))
    assert problem(claire.post(f"{of}/contacts", json={"last_name": "DURAND"}), 409) == "contact_in_use"
    number = int(contact.rpartition("/")[2])
    changed = claire.patch(contact, json={"mobile": "0601", "email": None}, headers=ANY).json()
    assert (changed["mobile"], changed["email"], changed["is_default"]) == ("0601", None, False)
    assert claire.put(f"{of}/default_contact", json={"contact_id": number}).json()["id"] == number
    assert [one["is_default"] for one in items(walk(claire, f"{of}/contacts"))] == [False, True]

    address = made_at(claire.post(f"{of}/addresses", json={"title": "Entrepôt", "town": "Metz"}))
    assert problem(claire.post(f"{of}/addresses", json={"title": "entrepôt", "town": "X"}), 409) == "title_in_use"
    at = int(address.rpartition("/")[2])
    chosen = claire.put(f"{contact}/default_address", json={"address_id": at})
    assert chosen.json()["default_address_id"] == at
    shared = claire.post(f"{contact}/shared_addresses")
    assert shared.json()["default_address_id"] == made.billing
    assert claire.patch(address, json={"street": "1 quai"}, headers=ANY).json()["street"] == "1 quai"
    assert problem(claire.put(f"{of}/default_address", json={"address_id": at}), 409) == "billing_address"
    assert problem(claire.delete(f"/api/v1/addresses/{made.billing}", headers=ANY), 409) == "billing_address"
    for path in (contact, address):
        assert claire.delete(path, headers=ANY).status_code == 204
        assert problem(claire.get(path), 404).endswith("_unknown")
    (other,) = [one["id"] for one in items(walk(claire, COMPANIES)) if one["id"] != made.company] or [None]
    assert other is None
    wrong = {"contact_id": made.contact}
    assert problem(claire.put(f"{COMPANIES}/{made.company + 1}/default_contact", json=wrong), 404) == "contact_unknown"


@pytest.mark.req("CRM-24", "CRM-25", "CRM-61")
def test_creating_the_tiers_needs_the_right_and_asks_for_a_cycle(app: FastAPI, claire: TestClient, made: Tied) -> None:
    (number,) = companies(app, "Nouveau")
    order = f"{COMPANIES}/{number}/tiers_creations"
    assert problem(claire.post(order), 422) == "code_missing"
    store = app.state.engine.store
    with store.writing() as session:
        session.get_one(Company, number).code = "NOUVEAU"
        me = session.scalars(select(User).where(User.login == "claire")).one()
        rights.withdraw(session, me.id, Right.CREATE_TIERS, at=app.state.clock())
    assert problem(claire.post(order), 403) == "right_withdrawn"
    with store.writing() as session:
        rights.grant(session, me.id, Right.CREATE_TIERS)
        before = session.get_one(Integration, made.integration).requested_number

    account = made_at(claire.post(order, json={"dry_run": True}))
    assert problem(claire.get(account), 404) == "account_unknown"
    account = made_at(claire.post(order))
    assert claire.get(account).json()["account"]["erp_state"] == ErpState.AWAITED
    with store.reading() as session:
        assert session.get_one(Integration, made.integration).requested_number == before + 1
    assert problem(claire.post(order), 409) == "creation_awaited"
    assert claire.delete(order).status_code == 204
    assert problem(claire.delete(order), 409) == "not_awaited"


@pytest.mark.req("CRM-30", "CRM-31", "CRM-34")
def test_a_link_is_broken_made_and_moved(app: FastAPI, claire: TestClient, made: Tied) -> None:
    one, other = companies(app, "Bijou", "Bijou Paris")
    assert problem(claire.post(f"{COMPANIES}/{one}/link_breaks"), 409) == "not_linked"
    broken = claire.post(f"{COMPANIES}/{made.company}/link_breaks")
    assert broken.json()["account_id"] == made.account
    orphans = items(walk(claire, f"/api/v1/integrations/{made.integration}/orphan_accounts"))
    assert [found["account_id"] for found in orphans] == [made.account]
    assert [found["id"] for found in items(walk(claire, "/api/v1/accounts", standing="orphan"))] == [made.account]
    assert items(walk(claire, f"/api/v1/accounts/{made.account}/duplicates"))

    linked = claire.post(f"{COMPANIES}/{one}/links", json={"account_id": made.account}).json()
    assert (linked["company_id"], linked["former_company_id"]) == (one, None)
    assert made.company in [found["company_id"] for found in linked["duplicates"]]
    moved = claire.post(f"{COMPANIES}/{one}/reassignments", json={"company_id": other}).json()
    assert (moved["company_id"], moved["former_company_id"]) == (other, one)
    assert problem(claire.get(f"{COMPANIES}/{one}"), 404) == "company_unknown"
    assert claire.get(f"{COMPANIES}/{other}").json()["name"] == "BIJOU SA"
    assert (
        problem(claire.post(f"{COMPANIES}/{other}/links", json={"account_id": made.account}), 409) == "already_linked"
    )
    merged = claire.post(f"{COMPANIES}/{made.company}/mergers", json={"gone_id": other})
    assert problem(merged, 409) == "company_linked"


@pytest.mark.req("CRM-33")
def test_company_and_tiers_are_compared_and_aligned(app: FastAPI, claire: TestClient, made: Tied) -> None:
    with app.state.engine.store.writing() as session:
        session.get_one(Account, made.account).short_name = "AUTRE"
    of = f"{COMPANIES}/{made.company}"
    found = items(walk(claire, f"{of}/differences"))
    assert [(one["field"], one["company"], one["account"]) for one in found] == [("short_name", None, "AUTRE")]
    differing = items(walk(claire, f"/api/v1/integrations/{made.integration}/differing_companies", limit=1))
    assert [one["company_id"] for one in differing] == [made.company]
    tried = claire.post(f"{of}/alignments", json={"target": "company", "dry_run": True}).json()
    assert tried["changed"] == ["short_name"]
    assert claire.post(f"{of}/alignments", json={"target": "account"}).json()["marked"] is True
    assert items(walk(claire, f"{of}/differences")) == []
    assert problem(claire.post(f"{of}/alignments", json={"target": "both"}), 422) == "body_invalid"


@pytest.mark.req("CRM-34")
def test_companies_are_made_for_tiers_without_never_for_more_than_counted(
    app: FastAPI, claire: TestClient, made: Tied
) -> None:
    with app.state.engine.store.writing() as session:
        of = session.get_one(Integration, made.integration)
        first = records.account(session, of, code="O1", name="Orphelin 1").id
        records.account(session, of, code="O2", name="Second", company_id=made.company)
        records.account(session, of, code="O3", name="Orphelin 3")
    under = f"/api/v1/integrations/{made.integration}"
    assert [one["code"] for one in items(walk(claire, f"{under}/secondary_accounts"))] == ["O2"]
    company = made_at(claire.post(f"/api/v1/accounts/{first}/companies"))
    assert claire.get(company).json()["name"] == "Orphelin 1"
    assert problem(claire.post(f"/api/v1/accounts/{first}/companies"), 409) == "has_company"
    assert problem(claire.post(f"{under}/company_creations", json={"count": 3}), 409) == "count_changed"
    assert len(items(walk(claire, f"{under}/orphan_accounts"))) == 1
    assert claire.post(f"{under}/company_creations", json={"count": 2}).json() == {"created": 2}
    assert items(walk(claire, "/api/v1/accounts", standing="secondary")) == []
    assert [one["code"] for one in items(walk(claire, "/api/v1/accounts", limit=1, text="o3"))] == ["O3"]
