"""Live queries: each tab as the ERP has it at that moment, for linked clients only, and nothing of it stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from contracts.tables import SUPPLIER
from gateway.demo.edits import insert_tiers
from gateway.sage import F_COMPTET
from gateway.views.words import TYPES
from syncengine import integrations
from syncengine.core.document_types import DOCUMENT_TYPES
from syncengine.errors import Disconnected, ErpUnreachable, InputRefused
from syncengine.model import Account, Base, Company, ErpState, Link, LinkState, User
from syncengine.rtdv import breaker, tabs, whom
from syncengine.rtdv.window import DocumentFilter, DocumentSort, LineSort, Span, Window
from tests.gateway.base import LONG_AGO
from tests.syncengine.live_world import CODE, Looking, deaf_server, looking, set_document

FIRST = Window()


@pytest.fixture
def live(tmp_path: Path, database_url: str) -> Iterator[Looking]:
    with looking(tmp_path, database_url) as made:
        yield made


@pytest.fixture
def lone(tmp_path: Path, crm_on_sqlite: str) -> Iterator[Looking]:
    """On SQLite alone: for what the CRM base takes no part in."""
    with looking(tmp_path, crm_on_sqlite) as made:
        yield made


def numbers(found: tabs.Found) -> list[str]:
    return [row.text("number") for row in found.rows]


def everything(made: Looking) -> dict[str, list[Any]]:
    with made.engine.store.reading() as session:
        return {name: list(session.execute(select(of))) for name, of in Base.metadata.tables.items()}


@pytest.mark.req("CRM-54")
def test_each_tab_tells_what_was_written_and_nothing_is_stored(live: Looking) -> None:
    before = everything(live)
    engine, client = live.engine, live.whom

    solvency = tabs.solvency(engine, client)
    assert (solvency["accounting_balance"], solvency["credit_limit"]) == (Decimal(50), Decimal(1000))
    assert (solvency["not_due"], solvency["overdue_more"]) == (Decimal(-10), Decimal(60))

    months = {row.day("period_start"): row for row in tabs.cumulated_figures(engine, client).rows}
    march = months[dt.date(2026, 3, 1)]
    assert [march[name] for name in ("debit", "credit", "balance", "turnover")] == [60, 10, 50, Decimal("140.75")]
    assert march["turnover_with_tax"] == Decimal("281.50")

    entries = tabs.entries(engine, client, FIRST)
    assert [(row.text("journal"), int(row.amount("debit") - row.amount("credit"))) for row in entries.rows] == [
        ("BQ", -10),
        ("VTE", 60),
    ]
    assert entries.total == 2

    documents = tabs.documents(engine, client, FIRST)
    assert numbers(documents) == ["MDE1", "MBC2", "MBC1", "MFC2", "MFC1", "MFA1", "MFC3"]

    lines = tabs.sales_lines(engine, client, Window(sort=LineSort.ARTICLE, size=3))
    assert [(row.text("article"), row["quantity"], row["unit_price"]) for row in lines.rows] == [
        ("ART0", 2, Decimal("50.25")),
        ("ART0", 2, 10),
        ("ART1", 2, Decimal("20.125")),
    ]
    assert lines.total == 8

    whole = tabs.document(engine, client, "FA", "MFA1")
    assert (whole["total_before_tax"], whole["total_with_tax"]) == (Decimal("120.50"), Decimal(241))
    assert [row["amount_before_tax"] for row in whole.many("lines")] == [Decimal("100.50"), 20]
    assert everything(live) == before


@pytest.mark.req("CRM-54")
def test_a_change_in_the_erp_is_seen_at_once(lone: Looking) -> None:
    assert tabs.document(lone.engine, lone.whom, "FA", "MFA1").text("reference") == "=REF0"
    with lone.world.erp() as erp:
        set_document(erp, "MFA1", DO_Ref="nouvelle")
    assert tabs.document(lone.engine, lone.whom, "FA", "MFA1").text("reference") == "nouvelle"


@pytest.mark.req("CRM-54", "CRM-55")
def test_lists_are_sorted_and_filtered_by_the_erp(lone: Looking) -> None:
    engine, client = lone.engine, lone.whom
    by_number = Window(sort=DocumentSort.NUMBER)
    assert numbers(tabs.documents(engine, client, by_number))[:3] == ["MBC1", "MBC2", "MDE1"]
    turned = Window(sort=DocumentSort.TYPE, descending=True, page=2, size=3)
    assert numbers(tabs.documents(engine, client, turned)) == ["MFA1", "MBC2", "MBC1"]

    for wanted, expected in (
        (DocumentFilter(types=frozenset({"BC", "DE"})), ["MDE1", "MBC2", "MBC1"]),
        (DocumentFilter(span=Span(last=dt.date(2025, 12, 31))), ["MFC3"]),
        (DocumentFilter(span=Span(first=dt.date(2026, 3, 8), last=dt.date(2026, 3, 8))), ["MBC2"]),
        (DocumentFilter(search=" =ref3 "), ["MFC3"]),
    ):
        assert numbers(tabs.documents(engine, client, FIRST, wanted)) == expected
        assert set(numbers(tabs.sales_lines(engine, client, FIRST, wanted))) == set(expected)

    pages = list(tabs.every_row(engine, client, lambda window: tabs.documents(engine, client, window), by_number))
    assert len(pages) == 7
    with pytest.raises(InputRefused) as refused:
        tabs.documents(engine, client, FIRST, DocumentFilter(search="x" * 61))
    assert refused.value.problem_code == "too_long"


@pytest.mark.req("CRM-55")
def test_the_administrator_chooses_the_types_a_user_sees(live: Looking) -> None:
    with live.engine.store.writing() as session:
        user = User(login="paul", name="Paul", document_types=["FA", "FC"], created_at=live.world.now())
        session.add(user)
        session.flush()
    client = live.seen_by(user.id)

    assert set(numbers(tabs.documents(live.engine, client, FIRST))) == {"MFA1", "MFC1", "MFC2", "MFC3"}
    assert set(numbers(tabs.sales_lines(live.engine, client, FIRST))) == {"MFA1", "MFC1", "MFC2", "MFC3"}
    for ask in (
        lambda: tabs.document(live.engine, client, "BC", "MBC1"),
        lambda: tabs.document(live.engine, client, "BC", "NONE"),
        lambda: tabs.documents(live.engine, client, FIRST, DocumentFilter(types=frozenset({"BC"}))),
    ):
        with pytest.raises(InputRefused) as refused:
            ask()
        assert refused.value.problem_code == "document_type_withheld"

    with live.engine.store.writing() as session:
        session.execute(update(User).where(User.id == user.id).values(document_types=[]))
    assert tabs.documents(live.engine, live.seen_by(user.id), FIRST).rows == []


@pytest.mark.req("CRM-55")
def test_a_document_of_another_tiers_is_as_one_that_is_not_there(lone: Looking) -> None:
    with lone.world.erp() as erp:
        insert_tiers(erp, "AUTRE", "Un autre", at=LONG_AGO)
        set_document(erp, "MDE1", DO_Tiers="AUTRE")

    told = []
    for number in ("MDE1", "ABSENT"):
        with pytest.raises(InputRefused) as refused:
            tabs.document(lone.engine, lone.whom, "DE", number)
        told.append((refused.value.problem_code, refused.value.message, refused.value.remedy))
    assert told[0] == told[1]
    assert told[0][0] == "document_unknown"
    with pytest.raises(InputRefused) as unknown:
        tabs.document(lone.engine, lone.whom, "XX", "MDE1")
    assert unknown.value.problem_code == "unknown_document_type"


REFUSALS: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
    ({"type": SUPPLIER}, {}, "not_a_client"),
    ({"is_main": False}, {}, "tiers_secondary"),
    ({"erp_state": ErpState.AWAITED}, {}, "creation_awaited"),
    ({"erp_state": ErpState.DELETED}, {"state": LinkState.VANISHED}, "tiers_gone"),
    ({"erp_state": ErpState.OUT_OF_SCOPE}, {}, "tiers_gone"),
    ({}, {"state": LinkState.TAKEN_OUT}, "tiers_taken_out"),
    ({}, {"entity": "gone"}, "not_linked"),
)


@pytest.mark.req("CRM-54")
def test_only_linked_clients_are_shown_and_each_other_is_told_why(live: Looking) -> None:
    for account, link, code in REFUSALS:
        with live.engine.store.writing() as session:
            of_link = (Link.entity == "account", Link.local_id == live.account_id)
            if account:
                session.execute(update(Account).where(Account.id == live.account_id).values(**account))
            if link:
                session.execute(update(Link).where(*of_link).values(**link))
            with pytest.raises(InputRefused) as refused:
                whom.of_account(session, live.account_id)
            session.rollback()
        assert refused.value.problem_code == code
        assert refused.value.remedy

    with live.engine.store.writing() as session:
        values = {"company_type": "prospect", "status": "active", "name": "Seul", "created_at": live.world.now()}
        made = session.execute(insert(Company).values(**values, updated_at=live.world.now()).returning(Company.id))
        company_id = made.scalar_one()
    with live.engine.store.reading() as session:
        assert whom.of_company(session, live.company_id).code == CODE
        for find, number, code in (
            (whom.of_company, company_id, "not_linked"),
            (whom.of_company, 10**9, "company_unknown"),
            (whom.of_account, 10**9, "account_unknown"),
        ):
            with pytest.raises(InputRefused) as refused:
                find(session, number)
            assert refused.value.problem_code == code


@pytest.mark.req("CRM-54")
def test_a_tiers_that_left_since_the_last_cycle_is_gone(lone: Looking) -> None:
    with lone.world.erp() as erp:
        erp.execute(update(F_COMPTET).where(F_COMPTET.c.CT_Num == CODE).values(CT_Num="PARTI"))
    with pytest.raises(InputRefused) as refused:
        tabs.solvency(lone.engine, lone.whom)
    assert refused.value.problem_code == "tiers_gone"


@pytest.mark.req("CRM-58", "CRM-54")
def test_nothing_is_read_while_the_base_is_released(live: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    tabs.solvency(live.engine, live.whom)
    client = live.whom  # looked up before somebody disconnected
    with live.world.gateway.client() as gateway:
        gateway.release_base()
        with pytest.raises(Disconnected):
            tabs.solvency(live.engine, client)
        gateway.reconnect_base()
    assert tabs.solvency(live.engine, client)["accounting_balance"] == 50

    # Somebody disconnects while a file is being read: not one page more.
    monkeypatch.setattr(tabs, "SIZE_MAX", 3)
    rows = tabs.every_row(live.engine, client, lambda window: tabs.documents(live.engine, client, window), FIRST)
    assert [next(rows).text("number") for _ in range(4)] == ["MDE1", "MBC2", "MBC1", "MFC2"]
    with live.engine.store.writing() as session:
        integrations.disconnect(session, live.world.integration_id, at=live.world.now())
    with pytest.raises(Disconnected):
        list(rows)
    with pytest.raises(Disconnected):
        _ = live.whom


@pytest.mark.req("CRM-54")
def test_an_erp_that_is_down_is_told_since_when_and_found_again(lone: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    at_home = lone.world.gateway.url
    lone.world.set(url="http://127.0.0.1:9/")
    began = lone.world.now()
    for _ in range(breaker.FAILURES):
        with pytest.raises(ErpUnreachable) as down:
            tabs.solvency(lone.engine, lone.whom)
    assert down.value.since is not None
    assert began - dt.timedelta(seconds=5) <= down.value.since
    assert "since" in down.value.message
    assert down.value.remedy

    made = lone.engine.lines._lines[lone.world.integration_id]
    monkeypatch.setattr(made, "_connect", lambda: pytest.fail("nobody asks while it is open"))
    made.close()
    with pytest.raises(ErpUnreachable) as still:
        tabs.solvency(lone.engine, lone.whom)
    assert still.value.since == down.value.since

    log = (lone.engine.settings.logs / f"integration-{lone.world.integration_id}.log").read_text("utf-8")
    assert log.count("live_query_failed") == breaker.FAILURES

    # Another address is another line: nothing of the former one counts.
    lone.world.set(url=at_home)
    assert tabs.solvency(lone.engine, lone.whom)["accounting_balance"] == 50


@pytest.mark.req("CRM-54")
def test_an_erp_that_hangs_costs_the_time_out_and_no_more(lone: Looking) -> None:
    with deaf_server() as url:
        lone.world.set(url=url, timeout_s=1)
        with pytest.raises(ErpUnreachable) as late:
            tabs.documents(lone.engine, lone.whom, FIRST)
    assert "did not answer within 1 s" in late.value.message
    assert late.value.may_retry


def test_the_types_of_the_contract_are_those_of_the_crm() -> None:
    assert tuple(DOCUMENT_TYPES) == TYPES
