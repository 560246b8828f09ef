"""The page of a record: looked up by anything, why it is not synchronised, both fiches, the history of a field (CRM-33, NEW-04)."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from syncengine.crm.edits import edit_company
from syncengine.cycle.act import Act
from syncengine.desk.error_choice import Which
from syncengine.desk.error_desk import put_back, take_out
from syncengine.model import Account, Audit, Company, Difference, Drift, Link
from tests.api.clients import person
from tests.console.prepared import Prepared


@pytest.fixture
def claire(console: Prepared) -> TestClient:
    return person(console.app, "claire")


def _company(console: Prepared, number: int) -> Company:
    with console.engine.store.reading() as session:
        found = session.get_one(Company, number)
        session.expunge(found)
        return found


@pytest.mark.req("CRM-49")
def test_a_record_is_found_by_number_code_and_name_even_if_it_never_arrived(
    console: Prepared, claire: TestClient
) -> None:
    one = _company(console, 50)
    for text in ("50", one.code, (one.code or "").lower()):
        assert claire.get("/records", params={"text": text}).headers["location"] == "/records/50"
    assert f'href="/records/{one.id}"' in claire.get("/records", params={"text": one.name}).text
    never = claire.get("/records", params={"text": "dias00015"}).text
    assert "La valeur de « Représentant » n&#39;est pas dans la liste" in never
    assert "Rien ne répond" in claire.get("/records", params={"text": "<b>zzqq</b>"}).text
    assert "<b>zzqq" not in claire.get("/records", params={"text": "<b>zzqq</b>"}).text


@pytest.mark.req("NEW-04")
def test_why_it_is_not_synchronised_is_said_in_words(console: Prepared, claire: TestClient) -> None:
    """Given a record in step, when it is edited, taken out, and its tiers deleted, then each is told, and the way out of it."""
    assert "les deux côtés concordent" in claire.get("/records/51").text
    assert "supprimé dans Sage 100" in claire.get("/records/115").text
    code = _company(console, 52).code or ""
    at = console.engine.store.clock()
    with console.engine.store.writing() as session:
        edit_company(session, 51, {"web_site": "www.neuf.example"}, Act(at=at, by="claire"))
        take_out(session, console.integration_id, Which(keys=(code,)), at=at, by="claire")
    edited, out = claire.get("/records/51").text, claire.get("/records/52").text
    assert "elle part à Sage 100 au prochain cycle" in edited
    assert "www.neuf.example" in edited
    assert "a sorti la fiche de la synchronisation" in out
    assert f"errors?state=taken_out&amp;text={code}" in out
    history = claire.get("/records/51/field", params={"name": "web_site"}).text
    assert "En attente du prochain cycle" in history
    assert "Saisi dans le CRM. (claire)" in history
    assert "www.neuf.example" in claire.get("/records/51/history?format=csv").text
    with console.engine.store.writing() as session:
        put_back(session, console.integration_id, Which(keys=(code,)), at=at, by="claire")


@pytest.mark.req("CRM-33")
def test_company_and_tiers_are_made_one_again(console: Prepared, claire: TestClient) -> None:
    with console.engine.store.writing() as session:
        account = session.scalars(select(Account).where(Account.company_id == 53)).one()
        account.short_name, account_id = "AILLEURS", account.id
    assert "AILLEURS" in claire.get("/records/53").text.partition('id="fiches"')[2]
    done = claire.post("/records/53/company_alignments")
    assert done.headers["location"] == "/records/53"
    assert _company(console, 53).short_name == "AILLEURS"
    with console.engine.store.writing() as session:
        session.get_one(Company, 53).short_name = "ICI"
    claire.post("/records/53/account_alignments")
    with console.engine.store.reading() as session:
        assert session.get_one(Account, account_id).short_name == "ICI"


def test_differences_are_brought_into_step_once_counted(console: Prepared, claire: TestClient) -> None:
    at, path = console.engine.store.clock(), f"/integrations/{console.integration_id}/differences"
    with console.engine.store.writing() as session:
        link = session.scalars(select(Link).where(Link.local_id == 54)).one()
        found = Difference(
            integration_id=console.integration_id,
            erp_key=link.erp_key,
            account_id=54,
            drift=Drift.VALUES,
            fields={"name": ["<i>A</i>", "B"]},
            found_at=at,
        )
        audit = Audit(
            integration_id=console.integration_id, started_at=at, ended_at=at, total=100, compared=100, differing=1
        )
        session.add_all([found, audit])
        code = link.erp_key
    page = claire.get(path).text
    assert "99 %" in page.replace("\u202f", " ").replace("\xa0", " ")
    assert "&lt;i&gt;A&lt;/i&gt;" in page
    claire.post(f"{path}/repairs", data={"all": "1", "counted": "2", "confirmation": "2", "_back": path})
    assert "un autre nombre" in claire.get(path).text
    claire.post(f"{path}/repairs", data={"all": "1", "counted": "1", "confirmation": "1"})
    with console.engine.store.writing() as session:
        assert session.scalars(select(Link.erp_version).where(Link.erp_key == code)).one() == "?"
        session.query(Difference).delete()
        session.query(Audit).delete()
