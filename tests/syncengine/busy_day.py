"""A day on which both sides change everything that can change: what one cycle then has to do, and what it must have done."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.orm import Session

from gateway.clock import wall_clock
from gateway.database import writing
from gateway.demo.edits import (
    add_free_field,
    delete_contact,
    delete_delivery,
    delete_tiers,
    edit_contact,
    edit_delivery,
    edit_tiers,
    insert_contact,
    insert_delivery,
    insert_tiers,
)
from gateway.free_fields import FreeFieldKind
from gateway.sage import F_COLLABORATEUR, F_COMPTET, P_CATCOMPTA, P_SERVICECPTA
from gateway.sage.defaults import stamped
from syncengine.crm import edits
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import (
    add_address,
    add_contact,
    create_company,
    edit_address,
    edit_company,
    remove_address,
    remove_contact,
)
from syncengine.cycle.run import Report, utc_now
from syncengine.model import AssignmentRule, Representative, User
from tests.gateway.base import add_invoice
from tests.syncengine.world import World

CODES = (
    *("EDITED", "GONE", "ASLEEP", "STAFF", "THEIRS", "OURS", "SHARED", "RENAMED"),
    *("LEAVES", "CLASH", "REFUSED", "STALE", "MANAGED", "BILLED", "WAITING"),
)
"""The tiers of the day, each for what happens to it; every one has a contact and a delivery address of its own."""
POLICIES = {"account.contact_person": "crm_wins", "account.short_name": "ask", "contact.function": "crm_wins"}
GOES, COMES_BACK = 11, 12
"""Representatives: one that the ERP deletes today, one that it deleted yesterday and has again."""
UNKNOWN_CATEGORY = 9


def night_before(made: World) -> None:
    """The tiers of the day, linked; one refused by either side whose reason will be gone tomorrow."""
    with made.erp() as connection:
        for code in CODES:
            insert_tiers(connection, code, f"Client {code}", CT_Contact="Accueil", CT_Site="www.exemple.fr")
            insert_contact(connection, code, "Martin", CT_Prenom=code.title(), CT_Fonction="Acheteur")
            insert_delivery(connection, code, "Entrepôt", LI_Ville="Lyon")
        for code in ("THEIRS", "SHARED"):
            insert_contact(connection, code, "Durand", CT_Prenom="Ancien")
            insert_delivery(connection, code, "Dépôt", LI_Ville="Nantes")
        for code in ("OURS",):
            insert_contact(connection, code, "Durand", CT_Prenom="Ancien")
            insert_delivery(connection, code, "Dépôt", LI_Ville="Nantes")
    made.set(policies=POLICIES, manager_rule=AssignmentRule.AUTOMATIC, representative_rule=AssignmentRule.AUTOMATIC)
    assert made.cycle().problem is None
    with made.store.writing() as session:
        _users(session)
        edit_company(session, made.company("WAITING")["id"], {"representative": str(COMES_BACK)}, made.act())
    with made.erp() as connection:
        insert_tiers(connection, "LATE", "Client LATE", N_CatCompta=UNKNOWN_CATEGORY)
        connection.execute(delete(F_COLLABORATEUR).where(F_COLLABORATEUR.c.CO_No == COMES_BACK))
    counts = made.cycle().counts
    assert (counts.refused, counts.refused_by_erp) == (1, 1)


def _users(session: Session) -> None:
    """Claire stands for representative 1, Denis for 2 (CRM-17)."""
    for login, code in (("claire", "1"), ("denis", "2")):
        user = User(login=login, name=login.title(), created_at=utc_now())
        session.add(user)
        session.flush()
        session.execute(update(Representative).where(Representative.code == code).values(user_id=user.id))


def happens(made: World) -> None:
    """The day itself: work in the ERP, work in the CRM."""
    with made.erp() as connection:
        _erp_tiers(connection)
        _erp_children(connection)
        _erp_lists(connection)
    with made.store.writing() as session:
        _crm_tiers(made, session)
        _crm_children(made, session)
        _crm_creations(made, session)


def _erp_tiers(connection: Connection) -> None:
    edit_tiers(connection, "EDITED", CT_Intitule="Client changé", CT_Telephone="0102030405", CO_No=2, Effectif=12)
    insert_tiers(connection, "ARRIVES", "Nouveau client", CT_Ville="Metz")
    insert_contact(connection, "ARRIVES", "Premier")
    delete_tiers(connection, "GONE")
    edit_tiers(connection, "ASLEEP", CT_Sommeil=1)
    edit_tiers(connection, "STAFF", CT_Type=2)
    edit_tiers(connection, "CLASH", CT_Contact="Sage", CT_Site="www.sage.fr", CT_Raccourci="SAGE")
    edit_tiers(connection, "RENAMED", CT_Contact="Comptabilité")
    add_invoice(connection, "BILLED", "FA900", date.today(), 4200, wall_clock())  # noqa: DTZ011 - the ERP's wall clock


def _erp_children(connection: Connection) -> None:
    first, second = numbers(connection, "THEIRS")
    insert_contact(connection, "THEIRS", "Arrivée", CT_EMail="arrivee@exemple.fr")
    edit_contact(connection, first[0], CT_Telephone="0466000000", CT_Fonction="Directrice")
    delete_contact(connection, first[1])
    insert_delivery(connection, "THEIRS", "Quai neuf", LI_Ville="Sète")
    edit_delivery(connection, second[1], LI_Ville="Rennes")
    delete_delivery(connection, second[2])
    contacts, deliveries = numbers(connection, "SHARED")
    edit_contact(connection, contacts[0], CT_Fonction="Chef", CT_TelPortable="0611111111")
    delete_contact(connection, contacts[1])
    edit_delivery(connection, deliveries[1], LI_Ville="Brest")
    delete_delivery(connection, deliveries[2])
    insert_contact(connection, "SHARED", "Jumeau", CT_Fonction="Sage")


def numbers(connection: Connection, code: str) -> tuple[list[int], list[int]]:
    """The numbers of the contacts and of the delivery addresses of a tiers, as they were made."""
    found = []
    for table, column in (("F_CONTACTT", "CT_No"), ("F_LIVRAISON", "LI_No")):
        of = F_COMPTET.metadata.tables[table]
        found.append(
            [int(one) for one in connection.scalars(select(of.c[column]).where(of.c.CT_Num == code).order_by(column))]
        )
    return found[0], found[1]


def _erp_lists(connection: Connection) -> None:
    connection.execute(delete(F_COLLABORATEUR).where(F_COLLABORATEUR.c.CO_No == GOES))
    row = stamped(F_COLLABORATEUR, wall_clock(), CO_No=COMES_BACK, CO_Nom="Gillet", CO_Prenom="Revenue")
    connection.execute(insert(F_COLLABORATEUR), [row])
    connection.execute(update(P_CATCOMPTA).values({f"CA_ComptaVen{UNKNOWN_CATEGORY:02}": "Ventes à bord"}))
    connection.execute(update(P_SERVICECPTA).where(P_SERVICECPTA.c.cbIndice == 7).values(S_Intitule="Qualité"))
    add_free_field(connection, "Tournée", FreeFieldKind.TEXT, 20)
    edit_tiers(connection, "BILLED", Tournée="Nord")


def _crm_tiers(made: World, session: Session) -> None:
    wanted: dict[str, dict[str, Any]] = {
        "OURS": {
            "name": "Client du CRM",
            "phone": "0499000000",
            "email": "contact@exemple.fr",
            "siret": "12345678900011",
        },
        "RENAMED": {"name": "Renommé au CRM", "web_site": ""},
        "GONE": {"web_site": "www.attend.fr"},
        "LEAVES": {"status": "inactive"},
        "CLASH": {"contact_person": "CRM", "web_site": "www.crm.fr", "short_name": "CRM"},
        "REFUSED": {"representative": str(GOES), "web_site": "www.refus.fr"},
        "STALE": {"web_site": "www.course.fr"},
        "MANAGED": {"manager_id": 1},
    }
    for code, values in wanted.items():
        edit_company(session, made.company(code)["id"], values, made.act())


def _crm_children(made: World, session: Session) -> None:
    company, act = made.company("OURS")["id"], made.act()
    contacts, addresses = children(made, "OURS")
    add_contact(session, company, {"last_name": "Ajoutée", "mobile": "0600000000"}, act)
    edits.edit_contact(session, contacts["Ours"], {"email": "ours@exemple.fr", "function": ""}, act)
    remove_contact(session, contacts["Ancien"], act)
    add_address(session, company, {"street": "1 quai neuf", "postcode": "29200", "town": "Brest"}, act)
    edit_address(session, addresses["Entrepôt"], {"town": "Vienne"}, act)
    remove_address(session, addresses["Dépôt"], act)
    edit_address(session, addresses["billing"], {"street": "8 rue du siège", "town": "Lille"}, act)
    contacts, addresses = children(made, "SHARED")
    edits.edit_contact(session, contacts["Shared"], {"function": "Patronne", "phone": "0422222222"}, act)
    edits.edit_contact(session, contacts["Ancien"], {"function": "Gardé"}, act)
    edit_address(session, addresses["Dépôt"], {"street": "Gardée"}, act)
    remove_address(session, addresses["Entrepôt"], act)
    add_contact(session, made.company("SHARED")["id"], {"last_name": "Jumeau", "function": "CRM"}, act)


def children(made: World, code: str) -> tuple[dict[str, int], dict[str, int]]:
    """The rows of the contacts by first name, and of the addresses by title, the billing one by its kind."""
    contacts = {row["first_name"]: row["id"] for row in made.children("contacts", code)}
    addresses = made.children("addresses", code)
    return contacts, {"billing" if row["kind"] == "billing" else row["title"]: row["id"] for row in addresses}


def _crm_creations(made: World, session: Session) -> None:
    """One that the ERP makes, and one whose code is an employee's there."""
    for code in ("CREATED", "SAL001"):
        values = {"name": f"Société {code}", "company_type": "client", "code": code, "phone": "0388000000"}
        company = create_company(session, values, made.act()).id
        add_address(session, company, {"street": "3 rue du port", "town": "Brest", "postcode": "29200"}, made.act())
        add_contact(session, company, {"last_name": "Premier", "email": "premier@exemple.fr"}, made.act())
        create_tiers(session, company, integration_id=made.integration_id, at=made.now(), by=None)


def meanwhile(sage: Engine) -> None:
    """What somebody does in the ERP while the cycle is about to send; once, however often it is about to."""
    with writing(sage) as connection:
        query = select(F_COMPTET.c.CT_Contact).where(F_COMPTET.c.CT_Num == "STALE")
        if connection.scalar(query) != "Entre-temps":
            edit_tiers(connection, "STALE", CT_Contact="Entre-temps")


def done(made: World, report: Report) -> None:
    """Assert that the cycle of the day had something of everything."""
    counts = report.counts
    assert report.problem is None
    assert counts.arrived == 2  # ARRIVES, and LATE, whose category exists now
    assert counts.vanished == 2  # GONE, STAFF
    assert (counts.created_in_erp, counts.refused_by_erp) == (1, 2)  # CREATED; REFUSED and SAL001
    assert (counts.stale, counts.parked) == (1, 1)
    assert counts.decided >= 3
    awaited = made.account("SAL001")["id"]
    states = {row["erp_key"]: row["state"].value for row in made.rows("sync_errors")}
    assert states == {"LATE": "resolved", "WAITING": "resolved", "REFUSED": "open", f"#{awaited}": "open"}


def happens_again(made: World) -> None:
    """A quieter day: two tiers changed once more, one on either side, and one on both."""
    with made.erp() as connection:
        edit_tiers(connection, "RENAMED", CT_Contact="Sage bis")
        edit_tiers(connection, "EDITED", CT_Intitule="Client changé deux fois")
    with made.store.writing() as session:
        edit_company(session, made.company("OURS")["id"], {"name": "Client du CRM bis"}, made.act())
        edit_company(session, made.company("RENAMED")["id"], {"contact_person": "CRM bis"}, made.act())
