"""The Companies in the console: found, shown beside their tiers, changed, created in Sage 100, linked and parted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from syncengine.crm import edits, rights
from syncengine.cycle.act import Act
from syncengine.engine import Engine
from syncengine.model import Account, Company, Contact, Right, User
from tests.api.clients import person
from tests.api.conftest import clock, crm_on_sqlite, lone_app, lone_engine, quick_hashes, settings
from tests.console.browser import NARROW, looking, violations
from tests.console.prepared import Prepared

__all__ = ["clock", "crm_on_sqlite", "lone_app", "lone_engine", "quick_hashes", "settings"]

HOSTILE = "<script>alert(1)</script> '; DROP TABLE x;-- 100 %s %(n)s 𝔘 \u202e{{7*7}}"


def form(client: TestClient, path: str, **typed: str) -> Any:
    """What the browser sends with a form: the answer to it."""
    return client.post(path, data=typed, headers={"Sec-Fetch-Site": "same-origin"})


def seen(client: TestClient, company_id: int) -> str:
    """The mark of what the form of a Company showed."""
    page = client.get(f"/companies/{company_id}/edit").text
    found = re.search(r'name="seen" value="([^"]*)"', page)
    assert found is not None
    return found[1].replace("&#34;", '"')


def company(engine: Engine, name: str, **values: str) -> int:
    """A Company without tiers."""
    act = Act(at=engine.store.clock(), by=None)
    with engine.store.writing() as session:
        return edits.create_company(session, {"name": name, "company_type": "client", **values}, act).id


@pytest.fixture
def claire(console: Prepared) -> TestClient:
    """Somebody who works with the demonstration."""
    return person(console.app, "claire")


@pytest.mark.req("CRM-28")
def test_a_company_is_made_changed_and_deleted(lone_app: FastAPI, lone_engine: Engine) -> None:
    """What is typed is kept when it is refused, and written when it is not."""
    client = person(lone_app)
    refused = form(client, "/companies", name="", company_type="client", web_site="https://a.example")
    assert refused.status_code == 422
    assert 'id="name-wrong"' in refused.text
    assert 'value="https://a.example"' in refused.text

    made = form(client, "/companies", name="Atelier Nord", company_type="client")
    assert made.status_code == 303
    path = made.headers["location"]
    number = int(path.rpartition("/")[2])
    changed = form(client, path, name="Atelier Sud", seen=seen(client, number))
    assert changed.status_code == 303
    assert "Atelier Sud" in client.get(path).text

    assert form(client, f"{path}/deletion").headers["location"] == "/companies"
    assert client.get(path).status_code == 404


def test_a_change_of_somebody_else_is_not_written_over(lone_app: FastAPI, lone_engine: Engine) -> None:
    """The form comes back as typed, and saves when it is sent once more."""
    client = person(lone_app)
    number = company(lone_engine, "Atelier Nord")
    before = seen(client, number)
    form(client, f"/companies/{number}", name="Atelier Est", seen=before)
    late = form(client, f"/companies/{number}", name="Atelier Ouest", seen=before)
    assert late.status_code == 422
    assert 'value="Atelier Ouest"' in late.text
    with lone_engine.store.reading() as session:
        assert session.get_one(Company, number).name == "Atelier Est"


@pytest.mark.req("CRM-44")
def test_contacts_and_addresses_are_added_changed_and_removed(lone_app: FastAPI, lone_engine: Engine) -> None:
    """The first contact is the default one; another can be; what is refused stands beside its field."""
    client = person(lone_app)
    number = company(lone_engine, "Atelier Nord")
    path = f"/companies/{number}"
    nameless = form(client, f"{path}/contacts", last_name="", first_name="Luc")
    assert nameless.status_code == 422
    assert 'id="last_name-wrong"' in nameless.text
    assert 'value="Luc"' in nameless.text
    for name in ("Premier", "Second"):
        assert form(client, f"{path}/contacts", last_name=name, phone="01 02 03 04 05").status_code == 303
    assert form(client, f"{path}/addresses", street="1 rue du Port", town="Brest").status_code == 303
    with lone_engine.store.reading() as session:
        second = session.query(Contact.id).filter_by(last_name="Second").scalar()
    assert form(client, f"{path}/contacts/{second}/orders/default").status_code == 303
    assert form(client, f"{path}/contacts/{second}", last_name="Deuxième").status_code == 303
    with lone_engine.store.reading() as session:
        assert {one.last_name: one.is_default for one in session.query(Contact)} == {"Premier": False, "Deuxième": True}
    assert form(client, f"{path}/contacts/{second}/orders/removal").status_code == 303
    shown = client.get(path).text
    assert "Deuxième" not in shown
    assert "1 rue du Port" in shown
    other = company(lone_engine, "Une autre")
    assert client.get(f"/companies/{other}/contacts/{second - 1}").status_code == 404


def test_hostile_texts_are_harmless(lone_app: FastAPI, lone_engine: Engine) -> None:
    """They come back as they were typed, on the fiche, in the list and in the form."""
    client = person(lone_app)
    number = company(lone_engine, HOSTILE[:69], company_type=HOSTILE[:30])
    for path in (
        "/companies",
        f"/companies/{number}",
        f"/companies/{number}/edit",
        f"/companies/{number}/link?text=<b>",
    ):
        shown = client.get(path)
        assert shown.status_code == 200
        assert "<script>alert" not in shown.text
        assert "&lt;script&gt;alert(1)" in shown.text
    assert client.get("/companies", params={"text": "a\x00b"}).status_code == 422
    assert form(client, f"/companies/{number}", name="a\x00b", seen=seen(client, number)).status_code == 422


@pytest.mark.req("CRM-46")
def test_companies_are_found_by_words_status_and_free_field(claire: TestClient, console: Prepared) -> None:
    """The filter is in the address; the file holds all that match."""
    with console.engine.store.reading() as session:
        one = session.get_one(Company, 1)
    assert one.name is not None
    shown = claire.get("/companies", params={"text": one.code or ""})
    assert shown.text.count('<th scope="row">') == 1
    lines = claire.get("/companies", params={"format": "csv"}).text.splitlines()
    assert len(lines) > 60
    assert any(one.code in line for line in lines if one.code)
    by_free = claire.get("/companies", params={"free": "Origine", "value": "salon"})
    assert by_free.status_code == 200
    assert (
        'href="/companies/1"'
        in claire.get("/companies", params={"free": "Origine", "value": "Salon", "limit": 200}).text
    )
    unknown = claire.get("/companies", params={"free": "rien de tel", "value": "1"})
    assert unknown.status_code == 422
    assert 'id="problem"' in unknown.text


@pytest.mark.req("CRM-24", "CRM-30", "CRM-31")
def test_a_tiers_is_created_withdrawn_linked_reassigned_and_parted(claire: TestClient, console: Prepared) -> None:
    """The buttons of a Company without tiers, then of one that has one."""
    name = "Menuiserie du console"
    number, other = company(console.engine, name, code="CONSOLE01"), company(console.engine, f"{name} bis")
    path = f"/companies/{number}"
    with console.engine.store.reading() as session:
        account, code = session.query(Account.id, Account.code).filter_by(company_id=6).one()
    assert "Créer le tiers" in claire.get(path).text
    assert form(claire, f"{path}/tiers-creations").headers["location"] == path
    assert "Retirer la création" in claire.get(path).text
    form(claire, f"{path}/tiers-creations/withdrawal")

    assert form(claire, "/companies/6/link-breaks").status_code == 303
    with console.engine.store.reading() as session:
        assert session.get_one(Account, account).company_id is None
    assert (code or "-") in claire.get(f"{path}/link", params={"text": code}).text
    assert form(claire, f"{path}/links", account_id=str(account)).headers["location"] == path
    assert "Rompre le lien" in claire.get(path).text

    reassigned = form(claire, f"{path}/reassignments", other_id=str(other))
    assert reassigned.headers["location"] == f"/companies/{other}"
    assert claire.get(path).status_code == 404
    form(claire, f"/companies/{other}/link-breaks")
    assert form(claire, "/companies/6/links", account_id=str(account)).status_code == 303
    form(claire, f"/companies/{other}/deletion")


@pytest.mark.req("CRM-33")
def test_company_and_tiers_that_differ_are_aligned(claire: TestClient, console: Prepared) -> None:
    """The fiche marks the field, and one click copies one over the other."""
    with console.engine.store.writing() as session:
        one = session.get_one(Company, 4)
        one.contact_person, before = "Autrement", one.contact_person
    assert "diffère" in claire.get("/companies/4").text
    assert form(claire, "/companies/4/alignments", target="company").status_code == 303
    with console.engine.store.reading() as session:
        assert session.get_one(Company, 4).contact_person == before
    assert "diffère" not in claire.get("/companies/4").text


@pytest.mark.req("CRM-61")
def test_a_right_that_was_withdrawn_takes_its_button_away(console: Prepared) -> None:
    """And the order is refused to whoever sends it all the same."""
    client = person(console.app, "luc")
    with console.engine.store.writing() as session:
        luc = session.query(User.id).filter_by(login="luc").scalar()
        rights.withdraw(session, luc, Right.BREAK_LINK, at=console.engine.store.clock())
    shown = client.get("/companies/1").text
    assert "Rompre le lien" not in shown
    assert "Réaffecter une autre société" in shown
    form(client, "/companies/1/link-breaks")
    with console.engine.store.reading() as session:
        assert session.query(Account).filter_by(company_id=1).one().is_main


def test_the_pages_of_a_company_in_a_browser(console: Prepared, browser: Browser) -> None:
    """At 390 px and in the dark nothing keeps people from using them, and nothing runs over the edge."""
    paths = [
        "/companies",
        "/companies/1",
        "/companies/1/edit",
        "/companies/1/link?text=da",
        "/companies/1/contacts/new",
    ]
    with looking(browser, console.url, [console.session("admin")], size=NARROW, theme="dark") as page:
        for path in paths:
            page.goto(path)
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
