"""Options, rules and numbering of either side at work in a cycle: what is not told is left alone, who follows whom, who counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from gateway.clock import wall_clock
from gateway.demo.edits import (
    edit_contact,
    edit_tiers,
    insert_delivery,
    insert_tiers,
)
from gateway.sage import F_COLLABORATEUR, F_COMPTET, F_CONTACTT, F_LIVRAISON, P_TIERS
from gateway.sage.defaults import stamped
from syncengine.crm import edits
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import add_address, add_contact, create_company, edit_company
from syncengine.model import AssignmentRule, CodeMode, CycleStatus, Representative, User
from tests.syncengine.acme import client, edit, in_erp, settled
from tests.syncengine.mortal import Gateways, gateways
from tests.syncengine.world import World, world

EVERY_KIND = {"contacts": False, "addresses": False, "phones": False}


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


def options(made: World, server: Gateways, **synchronise: bool) -> None:
    """Restart the gateway with these options (CRM-12); the engine learns of them half an hour later."""
    server.serve(made.sage, synchronise=synchronise)
    made.later(minutes=31)


@pytest.mark.req("CRM-12")
@pytest.mark.guarantees
def test_kinds_that_the_gateway_does_not_tell_are_left_alone_on_both_sides_until_it_tells_them(
    made: World, server: Gateways
) -> None:
    options(made, server, **EVERY_KIND)
    made.cycle()
    (contact,) = made.children("contacts", "ACME")
    (number,) = made.column(F_CONTACTT.c.CT_No, "ACME")
    with made.store.writing() as session:
        company = made.company("ACME")["id"]
        edit_company(session, company, {"phone": "0111111111", "web_site": "www.crm.fr"}, made.act())
        add_contact(session, company, {"last_name": "Nouveau"}, made.act())
        edits.edit_contact(session, contact["id"], {"function": "Gérante"}, made.act())
        add_address(session, company, {"title": "Quai", "town": "Sète"}, made.act())
    with made.erp() as connection:
        edit_contact(connection, int(number), CT_EMail="lea@sage.fr")
        insert_delivery(connection, "ACME", "Entrepôt")
        edit_tiers(connection, "ACME", CT_Telecopie="0122222222", CT_Contact="Sage")
    crm, erp = made.children_dump("ACME"), made.erp_dump(without={F_COMPTET})

    report = made.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    assert (made.children_dump("ACME"), made.erp_dump(without={F_COMPTET})) == (crm, erp)
    row = made.erp_row("ACME")
    assert (row["CT_Telephone"], row["CT_Site"]) == ("", "www.crm.fr")
    assert (made.account("ACME")["fax"], made.company("ACME")["contact_person"]) == (None, "Sage")

    options(made, server)
    made.cycle()
    made.cycle()
    row = made.erp_row("ACME")
    assert (row["CT_Telephone"], made.account("ACME")["fax"]) == ("0111111111", "0122222222")
    assert made.column(F_CONTACTT.c.CT_Nom, "ACME") == {"Martin", "Nouveau"}
    assert made.column(F_CONTACTT.c.CT_Fonction, "ACME") == {"Gérante", ""}
    assert {one["address"] for one in made.children("emails", "ACME")} == {"lea@sage.fr"}
    titles = {one["title"] for one in made.children("addresses", "ACME") if one["kind"] == "delivery"}
    assert titles == made.column(F_LIVRAISON.c.LI_Intitule, "ACME") == {"Acme", "Dépôt", "Quai", "Entrepôt"}
    settled(made)


@pytest.mark.req("CRM-12", "CRM-32", "CRM-37")
@pytest.mark.parametrize("told", [True, False], ids=["dormant told", "dormant not told"])
def test_a_dormant_tiers_is_inactive_here_and_wakes_up_when_it_is_made_active(
    made: World, server: Gateways, *, told: bool
) -> None:
    options(made, server, dormant=told)
    made.cycle()
    in_erp(made, CT_Sommeil=1)

    made.cycle()

    assert made.account("ACME")["erp_state"] == ("present" if told else "dormant")
    assert made.account("ACME")["status"] == made.company("ACME")["status"] == "inactive"
    edit(made, status="active", web_site="www.reveil.fr")
    report = made.cycle()
    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    row = made.erp_row("ACME")
    assert (row["CT_Sommeil"], row["CT_Site"]) == (0, "www.reveil.fr")
    account = made.account("ACME")
    assert (account["erp_state"], account["status"], account["dormant"]) == ("present", "active", False)
    assert made.company("ACME")["status"] == "active"
    settled(made)


@pytest.mark.req("CRM-32", "CRM-37")
def test_a_company_made_inactive_puts_its_tiers_to_sleep(made: World) -> None:
    edit(made, status="inactive")

    made.cycle()

    assert made.erp_row("ACME")["CT_Sommeil"] == 1
    assert made.account("ACME")["status"] == made.company("ACME")["status"] == "inactive"
    settled(made)


@pytest.mark.req("CRM-17")
@pytest.mark.parametrize(
    ("rule", "follows"),
    [
        (AssignmentRule.AUTOMATIC, True),
        (AssignmentRule.IF_EMPTY, False),
        (AssignmentRule.NONE, False),
    ],
)
def test_manager_and_representative_follow_each_other_by_their_rules(
    made: World, rule: AssignmentRule, *, follows: bool
) -> None:
    made.set(manager_rule=rule, representative_rule=rule)
    users = {}
    with made.store.writing() as session:
        for code, login in (("1", "claire"), ("2", "denis")):
            user = User(login=login, name=login, created_at=made.now())
            session.add(user)
            session.flush()
            users[code] = user.id
            session.execute(update(Representative).where(Representative.code == code).values(user_id=user.id))
    edit(made, manager_id=users["1"])

    made.cycle()

    assert made.erp_row("ACME")["CO_No"] == (1 if follows else 3)
    in_erp(made, CO_No=2)
    made.cycle()
    company = made.company("ACME")
    assert company["representative"] == "2"
    assert company["manager_id"] == users["2" if follows else "1"]
    settled(made)


@pytest.mark.req("CRM-17")
def test_an_empty_manager_and_an_empty_representative_are_filled_by_the_rule_if_empty(made: World) -> None:
    made.set(manager_rule=AssignmentRule.IF_EMPTY, representative_rule=AssignmentRule.IF_EMPTY)
    with made.store.writing() as session:
        user = User(login="claire", name="Claire", created_at=made.now())
        session.add(user)
        session.flush()
        session.execute(update(Representative).where(Representative.code == "1").values(user_id=user.id))
        number = user.id
    with made.erp() as connection:
        insert_tiers(connection, "VIDE", "Sans personne")
        connection.execute(insert(F_COLLABORATEUR), [stamped(F_COLLABORATEUR, wall_clock(), CO_No=90, CO_Nom="Autre")])
    made.cycle()
    in_erp(made, CO_No=1)
    edit(made, "VIDE", manager_id=number)

    made.cycle()

    assert made.company("ACME")["manager_id"] == number
    assert made.erp_row("VIDE")["CO_No"] == 1
    settled(made)


@pytest.mark.req("CRM-23", "CRM-25")
def test_the_erp_numbers_the_tiers_once_its_codification_is_on(made: World) -> None:
    made.set(code_mode=CodeMode.ERP)
    with made.store.writing() as session:
        new = create_company(session, {"name": "Neuve", "company_type": "client"}, made.act()).id
        create_tiers(session, new, integration_id=made.integration_id, at=made.now(), by=None)
    with made.erp() as connection:
        connection.execute(update(P_TIERS).values(T_Numerotation=0))

    refused = made.cycle()

    (error,) = made.rows("sync_errors")
    assert (refused.counts.created_in_erp, error["code"], error["message"]) == (
        0,
        "account_code_invalid",
        "N° de compte invalide",
    )
    assert made.rows("companies", id=new)[0]["code"] == "<AUTOERP>"
    with made.erp() as connection:
        connection.execute(update(P_TIERS).values(T_Numerotation=1, T_Lg=8, T_Racine="C"))
    made.later(minutes=31)
    report = made.cycle()
    (company,) = made.rows("companies", id=new)
    (account,) = made.rows("accounts", company_id=new)
    assert (report.counts.created_in_erp, account["erp_state"]) == (1, "present")
    assert company["code"] == account["code"] == "C0000001"
    assert made.erp_row("C0000001")["CT_Intitule"] == "Neuve"
    assert {row["state"] for row in made.rows("sync_errors")} == {"resolved"}
    settled(made)
