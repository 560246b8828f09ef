"""Values on their way to the ERP that it writes otherwise, cannot hold, or knows otherwise: both sides still agree in the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select

from gateway.demo.edits import (
    add_free_field,
    delete_free_field,
    edit_tiers,
    insert_contact,
    insert_delivery,
)
from gateway.free_fields import FreeFieldKind
from gateway.sage import F_COLLABORATEUR, F_COMPTET, F_CONTACTT, F_LIVRAISON
from syncengine.crm.edits import add_contact, edit_address
from syncengine.model import CycleStatus
from tests.syncengine.acme import client, edit, in_erp, settled
from tests.syncengine.mortal import Gateways, gateways
from tests.syncengine.world import Clock, World, world


@pytest.fixture
def made(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A synchronised base with a client ACME that has a contact and two delivery addresses."""
    with world(tmp_path, database_url, tiers=2, documents=0) as one:
        client(one, "ACME")
        yield one


@pytest.fixture
def server(made: World) -> Iterator[Gateways]:
    """The gateway of that base, one that can be started anew."""
    with gateways() as one:
        made.gateway = one.serve(made.sage)
        yield one


@pytest.mark.req("NEW-01")
@pytest.mark.guarantees
def test_characters_that_sage_cannot_hold_stay_as_they_are_in_the_crm(made: World) -> None:
    edit(made, name="Łódź Handel 日本", contact_person="  Ana   María ")

    report = made.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    row = made.erp_row("ACME")
    assert (row["CT_Intitule"], row["CT_Contact"]) == ("Lódz Handel ??", "Ana María")
    assert made.company("ACME")["name"] == "Łódź Handel 日本"
    settled(made)
    in_erp(made, CT_Site="www.sage.fr")
    assert made.cycle().counts.sent == 0
    assert (made.company("ACME")["name"], made.company("ACME")["web_site"]) == ("Łódź Handel 日本", "www.sage.fr")
    in_erp(made, CT_Intitule="Lodz Handel")
    made.cycle()
    assert made.company("ACME")["name"] == made.erp_row("ACME")["CT_Intitule"] == "Lodz Handel"


@pytest.mark.req("CRM-37", "CRM-49")
def test_a_name_too_long_for_an_older_base_is_an_error_until_it_is_shorter(made: World, server: Gateways) -> None:
    with made.erp() as connection:
        for statement in ("RENAME COLUMN CT_Intitule TO CT_Old", "ADD COLUMN CT_Intitule VARCHAR(35) DEFAULT ''"):
            connection.exec_driver_sql(f"ALTER TABLE F_COMPTET {statement}")
        connection.exec_driver_sql("UPDATE F_COMPTET SET CT_Intitule = CT_Old")
        connection.exec_driver_sql("ALTER TABLE F_COMPTET DROP COLUMN CT_Old")
    server.serve(made.sage)
    edit(made, name="x" * 36, contact_person="Essai")

    report = made.cycle()

    (error,) = made.rows("sync_errors")
    assert (report.counts.refused_by_erp, error["code"], error["field"]) == (1, "too_long", "Name")
    assert made.erp_row("ACME")["CT_Contact"] == ""
    assert made.company("ACME")["name"] == "x" * 36
    edit(made, name="x" * 35)
    made.cycle()
    assert (made.erp_row("ACME")["CT_Intitule"], made.erp_row("ACME")["CT_Contact"]) == ("x" * 35, "Essai")
    (error,) = made.rows("sync_errors")
    assert error["state"] == "resolved"


@pytest.mark.req("CRM-37")
def test_a_field_that_an_older_base_does_not_have_stays_in_the_crm_and_stops_nothing(
    made: World, server: Gateways
) -> None:
    with made.erp() as connection:
        connection.exec_driver_sql("ALTER TABLE F_COMPTET DROP COLUMN CT_Raccourci")
    server.serve(made.sage)
    edit(made, short_name="ACME", contact_person="Essai")

    report = made.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    with made.erp() as connection:
        query = select(F_COMPTET.c.CT_Contact).where(F_COMPTET.c.CT_Num == "ACME")
        assert connection.scalar(query) == "Essai"
    assert made.cycle().counts.sent == 0


@pytest.mark.req("CRM-41", "CRM-49")
def test_an_address_title_that_the_erp_has_meanwhile_is_an_error_until_it_is_another(made: World) -> None:
    address = next(row for row in made.children("addresses", "ACME") if row["title"] == "Dépôt")
    with made.store.writing() as session:
        edit_address(session, address["id"], {"title": "Quai"}, made.act())
    with made.erp() as connection:
        insert_delivery(connection, "ACME", "QUAI", LI_Ville="Sète")

    report = made.cycle()

    (error,) = made.rows("sync_errors")
    assert (report.status, error["code"], error["field"]) == (CycleStatus.WARNING, "title_in_use", "Title")
    with made.store.writing() as session:
        edit_address(session, address["id"], {"title": "Quai n° 2"}, made.act())
    made.cycle()
    (error,) = made.rows("sync_errors")
    assert error["state"] == "resolved"
    titles = {row["title"] for row in made.children("addresses", "ACME") if row["kind"] == "delivery"}
    assert titles == made.column(F_LIVRAISON.c.LI_Intitule, "ACME") == {"Acme", "Quai n° 2", "QUAI"}
    settled(made)


@pytest.mark.req("CRM-39", "CRM-45")
@pytest.mark.guarantees
def test_the_same_contact_made_on_both_sides_is_one_contact_with_what_each_says(made: World) -> None:
    with made.store.writing() as session:
        values = {"last_name": "Durand", "first_name": "Zoé", "email": "zoe@exemple.fr"}
        add_contact(session, made.company("ACME")["id"], values, made.act())
    with made.erp() as connection:
        number = insert_contact(connection, "ACME", "DURAND", CT_Prenom="Zoe", CT_Telephone="0400000000")

    made.cycle()

    with made.erp() as connection:
        query = select(F_CONTACTT).where(F_CONTACTT.c.CT_Num == "ACME", F_CONTACTT.c.CT_No == number)
        row = connection.execute(query).mappings().one()
        count = select(func.count()).where(F_CONTACTT.c.CT_Num == "ACME")
        assert connection.scalar(count) == 2
    assert (row["CT_Telephone"], row["CT_EMail"]) == ("0400000000", "zoe@exemple.fr")
    (contact,) = [one for one in made.children("contacts", "ACME") if one["erp_key"] == str(number)]
    assert len(made.children("contacts", "ACME")) == 2
    numbers = {one["number"] for one in made.children("phones", "ACME") if one["contact_id"] == contact["id"]}
    assert numbers == {"0400000000"}
    settled(made)


@pytest.mark.req("CRM-40")
def test_a_payer_that_does_not_exist_comes_as_it_is_and_stops_no_write(made: World) -> None:
    in_erp(made, CT_NumPayeur="FANTOME")
    edit(made, contact_person="CRM")

    report = made.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    assert made.account("ACME")["payer"] == made.erp_row("ACME")["CT_NumPayeur"] == "FANTOME"
    assert made.erp_row("ACME")["CT_Contact"] == "CRM"
    settled(made)


def delete_representative(made: World, number: int) -> None:
    """A collaborateur is deleted in the ERP; tiers that name it keep its number."""
    with made.erp() as connection:
        connection.execute(delete(F_COLLABORATEUR).where(F_COLLABORATEUR.c.CO_No == number))


@pytest.mark.req("CRM-17", "CRM-49")
@pytest.mark.guarantees
def test_a_representative_deleted_in_the_erp_keeps_the_edits_of_both_sides_until_there_is_another(made: World) -> None:
    delete_representative(made, 3)
    in_erp(made, CT_Contact="Sage")
    edit(made, web_site="www.crm.fr")

    report = made.cycle()

    (error,) = made.rows("sync_errors", side="crm")
    assert (report.status, error["code"]) == (CycleStatus.WARNING, "unknown_representative")
    assert (made.company("ACME")["web_site"], made.company("ACME")["contact_person"]) == ("www.crm.fr", None)
    in_erp(made, CO_No=4)
    made.cycle()
    assert {row["state"] for row in made.rows("sync_errors")} == {"resolved"}
    row, company = made.erp_row("ACME"), made.company("ACME")
    assert (row["CT_Site"], row["CT_Contact"]) == ("www.crm.fr", "Sage")
    assert (company["web_site"], company["contact_person"], company["representative"]) == ("www.crm.fr", "Sage", "4")
    settled(made)


@pytest.mark.req("CRM-05", "CRM-32")
@pytest.mark.guarantees
def test_edits_of_a_tiers_that_became_an_employee_wait_until_it_is_a_client_again(made: World) -> None:
    edit(made, web_site="www.crm.fr")
    in_erp(made, CT_Type=2)

    made.cycle()

    assert (made.account("ACME")["erp_state"], made.company("ACME")["status"]) == ("out_of_scope", "inactive")
    assert made.erp_row("ACME")["CT_Site"] == "www.acme.fr"
    edit(made, contact_person="CRM")
    assert made.cycle().counts.sent == 0
    in_erp(made, CT_Type=0)
    made.cycle()
    row, account = made.erp_row("ACME"), made.account("ACME")
    assert (row["CT_Site"], row["CT_Contact"]) == ("www.crm.fr", "CRM")
    assert (account["erp_state"], account["status"], made.company("ACME")["status"]) == ("present", "active", "active")
    settled(made)


@pytest.mark.req("CRM-46")
def test_a_free_field_that_is_renamed_takes_its_values_along_and_sends_nothing_back(made: World) -> None:
    with made.erp() as connection:
        add_free_field(connection, "Tournée", FreeFieldKind.TEXT, 20)
        edit_tiers(connection, "ACME", Tournée="Nord")
    made.cycle()
    edit(made, web_site="www.crm.fr")
    with made.erp() as connection:
        delete_free_field(connection, "Tournée")
        add_free_field(connection, "Circuit", FreeFieldKind.TEXT, 20)
        edit_tiers(connection, "ACME", Circuit="Nord")

    report = made.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    values = made.account("ACME")["free_values"]
    assert (values.get("Tournée"), values["Circuit"]) == (None, "Nord")
    states = {row["name"]: row["state"] for row in made.rows("free_field_definitions")}
    assert (states["Tournée"], states["Circuit"]) == ("no_longer_replicated", "replicated")
    settled(made)


@pytest.mark.req("NEW-01", "NEW-03")
@pytest.mark.guarantees
@pytest.mark.parametrize("days", [1, -1], ids=["CRM a day ahead", "ERP a day ahead"])
@pytest.mark.parametrize("last", ["CRM", "ERP", "both"])
def test_most_recent_is_decided_by_ages_whatever_the_clocks_say(
    tmp_path: Path, sqlite_url: str, days: int, last: str
) -> None:
    clock = Clock(ahead=timedelta(days=-min(days, 0)))
    with world(tmp_path, sqlite_url, tiers=2, documents=0, clock=clock) as made:
        made.later(days=max(days, 0))
        made.set(policies={"": "most_recent"})
        client(made, "ACME")

        def wait(**delta: float) -> None:
            clock.ahead += timedelta(**delta)
            made.later(**delta)

        def change(side: str) -> None:
            if side == "CRM":
                edit(made, contact_person="CRM")
            else:
                in_erp(made, CT_Contact="ERP", at=clock.wall())

        wait(hours=1)
        change("ERP" if last == "CRM" else "CRM")
        wait(**({"seconds": 30} if last == "both" else {"hours": 2}))
        change("CRM" if last == "CRM" else "ERP")
        wait(minutes=1)

        report = made.cycle()

        found = (made.company("ACME")["contact_person"], made.erp_row("ACME")["CT_Contact"])
        assert found == (("CRM", "ERP") if last == "both" else (last, last))
        assert (report.counts.parked, report.counts.decided) == ((1, 0) if last == "both" else (0, 1))
