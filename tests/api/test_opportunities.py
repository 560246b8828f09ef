"""/opportunities: entered, and the documents of Sage 100 attached to them, read over the real gateway (CRM-56, CRM-57, CRM-60)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from api.app import create_app
from gateway.database import open_database, writing
from gateway.sage import F_DOCENTETE
from syncengine.model import Account, Company, Integration
from syncengine.sync import synchronise
from tests.api.clients import items, person, problem, walk
from tests.crm_bases import lay
from tests.syncengine import records
from tests.syncengine.fleet import Fleet, fleet

ANY = {"If-Match": "*"}
OPPORTUNITIES = "/api/v1/opportunities"


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A small ERP with many documents, synchronised."""
    folder = tmp_path_factory.mktemp("bought")
    with fleet(folder, lay(f"sqlite:///{folder / 'crm.db'}"), size=1, tiers=6) as made:
        synchronise(made.engine, made.ids[0], screen=False)
        yield made


@pytest.fixture
def claire(bought: Fleet) -> TestClient:
    """Somebody who sells; and an administrator, for rules."""
    return person(create_app(bought.engine), "chef", administrator=True)


DOCUMENTS = (("DE", 0, "1500.50"), ("DE", 0, "200"), ("BC", 1, "1000"), ("BA", 5, "100"))


@pytest.fixture(scope="module")
def client(bought: Fleet) -> int:
    """The Company of a client with two quotes, an order and a credit note of this year."""
    with bought.engine.store.reading() as session:
        account = session.scalars(select(Account).where(Account.type == "client", Account.is_main)).first()
        assert account is not None
        code, company_id = account.code, account.company_id
    sage = open_database(f"sqlite:///{Path(str(bought.engine.store.url.database)).parent / 'sage.db'}")
    with writing(sage) as connection:
        rows = connection.execute(select(F_DOCENTETE.c.cbMarq).where(F_DOCENTETE.c.DO_Domaine == 0)).all()
        connection.execute(update(F_DOCENTETE).values(DO_Tiers="AUTRE"))
        for number, (row, (_, kind, total)) in enumerate(zip(rows, DOCUMENTS, strict=False), 1):
            at = bought.engine.store.clock().replace(tzinfo=None, day=min(number, 20))
            values = {"DO_Type": kind, "DO_Piece": f"P{number}", "DO_Tiers": code, "DO_TotalHT": Decimal(total)}
            values |= {"DO_Date": at, "DO_Devise": 0, "DO_Coord01": "Société X" if number == 1 else ""}
            connection.execute(update(F_DOCENTETE).where(F_DOCENTETE.c.cbMarq == row.cbMarq).values(values))
    sage.dispose()
    return company_id or 0


def opened(claire: TestClient, company_id: int, **values: Any) -> str:
    """An opportunity's address."""
    answer = claire.post(OPPORTUNITIES, json={"company_id": company_id, "title": "Vitrine", **values})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def test_an_opportunity_is_made_found_changed_and_deleted(claire: TestClient, client: int) -> None:
    path = opened(claire, client, forecast="1234.50", expected_close="2027-01-31", currency="eur")
    found = claire.get(path)
    assert {name: found.json()[name] for name in ("stage", "forecast", "currency", "expected_close")} == {
        "stage": "open",
        "forecast": "1234.50",
        "currency": "EUR",
        "expected_close": "2027-01-31",
    }
    changed = claire.patch(
        path, json={"stage": "lost", "title": "Vitrine <b>"}, headers={"If-Match": found.headers["etag"]}
    )
    assert (changed.json()["stage"], changed.json()["title"], changed.json()["forecast"]) == (
        "lost", "Vitrine <b>", "1234.50",
    )  # fmt: skip
    for wrong, code in (
        ({"stage": "x"}, "unknown_value"),
        ({"title": " "}, "field_required"),
        ({"title": "t" * 121}, "too_long"),
        ({"owner_id": 999}, "unknown_user"),
        ({"forecast": "-1"}, "unknown_value"),
        ({"quote_total": "1"}, "body_invalid"),
    ):
        assert problem(claire.patch(path, json=wrong, headers=ANY), 422) == code, wrong
    assert problem(claire.post(OPPORTUNITIES, json={"company_id": 999, "title": "X"}), 404) == "company_unknown"
    assert problem(claire.patch(path, json={"title": "X"}), 428) == "version_missing"
    assert [one["title"] for one in items(walk(claire, OPPORTUNITIES, stage="lost", text="vitrine"))] == ["Vitrine <b>"]
    assert claire.delete(path, headers=ANY).status_code == 204
    assert problem(claire.get(path), 404) == "opportunity_unknown"


@pytest.mark.req("CRM-56")
def test_documents_are_attached_counted_hidden_and_read_again(claire: TestClient, client: int, bought: Fleet) -> None:
    path = opened(claire, client)
    available = items(walk(claire, f"{path}/available_documents", limit=3))
    assert sorted((one["type"], one["attached_id"]) for one in available) == [
        ("BA", None),
        ("BC", None),
        ("DE", None),
        ("DE", None),
    ]
    assert [one["number"] for one in items(walk(claire, f"{path}/available_documents", type="BC"))] == ["P3"]
    quotes = {"documents": [{"type": "DE", "number": "P1"}, {"type": "DE", "number": "P2"}]}
    tried = claire.post(f"{path}/documents", json={**quotes, "dry_run": True})
    assert (tried.status_code, items(walk(claire, f"{path}/documents"))) == (201, [])
    attached = claire.post(f"{path}/documents", json=quotes, headers={"Idempotency-Key": "k"}).json()
    assert (attached["totals"]["quote_total"], attached["totals"]["order_total"]) == ("1700.50", None)
    ids = {one["number"]: one["id"] for one in attached["documents"]}

    # Which ones count; an old one of no use is hidden.
    chosen = claire.patch(f"{path}/documents/{ids['P2']}", json={"counted": False}).json()
    assert chosen["totals"]["quote_total"] == "1500.50"
    assert claire.post(f"{path}/document_hidings", json={"before": "2000-01-01"}).json() == {"hidden": 0}
    assert claire.post(f"{path}/document_hidings", json={"before": "2999-01-01"}).json() == {"hidden": 1}
    assert [one["number"] for one in items(walk(claire, f"{path}/documents"))] == ["P1"]
    assert len(items(walk(claire, f"{path}/documents", hidden=True))) == 2
    assert "P2" not in [one["number"] for one in items(walk(claire, f"{path}/available_documents"))]

    # Orders and what was credited; forecast and stage follow where the integration says so.
    assert claire.get(path).json()["stage"] == "open"
    with bought.engine.store.writing() as session:
        session.execute(update(Integration).values(forecast_from_documents=True, won_from_order=True))
    orders = {"documents": [{"type": "BC", "number": "P3"}, {"type": "BA", "number": "P4"}]}
    totals = claire.post(f"{path}/documents", json=orders).json()["totals"]
    assert [(one["type"], one["total"]) for one in totals["types"]] == [
        ("DE", "1500.50"),
        ("BC", "1000.00"),
        ("BA", "-100.00"),
    ]
    shown = claire.get(path).json()
    assert [shown[name] for name in ("quote_total", "order_total", "forecast", "stage", "currency")] == [
        "1500.50", "900.00", "900.00", "won", "EUR",
    ]  # fmt: skip
    again = claire.post(f"{path}/document_refreshes").json()
    assert (again["totals"], again["missing"]) == (totals, [])
    (order,) = [one["id"] for one in again["documents"] if one["type"] == "BC"]
    assert claire.delete(f"{path}/documents/{order}").status_code == 204
    assert claire.get(f"{path}/totals").json()["order_total"] == "-100.00"

    unknown = {"documents": [{"type": "DE", "number": "NOWHERE"}]}
    assert problem(claire.post(f"{path}/documents", json=unknown), 404) == "document_unknown"
    assert problem(claire.patch(f"{path}/documents/999", json={"hidden": True}), 404) == "document_not_attached"
    assert problem(claire.post("/api/v1/opportunities/999/documents", json=unknown), 404) == "opportunity_unknown"


@pytest.mark.req("CRM-60")
def test_a_company_without_tiers_goes_by_a_generic_one(claire: TestClient, client: int, bought: Fleet) -> None:
    store, under = bought.engine.store, f"/api/v1/integrations/{bought.ids[0]}/generic_tiers"
    with store.writing() as session:
        code = session.scalar(select(Account.code).where(Account.company_id == client, Account.is_main))
        session.execute(update(Integration).values(etendue_enabled=False))
        lone = records.company(session, name="Société X en création", company_type="prospect").id
        supplier = session.scalar(select(func.min(Account.code)).where(Account.type == "supplier"))
    company = f"/api/v1/companies/{lone}"
    assert claire.get(f"{company}/generic_tiers").json() == {"chosen_id": None, "tied": None}
    assert problem(claire.get(f"{company}/entry_link"), 409) == "not_linked"
    for wrong, code_ in (
        ({"erp_key": "NOWHERE", "rule": "by_hand"}, "account_unknown"),
        ({"erp_key": code, "rule": "name", "value": "Z-A"}, "generic_rule_invalid"),
        ({"erp_key": code, "rule": "by_hand", "value": "x"}, "generic_rule_invalid"),
        ({"erp_key": code, "rule": "price_category", "value": "99"}, "unknown_value"),
    ):
        answer = claire.post(under, json=wrong)
        assert problem(answer, answer.status_code) == code_, wrong
    assert supplier is None or problem(claire.post(under, json={"erp_key": supplier, "rule": "by_hand"}), 409)
    made = claire.post(under, json={"erp_key": code, "rule": "name", "value": "p-t"})
    tied = claire.get(f"{company}/generic_tiers").json()["tied"]
    assert (tied["erp_key"], tied["rule"]) == (code, "name")
    by_hand = claire.post(under, json={"erp_key": code, "rule": "by_hand"}).json()
    chosen = claire.put(f"{company}/generic_tiers", json={"generic_tiers_id": by_hand["id"]}).json()
    assert (chosen["tied"]["generic_tiers_id"], chosen["tied"]["rule"]) == (by_hand["id"], "by_hand")
    assert (
        problem(claire.put(f"/api/v1/companies/{client}/generic_tiers", json={"generic_tiers_id": by_hand["id"]}), 409)
        == "already_linked"
    )

    # Its documents stand in for those of the Company, told apart by how the name begins.
    shown = items(walk(claire, f"{company}/generic_documents"))
    named = items(walk(claire, f"{company}/generic_documents", name_characters=9))
    assert (len(shown), [one["number"] for one in named]) == (4, ["P1"])
    sale = opened(claire, lone)
    found = items(walk(claire, f"{sale}/available_documents", name_characters=9))
    assert [one["number"] for one in found] == ["P1"]
    attached = claire.post(f"{sale}/documents", json={"documents": [{"type": "DE", "number": "P1"}]})
    assert attached.json()["totals"]["quote_total"] == "1500.50"

    # Without it the rule counts again; and where nothing fits, nothing is read.
    assert claire.delete(f"/api/v1/generic_tiers/{by_hand['id']}", headers=ANY).status_code == 204
    assert claire.get(f"{company}/generic_tiers").json()["tied"]["rule"] == "name"
    rule = made.headers["location"]
    changed = claire.patch(rule, json={"value": "A"}, headers={"If-Match": made.headers["etag"]})
    assert (changed.json()["value"], claire.get(f"{company}/generic_tiers").json()["tied"]) == ("A", None)
    assert problem(claire.get(f"{company}/generic_documents"), 409) == "not_linked"
    with store.reading() as session:
        assert session.get_one(Company, lone).generic_tiers_id is None


@pytest.mark.req("CRM-57", "CRM-61")
def test_a_quote_or_an_order_is_entered_in_sage_etendue(claire: TestClient, client: int, bought: Fleet) -> None:
    store, under = bought.engine.store, f"/api/v1/integrations/{bought.ids[0]}/generic_tiers"
    with store.writing() as session:
        code = session.scalar(select(Account.code).where(Account.company_id == client, Account.is_main))
        lone = records.company(session, name="Étoile", company_type="prospect").id
    assert claire.post(under, json={"erp_key": code, "rule": "name", "value": "e"}).status_code == 201
    company = f"/api/v1/companies/{lone}"
    assert problem(claire.get(f"{company}/entry_link"), 409) == "etendue_off"
    with store.writing() as session:
        values = {"etendue_enabled": True, "etendue_server": "etendue.local", "etendue_dossier": "BIJOU SA"}
        session.execute(update(Integration).values(values))
    link = claire.get(f"{company}/entry_link").json()
    assert link == {
        "url": f"https://etendue.local/BIJOU%20SA/documents/new?type=DE&tiers={code}",
        "type": "DE",
        "tiers": code,
        "generic": True,
    }
    with store.writing() as session:
        session.execute(update(Integration).values(etendue_order=True, etendue_server="javascript://x"))
    assert problem(claire.get(f"/api/v1/companies/{client}/entry_link"), 409) == "etendue_off"
    with store.writing() as session:
        session.execute(update(Integration).values(etendue_server="http://etendue.local:8080/"))
    own = claire.get(f"/api/v1/companies/{client}/entry_link").json()
    assert (own["type"], own["generic"], own["url"].partition("/BIJOU")[0]) == (
        "BC",
        False,
        "http://etendue.local:8080",
    )
    me = claire.get("/api/v1/session").json()["user_id"]
    claire.put(f"/api/v1/users/{me}/rights/etendue_entry", json={"granted": False})
    assert problem(claire.get(f"{company}/entry_link"), 403) == "right_withdrawn"
    claire.put(f"/api/v1/users/{me}/rights/etendue_entry", json={"granted": True})
