"""Creating and linking with the real gateway: what the ERP makes of it, and that the cycle after writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from gateway.demo.edits import delete_tiers, edit_tiers, insert_tiers
from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON, P_TIERS
from syncengine.crm.company_code import set_code
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import add_address, add_contact, create_company
from syncengine.crm.linking import break_link, link_company
from syncengine.cycle.act import Act
from syncengine.cycle.run import Order
from syncengine.model import CodeMode, CycleStatus
from tests.syncengine.world import World, world


@pytest.fixture
def synchronised(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A small base after its first synchronisation."""
    with world(tmp_path, database_url, tiers=8) as made:
        assert made.cycle().problem is None
        yield made


def act(made: World) -> Act:
    """Somebody at work in the CRM."""
    return Act(at=made.now(), by="claire")


def prospect(made: World, name: str, code: str = "") -> int:
    """A Company with an address and a contact."""
    with made.store.writing() as session:
        company_id = create_company(session, {"name": name, "company_type": "prospect"}, act(made)).id
        add_address(session, company_id, {"street": "3 rue du port", "town": "Brest", "postcode": "29200"}, act(made))
        add_contact(session, company_id, {"last_name": "Premier", "email": "premier@exemple.fr"}, act(made))
        if code:
            set_code(session, company_id, code, at=made.now())
    return company_id


def order(made: World, company_id: int) -> int:
    """'Créer le tiers'."""
    with made.store.writing() as session:
        return create_tiers(session, company_id, integration_id=made.integration_id, at=made.now())


def tiers_count(made: World) -> int:
    """How many tiers the ERP has."""
    with made.erp() as connection:
        return connection.scalar(select(func.count()).select_from(F_COMPTET)) or 0


def number_tiers(made: World, automatic: int) -> None:
    """Codification of clients in the ERP: 0 by hand, 1 automatic."""
    with made.erp() as connection:
        connection.execute(
            update(P_TIERS).where(P_TIERS.c.cbIndice == 1).values(T_Numerotation=automatic, T_Lg=8, T_Racine="CLI")
        )


def quiet(made: World) -> bool:
    """Whether a further cycle writes nothing on either side."""
    counts = made.cycle().counts
    return (counts.arrived, counts.changed, counts.sent, counts.created_in_erp, counts.refused_by_erp) == (0,) * 5


@pytest.mark.req("CRM-23")
def test_with_the_codification_on_the_erp_gives_the_code(synchronised: World) -> None:
    number_tiers(synchronised, 1)
    synchronised.set(code_mode=CodeMode.ERP)
    companies = [prospect(synchronised, name) for name in ("Une", "Deux")]
    accounts = [order(synchronised, company_id) for company_id in companies]
    assert {row["code"] for row in synchronised.rows("accounts", erp_state="awaited")} == {"<AUTOERP>"}

    report = synchronised.cycle()

    assert (report.status, report.counts.created_in_erp) == (CycleStatus.SUCCESS, 2)
    codes = [synchronised.rows("accounts", id=account_id)[0]["code"] for account_id in accounts]
    assert len(set(codes)) == 2
    assert all(code.startswith("CLI") and len(code) == 8 for code in codes)
    assert [synchronised.rows("companies", id=company_id)[0]["code"] for company_id in companies] == codes
    assert quiet(synchronised)


@pytest.mark.req("CRM-23", "CRM-49")
def test_with_the_codification_off_nothing_is_transferred_and_the_error_says_so(synchronised: World) -> None:
    number_tiers(synchronised, 0)
    synchronised.set(code_mode=CodeMode.ERP)
    before = tiers_count(synchronised)
    account_id = order(synchronised, prospect(synchronised, "Sans numéro"))

    report = synchronised.cycle()

    (error,) = synchronised.rows("sync_errors", state="open")
    assert (report.status, report.counts.refused_by_erp) == (CycleStatus.WARNING, 1)
    assert error["message"].startswith("N° de compte invalide")
    assert (error["side"], error["local_id"], error["field"]) == ("erp", account_id, "Code")
    assert tiers_count(synchronised) == before

    number_tiers(synchronised, 1)
    synchronised.ahead += timedelta(minutes=31)
    assert synchronised.cycle().counts.created_in_erp == 1
    assert synchronised.rows("sync_errors", state="open") == []


@pytest.mark.guarantees
@pytest.mark.req("CRM-23", "CRM-32")
def test_a_number_that_the_erp_gives_again_is_that_of_the_new_tiers(synchronised: World) -> None:
    # The link of the one that was deleted stood in the way, in every cycle from then on.
    number_tiers(synchronised, 1)
    synchronised.set(code_mode=CodeMode.ERP)
    former = order(synchronised, prospect(synchronised, "Une"))
    synchronised.cycle()
    code = synchronised.rows("accounts", id=former)[0]["code"]
    with synchronised.erp() as connection:
        delete_tiers(connection, code)
    synchronised.cycle()
    account_id = order(synchronised, prospect(synchronised, "Deux"))

    report = synchronised.cycle()

    assert (report.status, report.counts.created_in_erp) == (CycleStatus.SUCCESS, 1)
    states = {row["id"]: (row["name"], row["erp_state"]) for row in synchronised.rows("accounts", code=code)}
    assert states == {former: ("Une", "deleted"), account_id: ("Deux", "present")}
    (link,) = synchronised.rows("links", erp_key=code)
    assert (link["local_id"], link["state"]) == (account_id, "linked")
    assert synchronised.rows("links", local_id=former) == []
    assert quiet(synchronised)
    assert synchronised.cycle(Order(full=True)).counts.changed == 0


@pytest.mark.guarantees
@pytest.mark.req("CRM-25", "CRM-32")
@pytest.mark.parametrize(("becomes", "state"), [("nothing", "deleted"), ("an employee", "out_of_scope")])
def test_a_tiers_that_goes_right_after_its_creation_is_gone_here_too(
    synchronised: World, becomes: str, state: str
) -> None:
    # The change log had never seen it, and told nothing of it.
    order(synchronised, prospect(synchronised, "Brève", "BREVE"))
    assert synchronised.cycle().counts.created_in_erp == 1
    with synchronised.erp() as connection:
        if becomes == "nothing":
            delete_tiers(connection, "BREVE")
        else:
            edit_tiers(connection, "BREVE", CT_Type=2)

    report = synchronised.cycle()

    assert (report.status, report.counts.vanished) == (CycleStatus.SUCCESS, 1)
    account = synchronised.account("BREVE")
    assert (account["erp_state"], account["status"]) == (state, "inactive")
    assert quiet(synchronised)


@pytest.mark.guarantees
@pytest.mark.req("CRM-20", "CRM-32")
def test_a_code_whose_tiers_is_gone_is_not_given_to_another_one(synchronised: World) -> None:
    # The ERP took it, and the result could not be recorded, in every cycle from then on.
    company_id = prospect(synchronised, "Neuve", "NEUVE")
    account_id = order(synchronised, company_id)
    with synchronised.erp() as connection:
        insert_tiers(connection, "NEUVE", "Du comptable")
    synchronised.cycle()
    with synchronised.erp() as connection:
        delete_tiers(connection, "NEUVE")
    synchronised.later(minutes=31)
    before = tiers_count(synchronised)

    report = synchronised.cycle()

    assert (report.status, report.counts.refused_by_erp, report.counts.vanished) == (CycleStatus.WARNING, 1, 1)
    assert tiers_count(synchronised) == before
    (error,) = synchronised.rows("sync_errors", state="open")
    assert (error["code"], error["local_id"], error["field"]) == ("code_in_use", account_id, "Code")
    with synchronised.store.writing() as session:
        set_code(session, company_id, "autre", at=synchronised.now())
    assert synchronised.cycle().counts.created_in_erp == 1
    assert synchronised.account("AUTRE")["name"] == "Neuve"
    assert synchronised.rows("sync_errors", state="open") == []


@pytest.mark.req("CRM-21", "CRM-49")
def test_a_code_that_only_the_erp_knows_is_refused_there_and_corrected(synchronised: World) -> None:
    with synchronised.erp() as connection:
        taken = str(connection.scalars(select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CT_Type == 0)).first())
        edit_tiers(connection, taken, CT_Num="SALARIE", CT_Type=2)
    company_id = prospect(synchronised, "Neuve", "SALARIE")
    order(synchronised, company_id)
    synchronised.cycle()
    (error,) = synchronised.rows("sync_errors", state="open")
    assert (error["code"], error["erp_key"]) == ("code_in_use", f"#{error['local_id']}")

    with synchronised.store.writing() as session:
        set_code(session, company_id, "neuve", at=synchronised.now())
    report = synchronised.cycle()

    assert report.counts.created_in_erp == 1
    assert synchronised.account("NEUVE")["erp_state"] == "present"
    assert synchronised.rows("sync_errors", state="open") == []


@pytest.mark.req("CRM-31")
def test_what_the_company_had_of_its_own_is_created_in_the_erp(synchronised: World) -> None:
    code = next(row["code"] for row in synchronised.rows("accounts", type="client"))
    account, former = synchronised.account(code), synchronised.company(code)
    company_id = prospect(synchronised, "Prospect")
    with synchronised.store.writing() as session:
        link_company(session, company_id, account["id"], at=synchronised.now())

    report = synchronised.cycle()

    assert (report.status, report.counts.sent, report.counts.arrived) == (CycleStatus.SUCCESS, 1, 0)
    with synchronised.erp() as connection:
        contacts = connection.scalars(select(F_CONTACTT.c.CT_Nom).where(F_CONTACTT.c.CT_Num == code)).all()
        towns = connection.scalars(select(F_LIVRAISON.c.LI_Ville).where(F_LIVRAISON.c.CT_Num == code)).all()
        name = connection.scalar(select(F_COMPTET.c.CT_Intitule).where(F_COMPTET.c.CT_Num == code))
    assert ("Premier" in contacts, "Brest" in towns, name) == (True, True, account["name"])
    assert synchronised.company(code)["id"] == company_id
    assert synchronised.rows("companies", id=former["id"]) == []
    assert all(row["erp_key"] for row in synchronised.children("contacts", code))
    assert all(row["erp_key"] for row in synchronised.children("addresses", code))
    assert quiet(synchronised)


@pytest.mark.req("CRM-25", "CRM-30", "CRM-42")
def test_a_company_that_left_its_tiers_becomes_another_one(synchronised: World) -> None:
    code = next(row["code"] for row in synchronised.rows("accounts", type="client"))
    company = synchronised.company(code)
    with synchronised.store.writing() as session:
        break_link(session, company["id"], at=synchronised.now())
        set_code(session, company["id"], "SECONDE", at=synchronised.now())
    order(synchronised, company["id"])

    report = synchronised.cycle()

    assert (report.status, report.counts.created_in_erp, report.counts.arrived) == (CycleStatus.SUCCESS, 1, 0)
    assert synchronised.company("SECONDE")["id"] == company["id"]
    assert synchronised.account(code)["company_id"] is None
    # CRM-42: the billing address is there as a delivery address too.
    kinds = [row["kind"] for row in synchronised.children("addresses", "SECONDE")]
    assert kinds.count("billing") == 1
    assert len(kinds) >= 2
    assert quiet(synchronised)
