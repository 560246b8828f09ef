"""What can happen to a write on its way: it happens once, and what became of it is known in the end (NEW-05, G4, G7, G9)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select

from contracts.client import GatewayClient
from gateway.demo.edits import delete_tiers, edit_tiers, insert_tiers
from gateway.sage import F_COMPTET, F_CONTACTT
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import add_contact, create_company, edit_company
from syncengine.cycle.pull import Patience
from syncengine.cycle.run import Report
from syncengine.model import CycleStatus
from tests.end_to_end.proxy import (
    Call,
    Proxy,
    Reply,
    Way,
    after,
    altered,
    cut_clean,
    cut_off,
    lost,
    proxy,
    stalled,
    twice,
    untouched,
)
from tests.gateway.live import PASSWORD, USER
from tests.syncengine.world import World, world

SEND = "ExecuteTransactions"
HASTE = Patience(attempts=3, first_s=0.01, longest_s=0.02)
ONCE = Patience(attempts=1)
pytestmark = pytest.mark.guarantees


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """A synchronised base with a client ACME."""
    with world(tmp_path, sqlite_url, tiers=2, documents=0) as one:
        with one.erp() as connection:
            insert_tiers(connection, "ACME", "Acme", CT_Site="www.acme.fr")
        one.cycle()
        yield one


@pytest.fixture
def between(made: World) -> Iterator[Proxy]:
    """What stands between both sides."""
    with proxy(made.gateway.url) as line:
        made.connect = partial(GatewayClient, line.url, USER, PASSWORD, timeout_s=10)
        made.patience = HASTE
        yield line


def work(made: World) -> None:
    """Of ACME a new name, one more contact; and a Company whose tiers is to be created."""
    with made.store.writing() as session:
        company = made.company("ACME")["id"]
        edit_company(session, company, {"name": "Acme SA"}, made.act())
        add_contact(session, company, {"last_name": "Nouveau"}, made.act())
        new = create_company(session, {"name": "Neuve", "company_type": "client", "code": "NEUVE"}, made.act()).id
        create_tiers(session, new, integration_id=made.integration_id, at=made.now(), by=None)


def happened_once(made: World, *reports: Report) -> None:
    """Assert that the ERP has each of these once, that both sides know it, and that nothing is left to do."""
    with made.erp() as connection:
        named = select(F_COMPTET.c.CT_Num, F_COMPTET.c.CT_Intitule).where(F_COMPTET.c.CT_Num.in_(("ACME", "NEUVE")))
        assert sorted(map(tuple, connection.execute(named))) == [("ACME", "Acme SA"), ("NEUVE", "Neuve")]
        count = select(func.count()).where(F_CONTACTT.c.CT_Nom == "Nouveau")
        assert connection.scalar(count) == 1
    assert [row["state"] for row in made.rows("outbox")] == ["done", "done"]
    assert made.account("NEUVE")["erp_state"] == "present"
    (contact,) = made.children("contacts", "ACME")
    assert contact["erp_key"]
    told = Counter(
        (line.field, line.after) for report in reports for line in made.journal(report) if line.side == "erp"
    )
    assert told["name", "Acme SA"] == told["name", "Neuve"] == 1
    assert max(told.values()) == 1
    again = made.cycle()
    assert again.status is CycleStatus.SUCCESS
    assert (again.counts.sent, again.counts.arrived, again.counts.changed) == (0, 0, 0)


@pytest.mark.req("CRM-01", "NEW-05")
@pytest.mark.parametrize("call", [1, 2], ids=["the changes", "the creation"])
@pytest.mark.parametrize("way", [lost, cut_off, cut_clean, twice], ids=lambda way: way.__name__)
def test_an_answer_that_does_not_arrive_is_asked_for_again_under_the_same_ids(
    made: World, between: Proxy, way: Way, call: int
) -> None:
    work(made)
    between.disturb(way, operation=SEND, only=call)

    report = made.cycle()

    assert (report.status, report.counts.sent, report.counts.created_in_erp) == (CycleStatus.SUCCESS, 1, 1)
    happened_once(made, report)


@pytest.mark.req("NEW-05")
@pytest.mark.parametrize("call", [1, 2], ids=["the changes", "the creation"])
@pytest.mark.parametrize("way", [lost, cut_clean, stalled], ids=lambda way: way.__name__)
def test_a_cycle_that_gives_up_leaves_its_writes_open_and_the_next_one_finishes_them(
    made: World, between: Proxy, way: Way, call: int
) -> None:
    work(made)
    made.patience = ONCE
    if way is stalled:
        made.connect = partial(GatewayClient, between.url, USER, PASSWORD, timeout_s=1.5)
    between.disturb(way, operation=SEND, only=call)

    failed = made.cycle()

    assert failed.status is CycleStatus.FAILURE
    assert [row["state"] for row in made.rows("outbox")] == ["sent"] if call == 1 else ["done", "sent"]
    happened_once(made, failed, made.cycle())


@pytest.mark.req("NEW-05")
def test_the_gateway_is_down_for_a_whole_cycle_while_writes_are_open(made: World, between: Proxy) -> None:
    work(made)
    made.patience = ONCE
    between.disturb(lost, operation=SEND, only=1)
    first = made.cycle()
    target, between.target = between.target, "http://127.0.0.1:9/"
    down = made.cycle()
    assert (down.status, down.problem and down.problem.problem_code) == (CycleStatus.FAILURE, "gateway_unreachable")
    assert [row["state"] for row in made.rows("outbox")] == ["sent"]

    between.target = target
    happened_once(made, first, down, made.cycle())


def without_result(number: int) -> Way:
    """The reply without the result at that place."""

    def cut(body: bytes) -> bytes:
        results = re.findall(rb"<TransactionResult>.*?</TransactionResult>", body, re.DOTALL)
        return body.replace(results[number], b"")

    return altered(cut)


@pytest.mark.req("NEW-05", "CRM-49")
@pytest.mark.parametrize("call", [1, 2], ids=["the changes", "the creation"])
def test_a_result_that_is_missing_is_asked_for_again_and_stops_no_other(made: World, between: Proxy, call: int) -> None:
    with made.erp() as connection:
        insert_tiers(connection, "BETA", "Beta")
    made.cycle()
    work(made)
    with made.store.writing() as session:
        edit_company(session, made.company("BETA")["id"], {"name": "Beta SA"}, made.act())
    between.disturb(without_result(0), operation=SEND, only=call)

    failed = made.cycle()

    assert (failed.status, failed.problem and failed.problem.problem_code) == (CycleStatus.FAILURE, "malformed_reply")
    assert made.erp_row("BETA")["CT_Intitule"] == "Beta SA"
    assert (failed.counts.sent, failed.counts.created_in_erp) == ((1, 1) if call == 1 else (2, 0))
    finished = made.cycle()
    assert finished.status is CycleStatus.SUCCESS
    made.rows("outbox")
    with made.erp() as connection:
        assert connection.scalar(select(func.count()).where(F_CONTACTT.c.CT_Nom == "Nouveau")) == 1
    assert {row["state"] for row in made.rows("outbox")} == {"done"}
    assert len(made.rows("accounts", name="Neuve")) == len(made.rows("links", erp_key="NEUVE")) == 1
    assert made.cycle().counts.sent == 0


@pytest.mark.req("NEW-05", "CRM-49")
def test_a_result_whose_tiers_cannot_be_read_is_done_all_the_same(made: World, between: Proxy) -> None:
    work(made)
    between.disturb(altered(lambda body: body.replace(b"<Modified>", b"<Modified>hier ")), operation=SEND)

    report = made.cycle()

    assert (report.status, report.counts.sent, report.counts.created_in_erp) == (CycleStatus.SUCCESS, 1, 1)
    assert made.company("ACME")["name"] == "Acme SA"
    between.calm()
    made.cycle()
    happened_once(made, report)


def edited_meanwhile(made: World, times: int) -> Way:
    """Somebody edits ACME in the ERP just before each of the first calls."""
    number = iter(range(times))

    def edit() -> None:
        if (one := next(number, None)) is not None:
            with made.erp() as connection:
                edit_tiers(connection, "ACME", CT_Contact=f"Sage {one}")

    return after(edit)


@pytest.mark.req("CRM-01", "NEW-01", "NEW-05")
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_tiers_that_moves_on_before_the_write_is_merged_again_once_and_then_waits(
    made: World, between: Proxy, times: int
) -> None:
    with made.store.writing() as session:
        edit_company(session, made.company("ACME")["id"], {"web_site": "www.crm.fr"}, made.act())
    between.disturb(edited_meanwhile(made, times), operation=SEND)

    report = made.cycle()

    assert report.counts.stale == min(times, 2)
    assert made.erp_row("ACME")["CT_Site"] == ("www.crm.fr" if times == 1 else "www.acme.fr")
    assert made.company("ACME")["web_site"] == "www.crm.fr"
    for _ in range(2):
        made.cycle()
    both = (made.erp_row("ACME")["CT_Contact"], made.company("ACME")["contact_person"])
    assert both == (f"Sage {times - 1}", f"Sage {times - 1}")
    assert made.erp_row("ACME")["CT_Site"] == made.company("ACME")["web_site"] == "www.crm.fr"


@pytest.mark.req("NEW-01", "NEW-05")
def test_a_tiers_that_moves_on_in_the_same_field_is_decided_by_its_policy(made: World, between: Proxy) -> None:
    with made.store.writing() as session:
        edit_company(session, made.company("ACME")["id"], {"contact_person": "CRM"}, made.act())
    between.disturb(edited_meanwhile(made, 1), operation=SEND)

    report = made.cycle()

    assert (report.counts.stale, report.counts.sent) == (1, 0)
    assert made.company("ACME")["contact_person"] == made.erp_row("ACME")["CT_Contact"] == "Sage 0"
    assert {"CRM", "Sage 0"} <= {text for line in made.journal(report) for text in (line.before, line.after)}


def gone_meanwhile(made: World) -> Way:
    """Somebody deletes ACME in the ERP just before the call."""

    def forget() -> None:
        with made.erp() as connection:
            delete_tiers(connection, "ACME")

    return after(forget)


@pytest.mark.req("CRM-32", "NEW-05")
def test_a_tiers_deleted_before_the_write_keeps_the_edit_until_it_is_back(made: World, between: Proxy) -> None:
    with made.store.writing() as session:
        edit_company(session, made.company("ACME")["id"], {"web_site": "www.crm.fr"}, made.act())
    between.disturb(gone_meanwhile(made), operation=SEND, only=1)

    report = made.cycle()

    assert (report.status, report.counts.refused_by_erp) == (CycleStatus.SUCCESS, 0)
    assert made.rows("sync_errors") == []
    made.cycle()
    assert (made.account("ACME")["erp_state"], made.company("ACME")["web_site"]) == ("deleted", "www.crm.fr")
    with made.erp() as connection:
        insert_tiers(connection, "ACME", "Acme", CT_Site="www.acme.fr")
    made.cycle()
    assert made.erp_row("ACME")["CT_Site"] == made.company("ACME")["web_site"] == "www.crm.fr"


def untimely(call: Call) -> Iterator[Reply | bytes]:
    """The reply to the call before, as from a cache."""
    if call.before is None:
        yield from untouched(call)
        return
    yield call.before
    yield call.before.body


@pytest.mark.req("NEW-05")
def test_the_answer_to_another_call_is_no_answer(made: World, between: Proxy) -> None:
    work(made)
    made.patience = ONCE
    between.disturb(untimely, operation=SEND)

    failed = made.cycle()

    assert (failed.status, failed.counts.created_in_erp) == (CycleStatus.FAILURE, 0)
    between.calm()
    happened_once(made, failed, made.cycle())


@pytest.mark.req("CRM-28", "NEW-05")
def test_an_edit_while_the_write_is_on_its_way_is_sent_with_the_next_cycle(made: World, between: Proxy) -> None:
    with made.store.writing() as session:
        edit_company(session, made.company("ACME")["id"], {"name": "Un", "contact_person": "Un"}, made.act())

    def edit_again() -> None:
        with made.store.writing() as session:
            values = {"name": "Deux", "short_name": "DEUX"}
            edit_company(session, made.company("ACME")["id"], values, made.act())

    between.disturb(after(edit_again), operation=SEND, only=1)

    made.cycle()

    row, company = made.erp_row("ACME"), made.company("ACME")
    assert (row["CT_Intitule"], row["CT_Contact"], row["CT_Raccourci"]) == ("Un", "Un", "")
    assert (company["name"], company["contact_person"], company["short_name"]) == ("Deux", "Un", "DEUX")
    assert made.cycle().counts.sent == 1
    row = made.erp_row("ACME")
    assert (row["CT_Intitule"], row["CT_Contact"], row["CT_Raccourci"]) == ("Deux", "Un", "DEUX")
    assert made.company("ACME")["name"] == "Deux"
