"""What people do about errors, conflicts and cycles, through to the ERP and back over HTTP (CRM-49..51, NEW-03, NEW-04)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from gateway.demo.edits import delete_contact, edit_contact, edit_tiers, insert_contact, insert_delivery, insert_tiers
from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import add_contact, create_company, edit_company, remove_contact
from syncengine.cycle.act import Act
from syncengine.cycle.run import Order, Report
from syncengine.desk.analysis import Severity, analysis
from syncengine.desk.error_choice import Which
from syncengine.desk.error_desk import edit_and_retry, put_back, retry, take_out
from syncengine.desk.error_sheet import error_sheet, sync_errors
from syncengine.desk.explanation import Standing, explain
from syncengine.model import CycleStatus, Side, SyncErrorState
from tests.syncengine.world import World, world

UNKNOWN_CATEGORY = 9


@pytest.fixture
def made(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A base of 8 tiers and one with two contacts and an address, after its first synchronisation."""
    with world(tmp_path, database_url, tiers=8) as found:
        with found.erp() as connection:
            insert_tiers(connection, "BIJOU", "Bijou SA")
            insert_contact(connection, "BIJOU", "Bijoutier", CT_Telephone="01")
            insert_contact(connection, "BIJOU", "Partante")
            insert_delivery(connection, "BIJOU", "Dépôt", LI_Ville="Lyon")
        found.cycle()
        yield found


def act(made: World) -> Act:
    return Act(at=made.now(), by="claire")


def erp(made: World, code: str = "BIJOU") -> dict[str, Any]:
    """What the ERP holds of a tiers: columns people change, contacts with their phones, titles of its addresses."""
    with made.erp() as connection:
        tiers = connection.execute(select(F_COMPTET).where(F_COMPTET.c.CT_Num == code)).mappings().one()
        contacts = connection.execute(select(F_CONTACTT).where(F_CONTACTT.c.CT_Num == code)).mappings().all()
        titles = connection.scalars(select(F_LIVRAISON.c.LI_Intitule).where(F_LIVRAISON.c.CT_Num == code)).all()
    return {
        "name": tiers["CT_Intitule"],
        "site": tiers["CT_Site"] or "",
        "category": tiers["N_CatCompta"],
        "contacts": {row["CT_Nom"]: row["CT_Telephone"] or "" for row in contacts},
        "titles": sorted(titles),
    }


def number_of(connection: Connection, last_name: str) -> int:
    """The number of a contact in the ERP."""
    return int(connection.scalars(select(F_CONTACTT.c.CT_No).where(F_CONTACTT.c.CT_Nom == last_name)).one())


def crm(made: World, code: str = "BIJOU") -> dict[str, Any]:
    """The same of the CRM."""
    company = made.company(code)
    contacts = {row["id"]: row["last_name"] for row in made.children("contacts", code)}
    phones = {row["contact_id"]: row["number"] for row in made.children("phones", code) if row["kind"] == "phone"}
    return {
        "name": company["name"],
        "site": company["web_site"] or "",
        "category": int(company["accounting_category"]),
        "contacts": {name: phones.get(number, "") for number, name in contacts.items()},
        "titles": sorted(row["title"] for row in made.children("addresses", code) if row["kind"] == "delivery"),
    }


def undo(made: World, report: Report) -> Report:
    return made.cycle(Order(undoes=report.cycle_id, by="claire"))


@pytest.mark.req("NEW-04")
@pytest.mark.guarantees
def test_a_cycle_with_contacts_of_both_sides_is_taken_back_and_again(made: World) -> None:
    before = erp(made)
    rows = {row["last_name"]: row["id"] for row in made.children("contacts", "BIJOU")}
    with made.store.writing() as session:
        company_id = made.company("BIJOU")["id"]
        edit_company(session, company_id, {"web_site": "www.bijou.example"}, act(made))
        add_contact(session, company_id, {"last_name": "Du CRM", "phone": "03"}, act(made))
        remove_contact(session, rows["Partante"], act(made))
    with made.erp() as connection:
        edit_tiers(connection, "BIJOU", CT_Intitule="Bijou et fils")
        edit_contact(connection, number_of(connection, "Bijoutier"), CT_Telephone="02")
        insert_contact(connection, "BIJOU", "Du Sage", CT_Telephone="04")
        insert_delivery(connection, "BIJOU", "Quai", LI_Ville="Sète")
        insert_tiers(connection, "VENU", "Venu avec")
    wrong = made.cycle()
    after = erp(made)
    assert after == crm(made)
    assert after["contacts"] == {"Bijoutier": "02", "Du CRM": "03", "Du Sage": "04"}

    undone = undo(made, wrong)

    assert (undone.status, undone.problem) == (CycleStatus.SUCCESS, None)
    assert erp(made) == crm(made) == before
    assert made.rows("companies", code="VENU") == []
    quiet = made.cycle()
    assert (quiet.counts.sent, quiet.counts.changed, quiet.counts.arrived) == (0, 0, 0)
    assert erp(made, "VENU")["name"] == "Venu avec"

    again = undo(made, undone)
    assert erp(made) == crm(made) == after
    assert made.company("VENU")["name"] == "Venu avec"
    assert made.cycle().counts.sent == 0
    assert undo(made, again).status is CycleStatus.SUCCESS
    assert erp(made) == crm(made) == before


@pytest.mark.req("NEW-04")
def test_a_tiers_that_the_cycle_created_in_the_erp_stays_there(made: World) -> None:
    with made.store.writing() as session:
        new = create_company(session, {"name": "Neuve", "company_type": "client"}, act(made)).id
        edit_company(session, new, {"code": "NEUVE"}, act(made))
        create_tiers(session, new, integration_id=made.integration_id, at=made.now(), by=None)
    wrong = made.cycle()
    assert erp(made, "NEUVE")["name"] == "Neuve"

    undone = undo(made, wrong)

    assert (undone.status, undone.counts.left, undone.counts.undone) == (CycleStatus.WARNING, 1, 0)
    assert erp(made, "NEUVE")["name"] == made.company("NEUVE")["name"] == "Neuve"


@pytest.mark.req("CRM-49")
@pytest.mark.guarantees
@pytest.mark.parametrize("code", ["BIJOU", "NEUF"])
def test_what_the_crm_could_not_take_is_corrected_here_and_the_correction_reaches_the_erp(
    made: World, code: str
) -> None:
    with made.erp() as connection:
        if code == "NEUF":
            insert_tiers(connection, "NEUF", "Tout neuf")
        edit_tiers(connection, code, N_CatCompta=UNKNOWN_CATEGORY, CT_Site="www.sage.example")
    assert made.cycle().counts.refused == 1
    with made.store.writing() as session:
        (found,) = sync_errors(session, made.integration_id)
        refused = [line.path for line in error_sheet(session, found.id).lines if line.refused]
        edit_and_retry(session, found.id, {"accounting_category": "1"}, at=made.now(), by="claire")
    assert (refused, erp(made, code)["category"]) == (["accounting_category"], UNKNOWN_CATEGORY)

    report = made.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    assert erp(made, code) == crm(made, code)
    assert (crm(made, code)["category"], crm(made, code)["site"]) == (1, "www.sage.example")
    (error,) = made.rows("sync_errors")
    assert (error["state"], error["corrections"]) == ("resolved", None)
    assert made.cycle().counts.sent == 0


@pytest.mark.req("CRM-49", "NEW-01", "NEW-03")
@pytest.mark.guarantees
@pytest.mark.parametrize("policy", ["ask", "crm_wins", "erp_wins"])
def test_a_correction_is_a_decision_that_no_policy_overrides_and_nobody_is_asked_about(
    made: World, policy: str
) -> None:
    made.set(policies={"account.accounting_category": policy})
    former = crm(made)["category"]
    here, there, wanted = (str(one) for one in (former + 1, UNKNOWN_CATEGORY, former + 2))
    with made.store.writing() as session:
        edit_company(session, made.company("BIJOU")["id"], {"accounting_category": here}, act(made))
    with made.erp() as connection:
        edit_tiers(connection, "BIJOU", N_CatCompta=UNKNOWN_CATEGORY)
    assert made.cycle().counts.refused == 1
    assert (crm(made)["category"], erp(made)["category"]) == (int(here), UNKNOWN_CATEGORY)
    with made.store.writing() as session:
        (found,) = sync_errors(session, made.integration_id)
        edit_and_retry(session, found.id, {"accounting_category": wanted}, at=made.now(), by="claire")

    report = made.cycle()

    assert report.counts.sent == 1
    assert erp(made)["category"] == crm(made)["category"] == int(wanted)
    assert made.account("BIJOU")["accounting_category"] == wanted
    (conflict,) = made.rows("conflicts")
    assert conflict["state"] == "resolved"
    assert (conflict["rule"], conflict["erp_value"]) == (
        ("erp_wins", wanted) if policy == "erp_wins" else ("resolved", there)
    )
    again = made.cycle()
    assert (again.status, again.counts.sent, again.counts.changed) == (CycleStatus.SUCCESS, 0, 0)


@pytest.mark.req("CRM-49", "CRM-23")
def test_a_creation_that_the_erp_refused_is_corrected_in_the_crm_and_sent_again(made: World) -> None:
    # SAL001 is an employee in the ERP, which no pull tells of.
    with made.store.writing() as session:
        new = create_company(session, {"name": "Neuve", "company_type": "client"}, act(made)).id
        edit_company(session, new, {"code": "SAL001"}, act(made))
        create_tiers(session, new, integration_id=made.integration_id, at=made.now(), by=None)
    refusing = made.cycle()
    with made.store.reading() as session:
        (found,) = sync_errors(session, made.integration_id, side=Side.ERP)
        sheet = error_sheet(session, found.id)
        groups = [(one.severity, one.side, one.count) for one in analysis(session, refusing.cycle_id).groups]
    assert (refusing.counts.refused_by_erp, found.erp_key, found.local_id) == (
        1,
        f"#{made.account('SAL001')['id']}",
        made.account("SAL001")["id"],
    )
    assert [line.path for line in sheet.lines if line.refused] == ["code"]
    assert groups == [(Severity.ERROR, Side.ERP, 1)]
    assert made.cycle().counts.refused_by_erp == 0

    with made.store.writing() as session:
        assert retry(session, made.integration_id, Which(ids=(found.id,)), at=made.now()).done == 1
    assert made.cycle().counts.refused_by_erp == 1
    with made.store.writing() as session:
        edit_and_retry(session, found.id, {"code": "NEUVE"}, at=made.now(), by="claire")
    report = made.cycle()

    assert (report.status, report.counts.created_in_erp) == (CycleStatus.SUCCESS, 1)
    assert erp(made, "NEUVE")["name"] == "Neuve"
    assert [row["state"] for row in made.rows("sync_errors")] == ["resolved"]


@pytest.mark.req("CRM-50")
@pytest.mark.guarantees
def test_a_tiers_out_of_the_flow_is_left_alone_and_catches_up_when_it_is_put_back(made: World) -> None:
    with made.erp() as connection:
        insert_tiers(connection, "MAUVAIS", "Mauvais", N_CatCompta=UNKNOWN_CATEGORY)
    made.cycle()
    with made.store.writing() as session:
        out = take_out(session, made.integration_id, Which(keys=("BIJOU", "MAUVAIS")), at=made.now(), by="claire")
        edit_company(session, made.company("BIJOU")["id"], {"web_site": "www.crm.example"}, act(made))
    with made.erp() as connection:
        edit_tiers(connection, "BIJOU", CT_Intitule="Pendant ce temps")
        delete_contact(connection, number_of(connection, "Partante"))
        edit_tiers(connection, "MAUVAIS", N_CatCompta=1)
    meanwhile = made.cycle()

    assert (out.done, meanwhile.status, meanwhile.counts.changed, meanwhile.counts.sent) == (
        2,
        CycleStatus.SUCCESS,
        0,
        0,
    )
    assert (crm(made)["name"], erp(made)["site"]) == ("Bijou SA", "")
    assert made.rows("accounts", code="MAUVAIS") == []

    with made.store.writing() as session:
        assert put_back(session, made.integration_id, Which(everything=True), at=made.now(), by="claire").done == 2
    report = made.cycle()

    assert (report.status, report.counts.arrived, report.counts.sent) == (CycleStatus.SUCCESS, 1, 1)
    assert erp(made) == crm(made)
    assert (crm(made)["name"], crm(made)["site"]) == ("Pendant ce temps", "www.crm.example")
    assert sorted(crm(made)["contacts"]) == ["Bijoutier"]
    assert made.company("MAUVAIS")["name"] == "Mauvais"
    assert {row["state"] for row in made.rows("sync_errors")} == {SyncErrorState.RESOLVED}
    quiet = made.cycle()
    assert (quiet.counts.sent, quiet.counts.changed) == (0, 0)


@pytest.mark.req("NEW-03", "NEW-04", "CRM-51")
def test_who_won_and_what_waits_is_explained(made: World) -> None:
    made.set(policies={"account.contact_person": "ask"})
    company_id = made.company("BIJOU")["id"]
    with made.store.writing() as session:
        values = {"contact_person": "CRM", "web_site": "www.crm.example"}
        edit_company(session, company_id, values, act(made))
    with made.store.reading() as session:
        assert explain(session, company_id, "web_site").standing is Standing.WAITING
    with made.erp() as connection:
        edit_tiers(connection, "BIJOU", CT_Contact="Sage", CT_Site="www.sage.example")
    report = made.cycle()

    with made.store.reading() as session:
        asked, decided = (explain(session, company_id, path) for path in ("contact_person", "web_site"))
        found = {(one.code, one.field): one.severity for one in analysis(session, report.cycle_id).groups}
    assert (asked.standing, asked.account_value, asked.erp_value, asked.base_value) == (
        Standing.CONFLICT,
        "CRM",
        "Sage",
        None,
    )
    assert (decided.standing, decided.account_value, decided.erp_value) == (Standing.AGREED, *["www.sage.example"] * 2)
    (winner,) = [line for line in decided.writes if line.rule == "erp_wins"]
    assert (winner.before, winner.lost, winner.cycle_id) == ("www.crm.example", True, report.cycle_id)
    assert [(line.rule, line.by) for line in decided.writes[-2:]] == [("replicated", "claire"), ("edited", "claire")]
    assert found == {
        ("asked", "account.contact_person"): Severity.ANOMALY,
        ("erp_wins", "account.web_site"): Severity.INFORMATION,
    }
