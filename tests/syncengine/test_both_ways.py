"""Both ways: what people change in the CRM reaches the ERP, merged field by field with what changed there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.demo.edits import edit_tiers, insert_contact
from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import add_address, add_contact, create_company, edit_company, edit_contact, remove_contact
from syncengine.cycle.act import Act
from syncengine.cycle.run import Order
from syncengine.desk.resolution import Own, Take, resolve
from syncengine.model import CycleKind, CycleStatus
from tests.syncengine.world import World, world


@pytest.fixture
def synchronised(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A base of 12 tiers after its first synchronisation."""
    with world(tmp_path, database_url) as made:
        made.cycle()
        yield made


def first_client(made: World) -> str:
    """A client of the ERP."""
    with made.erp() as connection:
        query = select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CT_Type == 0).order_by(F_COMPTET.c.cbMarq)
        return str(connection.scalars(query).first())


def in_erp(made: World, code: str) -> dict[str, object]:
    """The row of a tiers in the ERP."""
    with made.erp() as connection:
        return dict(connection.execute(select(F_COMPTET).where(F_COMPTET.c.CT_Num == code)).mappings().one())


def act(made: World) -> Act:
    """Somebody at work in the CRM."""
    return Act(at=made.now(), by="claire")


@pytest.mark.req("CRM-01", "CRM-08", "CRM-28")
@pytest.mark.guarantees
def test_an_edit_of_the_company_reaches_the_erp_and_does_not_come_back(synchronised: World) -> None:
    code = first_client(synchronised)
    company = synchronised.company(code)
    with synchronised.store.writing() as session:
        edit_company(session, company["id"], {"name": "Renommée SA", "phone": "0102030405"}, act(synchronised))

    report = synchronised.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    row = in_erp(synchronised, code)
    assert (row["CT_Intitule"], row["CT_Telephone"]) == ("Renommée SA", "0102030405")
    lines = {(line.side, line.field, line.before, line.rule) for line in synchronised.journal(report)}
    assert ("erp", "name", company["name"], "crm_changed") in lines
    again = synchronised.cycle()
    assert set(again.counts.as_dict().values()) <= {0, 1}
    assert (again.counts.sent, again.counts.changed, again.counts.unchanged) == (0, 0, 1)


@pytest.mark.req("NEW-01")
@pytest.mark.guarantees
def test_two_people_change_two_fields_of_one_tiers_and_both_edits_survive(synchronised: World) -> None:
    code = first_client(synchronised)
    with synchronised.store.writing() as session:
        edit_company(session, synchronised.company(code)["id"], {"web_site": "www.crm.example"}, act(synchronised))
    with synchronised.erp() as connection:
        edit_tiers(connection, code, CT_Contact="Comptabilité")

    report = synchronised.cycle()

    assert (report.counts.sent, report.counts.changed, report.counts.parked) == (1, 1, 0)
    row, company = in_erp(synchronised, code), synchronised.company(code)
    assert (row["CT_Site"], row["CT_Contact"]) == ("www.crm.example", "Comptabilité")
    assert (company["web_site"], company["contact_person"]) == ("www.crm.example", "Comptabilité")


@pytest.mark.req("NEW-01", "NEW-03")
@pytest.mark.parametrize(
    ("policy", "winner"), [("erp_wins", "ERP"), ("crm_wins", "CRM"), ("ask", None), ("most_recent", None)]
)
def test_two_people_change_the_same_field_and_the_policy_decides(
    synchronised: World, policy: str, winner: str | None
) -> None:
    code = first_client(synchronised)
    synchronised.set(policies={"account.contact_person": policy})
    with synchronised.store.writing() as session:
        edit_company(session, synchronised.company(code)["id"], {"contact_person": "CRM"}, act(synchronised))
    with synchronised.erp() as connection:
        edit_tiers(connection, code, CT_Contact="ERP")

    report = synchronised.cycle()

    found = (in_erp(synchronised, code)["CT_Contact"], synchronised.company(code)["contact_person"])
    (conflict,) = synchronised.rows("conflicts")
    assert (conflict["crm_value"], conflict["erp_value"]) == ("CRM", "ERP")
    if winner:
        assert found == (winner, winner)
        assert (conflict["state"], conflict["rule"], report.counts.decided) == ("resolved", policy, 1)
    else:
        assert found == ("ERP", "CRM")
        assert (conflict["state"], conflict["rule"], report.status) == ("open", "asked", CycleStatus.WARNING)
        assert synchronised.cycle().counts.parked == 0
        assert found == (in_erp(synchronised, code)["CT_Contact"], synchronised.company(code)["contact_person"])


@pytest.mark.req("CRM-38", "CRM-39", "CRM-41", "CRM-45")
def test_contacts_and_addresses_of_the_crm_are_made_changed_and_removed_in_the_erp(synchronised: World) -> None:
    code = first_client(synchronised)
    company_id = synchronised.company(code)["id"]
    with synchronised.erp() as connection:
        old = insert_contact(connection, code, "Ancien")
        kept = insert_contact(connection, code, "Gardé")
    synchronised.cycle()
    rows = {row["erp_key"]: row["id"] for row in synchronised.children("contacts", code)}
    with synchronised.store.writing() as session:
        add_contact(session, company_id, {"last_name": "Nouveau", "mobile": "0600000000"}, act(synchronised))
        add_address(
            session, company_id, {"street": "1 quai neuf", "town": "Sète", "postcode": "34200"}, act(synchronised)
        )
        edit_contact(session, rows[str(kept)], {"email": "garde@exemple.fr"}, act(synchronised))
        remove_contact(session, rows[str(old)], act(synchronised))

    report = synchronised.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    with synchronised.erp() as connection:
        contacts = connection.execute(select(F_CONTACTT).where(F_CONTACTT.c.CT_Num == code)).mappings().all()
        titles = connection.execute(select(F_LIVRAISON).where(F_LIVRAISON.c.LI_Ville == "Sète")).mappings().all()
    found = {row["CT_Nom"]: (row["CT_TelPortable"] or "", row["CT_EMail"] or "") for row in contacts}
    assert (found["Nouveau"], found["Gardé"]) == (("0600000000", ""), ("", "garde@exemple.fr"))
    assert "Ancien" not in found
    (address,) = [row for row in synchronised.children("addresses", code) if row["town"] == "Sète"]
    assert address["erp_key"] == str(titles[0]["LI_No"])
    assert address["title"] == titles[0]["LI_Intitule"] != ""
    assert all(row["erp_key"] for row in synchronised.children("contacts", code))
    assert synchronised.cycle().counts.sent == 0


@pytest.mark.req("CRM-25", "CRM-42")
def test_a_tiers_is_created_once_and_linked_with_the_copy_of_its_billing_address(synchronised: World) -> None:
    with synchronised.store.writing() as session:
        made = create_company(session, {"name": "Toute neuve", "company_type": "client"}, act(synchronised)).id
        add_address(session, made, {"street": "3 rue du port", "town": "Brest", "postcode": "29200"}, act(synchronised))
        add_contact(session, made, {"last_name": "Premier"}, act(synchronised))
        edit_company(session, made, {"code": "NEUVE1"}, act(synchronised))
        create_tiers(session, made, integration_id=synchronised.integration_id, at=synchronised.now(), by=None)

    report = synchronised.cycle()

    assert (report.status, report.counts.created_in_erp) == (CycleStatus.SUCCESS, 1)
    row, account = in_erp(synchronised, "NEUVE1"), synchronised.account("NEUVE1")
    assert (row["CT_Intitule"], row["CT_Ville"]) == ("Toute neuve", "Brest")
    assert (account["company_id"], account["erp_state"]) == (made, "present")
    kinds = sorted(address["kind"] for address in synchronised.children("addresses", "NEUVE1"))
    assert kinds == ["billing", "delivery"]
    assert len(synchronised.rows("links", erp_key="NEUVE1")) == 1
    again = synchronised.cycle()
    assert (again.counts.arrived, again.counts.changed, again.counts.sent) == (0, 0, 0)


@pytest.mark.req("NEW-04")
@pytest.mark.guarantees
def test_a_cycle_is_undone_on_both_sides_and_the_undo_is_undone(synchronised: World) -> None:
    code = first_client(synchronised)
    before = (in_erp(synchronised, code)["CT_Site"] or "", in_erp(synchronised, code)["CT_Contact"] or "")
    with synchronised.store.writing() as session:
        edit_company(session, synchronised.company(code)["id"], {"web_site": "www.crm.example"}, act(synchronised))
    with synchronised.erp() as connection:
        edit_tiers(connection, code, CT_Contact="Comptabilité")
    wrong = synchronised.cycle()

    undone = synchronised.cycle(Order(undoes=wrong.cycle_id, by="claire"))

    assert (undone.kind, undone.problem) == (CycleKind.UNDO, None)
    row, company = in_erp(synchronised, code), synchronised.company(code)
    assert (row["CT_Site"] or "", row["CT_Contact"] or "") == before
    assert (company["web_site"] or "", company["contact_person"] or "") == before
    assert synchronised.cycle().counts.sent == 0

    synchronised.cycle(Order(undoes=undone.cycle_id, by="claire"))
    row = in_erp(synchronised, code)
    assert (row["CT_Site"], row["CT_Contact"]) == ("www.crm.example", "Comptabilité")


@pytest.mark.req("NEW-03")
@pytest.mark.parametrize(
    ("take", "value"), [(Take.CRM, "CRM"), (Take.ERP, "ERP"), (Own(value="Ni l'un ni l'autre"), "Ni l'un ni l'autre")]
)
def test_a_parked_field_is_decided_and_both_sides_hold_the_decision(
    synchronised: World, take: Take | Own, value: str
) -> None:
    code = first_client(synchronised)
    synchronised.set(policies={"": "ask"})
    with synchronised.store.writing() as session:
        edit_company(session, synchronised.company(code)["id"], {"contact_person": "CRM"}, act(synchronised))
    with synchronised.erp() as connection:
        edit_tiers(connection, code, CT_Contact="ERP")
    synchronised.cycle()
    (conflict,) = synchronised.rows("conflicts")

    with synchronised.store.writing() as session:
        assert resolve(session, conflict["id"], take, at=synchronised.now(), by="claire").done == 1
    report = synchronised.cycle()

    assert report.status is CycleStatus.SUCCESS
    found = (in_erp(synchronised, code)["CT_Contact"], synchronised.company(code)["contact_person"])
    assert found == (value, value)
    (conflict,) = synchronised.rows("conflicts")
    assert (conflict["state"], conflict["closed_by"]) == ("resolved", "claire")
