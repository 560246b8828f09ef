"""The live tabs over HTTP: pages, files, types withheld, and an ERP that is down, disconnected or not this client's."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select, update
from starlette.testclient import TestClient

from api.app import create_app
from syncengine import integrations
from syncengine.access.scopes import Scope
from syncengine.model import Account, User
from tests.api.clients import items, nobody, person, problem, program, walk
from tests.syncengine.live_world import Looking, deaf_server, looking


@pytest.fixture
def live(tmp_path: Path, database_url: str) -> Iterator[Looking]:
    with looking(tmp_path, database_url) as made:
        yield made


@pytest.fixture
def lone(tmp_path: Path, crm_on_sqlite: str) -> Iterator[Looking]:
    with looking(tmp_path, crm_on_sqlite) as made:
        yield made


@pytest.fixture
def app(live: Looking) -> FastAPI:
    return create_app(live.engine)


@pytest.fixture
def lone_app(lone: Looking) -> FastAPI:
    return create_app(lone.engine)


def of_account(made: Looking, tab: str) -> str:
    return f"/api/v1/accounts/{made.account_id}/{tab}"


def of_company(made: Looking, tab: str = "documents") -> str:
    return f"/api/v1/companies/{made.company_id}/{tab}"


def table(client: TestClient, path: str, **query: str) -> list[list[str]]:
    answer = client.get(path, params=query, headers={"Accept": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=";"))


@pytest.mark.req("CRM-54", "CRM-55")
def test_every_tab_of_a_client(live: Looking, app: FastAPI) -> None:
    claire = person(app)
    solvency = claire.get(of_account(live, "solvency")).json()
    assert (solvency["accounting_balance"], solvency["credit_limit"]) == ("50.000000", "1000.000000")
    assert (solvency["base_currency"], solvency["blocked"], solvency["read_at"][-1]) == ("EUR", False, "Z")

    months = claire.get(of_account(live, "cumulated_figures")).json()["items"]
    march = next(month for month in months if month["period_start"] == "2026-03-01")
    assert march["turnover"] == "140.750000"

    entries = walk(claire, of_account(live, "entries"), limit=1, sort="journal")
    assert [entry["journal"] for entry in items(entries)] == ["BQ", "VTE"]
    assert entries[0].json()["total"] == 2

    documents = walk(claire, of_company(live), limit=3)
    assert [page.json()["total"] for page in documents] == [7, 7, 7]
    numbers = [one["number"] for one in items(documents)]
    assert numbers == ["MDE1", "MBC2", "MBC1", "MFC2", "MFC1", "MFA1", "MFC3"]
    assert items(walk(claire, of_account(live, "documents"))) == items(documents)

    wanted = {"type": ["FA", "BC"], "from": "2026-03-01", "to": "2026-03-07", "search": "=ref"}
    assert [one["number"] for one in items(walk(claire, of_company(live), **wanted))] == ["MBC1", "MFA1"]

    lines = walk(claire, of_account(live, "sales_lines"), limit=5, sort="article", descending="true")
    assert [line["article"] for line in items(lines)] == [*(f"ART{number}" for number in range(6, -1, -1)), "ART0"]
    assert items(lines)[0]["quantity"] == "2.000000"

    whole = claire.get(of_company(live, "documents/FA/MFA1")).json()
    assert [line["amount_before_tax"] for line in whole["lines"]] == ["100.500000", "20.000000"]
    assert claire.get(of_account(live, "documents/FA/MFA1")).json() | {"read_at": ""} == whole | {"read_at": ""}


@pytest.mark.req("CRM-54", "CRM-55")
def test_the_whole_list_as_a_file_for_a_spreadsheet(lone: Looking, lone_app: FastAPI) -> None:
    claire = person(lone_app)
    heading, *rows = table(claire, of_company(lone), sort="date", limit="2")
    assert len(rows) == 7
    first = dict(zip(heading, rows[0], strict=True))
    assert (first["N° pièce"], first["Date"], first["Total HT"], first["Clôturé"]) == (
        "MFC3",
        "31/12/2025",
        "7,00",
        "non",
    )
    assert first["Référence"] == "'=REF3"  # what was typed in Sage 100 is no formula here

    heading, *rows = table(claire, of_account(lone, "sales_lines"), type="FA")
    assert [row[heading.index("Désignation")] for row in rows] == ["Vis; « M8 »"] * 2
    assert [row[heading.index("Prix unitaire HT")] for row in rows] == ["50,25", "10,00"]
    assert len(table(claire, of_account(lone, "entries"))) == 3
    answer = claire.get(of_account(lone, "cumulated_figures"), params={"format": "csv"})
    assert answer.headers["content-disposition"] == 'attachment; filename="cumuls-MAIN.csv"'
    assert "01/03/2026;31/03/2026;60,00;10,00;50,00;140,75;281,50" in answer.text


@pytest.mark.req("CRM-55")
def test_documents_a_user_may_not_see_are_refused_before_anything_is_asked(lone: Looking, lone_app: FastAPI) -> None:
    paul = person(lone_app, "paul")
    with lone.engine.store.writing() as session:
        session.execute(update(User).where(User.login == "paul").values(document_types=["FA"]))
    assert [one["number"] for one in items(walk(paul, of_company(lone)))] == ["MFA1"]
    assert len(table(paul, of_account(lone, "sales_lines"))) == 3
    for path in (of_company(lone, "documents/BC/MBC1"), of_account(lone, "documents/BC/ABSENT")):
        assert problem(paul.get(path), 403) == "document_type_withheld"
    assert problem(paul.get(of_company(lone), params={"type": "BC"}), 403) == "document_type_withheld"


@pytest.mark.req("CRM-54", "CRM-36")
def test_who_may_not_read_hears_nothing_of_what_there_is(lone: Looking, lone_app: FastAPI) -> None:
    robot = program(lone_app, Scope.SYNC)
    for path in (of_account(lone, "solvency"), "/api/v1/accounts/999999/solvency", of_company(lone)):
        assert problem(nobody(lone_app).get(path), 401) == "not_signed_in"
        assert problem(robot.get(path), 403) == "scope_missing"
    claire = person(lone_app)
    assert problem(claire.get("/api/v1/accounts/999999/solvency"), 404) == "account_unknown"
    assert problem(claire.get("/api/v1/companies/999999/documents"), 404) == "company_unknown"
    assert problem(claire.get(of_account(lone, "documents/FA/ABSENT")), 404) == "document_unknown"
    assert problem(claire.get(of_account(lone, "documents/XX/MFA1")), 404) == "not_found"
    assert problem(claire.get(of_account(lone, "documents/FA/%00")), 404) == "not_found"
    for query, code in (
        ({"sort": "price"}, "parameter_invalid"),
        ({"limit": "501"}, "parameter_invalid"),
        ({"type": "XX"}, "parameter_invalid"),
        ({"colour": "red"}, "parameter_unknown"),
        ({"cursor": "eyJ4"}, "cursor_invalid"),
    ):
        assert problem(claire.get(of_company(lone), params=query), 400) == code
    assert problem(claire.get(of_company(lone), params={"search": "x" * 61}), 422) == "too_long"


@pytest.mark.req("CRM-54")
def test_a_supplier_has_no_live_tabs(lone: Looking, lone_app: FastAPI) -> None:
    with lone.engine.store.reading() as session:
        supplier = session.scalar(select(Account.id).where(Account.type == "supplier").limit(1))
    if supplier is None:
        with lone.engine.store.writing() as session:
            session.execute(update(Account).where(Account.id == lone.account_id).values(type="supplier"))
        supplier = lone.account_id
    for tab in ("solvency", "cumulated_figures", "entries", "documents", "sales_lines"):
        assert problem(person(lone_app).get(f"/api/v1/accounts/{supplier}/{tab}"), 409) == "not_a_client"


@pytest.mark.req("CRM-54", "CRM-58")
def test_an_erp_that_is_down_slow_or_disconnected(lone: Looking, lone_app: FastAPI) -> None:
    claire, path = person(lone_app), of_account(lone, "documents")
    lone.world.set(url="http://127.0.0.1:9/")
    for _ in range(4):
        answer = claire.get(path)
        assert problem(answer, 503) == "erp_unreachable"
        assert answer.json()["retry"]
        assert "since" in answer.json()["detail"]
        assert answer.json()["remedy"]
    assert problem(claire.get(path, params={"format": "csv"}), 503) == "erp_unreachable"
    with deaf_server() as url:
        lone.world.set(url=url, timeout_s=1)
        assert problem(claire.get(of_account(lone, "solvency")), 503) == "erp_unreachable"

    lone.world.set(url=lone.world.gateway.url, erp_password=lone.engine.secrets.encrypt(SecretStr("faux")))
    assert problem(claire.get(path), 502) == "credentials_refused"

    with lone.engine.store.writing() as session:
        integrations.disconnect(session, lone.world.integration_id, at=lone.world.now())
    assert problem(claire.get(path), 409) == "integration_disconnected"


@pytest.mark.req("CRM-59")
def test_figures_read_in_sql_beside_what_the_crm_knows(live: Looking, app: FastAPI) -> None:
    claire = person(app)
    assert problem(claire.get("/api/v1/infos_flash"), 409) == "direct_read_off"
    url = SecretStr(live.world.sage.url.render_as_string(hide_password=False))
    live.world.set(sql_url=live.engine.secrets.encrypt(url))

    lines = items(walk(claire, "/api/v1/infos_flash", limit=2))
    mine = next(line for line in lines if line["code"] == "MAIN")
    assert (mine["company_id"], mine["territory"], mine["figures"]["turnover_current"]) == (
        live.company_id,
        "Monde",
        "140.75",
    )
    ranked = items(walk(claire, "/api/v1/infos_flash", limit=2, sort="order_book"))
    assert [float(line["figures"]["order_book"]) for line in ranked] == sorted(
        (float(line["figures"]["order_book"]) for line in lines), reverse=True
    )
    totals = claire.get("/api/v1/infos_flash/totals", params={"by": "company_type"}).json()["items"]
    assert sum(group["companies"] for group in totals) == len(lines)

    heading, *rows = table(claire, "/api/v1/infos_flash")
    assert len(rows) == len(lines)
    assert next(row for row in rows if row[0] == "MAIN")[heading.index("CA N")] == "140,75"
    assert problem(claire.get("/api/v1/infos_flash", params={"integration_id": 99}), 404) == "integration_unknown"
    live.world.set(sql_url=live.engine.secrets.encrypt(SecretStr("sqlite:////nowhere/sage.db")))
    assert problem(claire.get("/api/v1/infos_flash"), 503) == "erp_unreachable"
