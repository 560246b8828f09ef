"""What the ERP refuses of one tiers: an error with its reason, which stops no other and ends when the reason does (CRM-49, G7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select

from gateway.clock import wall_clock
from gateway.demo.edits import delete_tiers, insert_tiers
from gateway.sage import F_COLLABORATEUR, F_COMPTET
from gateway.sage.defaults import stamped
from syncengine.crm.creation import cancel_creation, create_tiers
from syncengine.crm.edits import create_company, edit_company
from syncengine.model import CycleStatus
from tests.syncengine.world import World, world

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
def crowd(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """A synchronised base of 200 clients."""
    with world(tmp_path, sqlite_url, tiers=2, documents=0) as one:
        with one.erp() as connection:
            for number in range(200):
                insert_tiers(connection, f"T{number:03}", f"Client {number}")
        one.cycle()
        yield one


def refuse(made: World, code: str) -> None:
    """Have the ERP refuse the next write of that tiers: its new representative is gone there."""
    with made.store.writing() as session:
        values = {"representative": "12", "contact_person": "Essai"}
        edit_company(session, made.company(code)["id"], values, made.act())
    with made.erp() as connection:
        connection.execute(delete(F_COLLABORATEUR).where(F_COLLABORATEUR.c.CO_No == 12))


@pytest.mark.req("CRM-49")
def test_one_refused_among_two_hundred_stops_no_other(crowd: World) -> None:
    with crowd.store.writing() as session:
        for row in crowd.rows("companies"):
            if row["code"].startswith("T") and row["code"] != "T077":
                edit_company(session, row["id"], {"contact_person": "Tous"}, crowd.act())
    refuse(crowd, "T077")

    report = crowd.cycle()

    assert (report.status, report.counts.sent, report.counts.refused_by_erp) == (CycleStatus.WARNING, 199, 1)
    with crowd.erp() as connection:
        assert connection.scalar(select(func.count()).where(F_COMPTET.c.CT_Contact == "Tous")) == 199
    (error,) = crowd.rows("sync_errors")
    assert (error["erp_key"], error["side"], error["code"]) == ("T077", "erp", "unknown_representative")
    assert error["field"] == "Representative"
    assert "12" in error["message"]
    assert error["remedy"]
    assert error["local_id"] == crowd.account("T077")["id"]


@pytest.mark.req("CRM-49")
@pytest.mark.parametrize("representative", ["1", ""], ids=["corrected", "taken back"])
def test_an_error_ends_when_the_refused_value_is_corrected_or_taken_back_in_the_crm(
    made: World, representative: str
) -> None:
    refuse(made, "ACME")
    made.cycle()
    (error,) = made.rows("sync_errors")
    assert (error["state"], made.erp_row("ACME")["CT_Contact"]) == ("open", "")

    with made.store.writing() as session:
        edit_company(session, made.company("ACME")["id"], {"representative": representative}, made.act())
    report = made.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    assert (made.erp_row("ACME")["CO_No"], made.erp_row("ACME")["CT_Contact"]) == (int(representative or 0), "Essai")
    (error,) = made.rows("sync_errors")
    assert error["state"] == "resolved"
    assert made.cycle().counts.sent == 0


@pytest.mark.req("CRM-49")
def test_an_error_ends_when_all_that_was_refused_is_taken_back(made: World) -> None:
    refuse(made, "ACME")
    made.cycle()

    with made.store.writing() as session:
        values = {"representative": "", "contact_person": ""}
        edit_company(session, made.company("ACME")["id"], values, made.act())
    report = made.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 0)
    (error,) = made.rows("sync_errors")
    assert error["state"] == "resolved"


@pytest.mark.req("CRM-06", "CRM-49")
def test_what_the_erp_refused_is_sent_again_with_each_refresh_of_the_parameters_and_not_before(made: World) -> None:
    refuse(made, "ACME")
    with made.store.writing() as session:
        new = create_company(session, {"name": "Neuve", "company_type": "client", "code": "SAL001"}, made.act()).id
        create_tiers(session, new, integration_id=made.integration_id, at=made.now(), by=None)
    made.cycle()
    with made.erp() as connection:
        back = stamped(F_COLLABORATEUR, wall_clock(), CO_No=12, CO_Nom="Gillet")
        connection.execute(insert(F_COLLABORATEUR), [back])
        delete_tiers(connection, "SAL001")
    assert made.cycle().counts.sent == 0

    made.later(minutes=31)
    report = made.cycle()

    assert (report.status, report.counts.sent, report.counts.created_in_erp) == (CycleStatus.SUCCESS, 1, 1)
    assert made.erp_row("ACME")["CO_No"] == 12
    assert {row["state"] for row in made.rows("sync_errors")} == {"resolved"}


@pytest.mark.req("CRM-23", "CRM-49")
def test_a_refused_creation_is_not_tried_again_before_something_changed(made: World) -> None:
    with made.store.writing() as session:
        new = create_company(session, {"name": "Neuve", "company_type": "client", "code": "SAL001"}, made.act()).id
        create_tiers(session, new, integration_id=made.integration_id, at=made.now(), by=None)

    made.cycle()
    made.cycle()

    (error,) = made.rows("sync_errors")
    assert (error["code"], error["attempts"], error["state"]) == ("code_in_use", 1, "open")
    with made.store.writing() as session:
        edit_company(session, new, {"code": "NEUVE"}, made.act())
    assert made.cycle().counts.created_in_erp == 1
    assert {row["state"] for row in made.rows("sync_errors")} == {"resolved"}


@pytest.mark.req("CRM-25", "CRM-49")
def test_a_second_company_refused_under_the_same_code_is_tried_once_too(made: World) -> None:
    with made.store.writing() as session:
        first = create_company(session, {"name": "Une", "company_type": "client", "code": "SAL001"}, made.act()).id
        create_tiers(session, first, integration_id=made.integration_id, at=made.now(), by=None)
    made.cycle()
    with made.store.writing() as session:
        cancel_creation(session, first, at=made.now(), by=None)
        edit_company(session, first, {"code": "UNE"}, made.act())
        second = create_company(session, {"name": "Deux", "company_type": "client", "code": "SAL001"}, made.act()).id
        create_tiers(session, second, integration_id=made.integration_id, at=made.now(), by=None)

    report = made.cycle()

    assert report.counts.refused_by_erp == 1
    (error,) = made.rows("sync_errors")
    (account,) = made.rows("accounts", company_id=second)
    assert (error["state"], error["local_id"]) == ("open", account["id"])
