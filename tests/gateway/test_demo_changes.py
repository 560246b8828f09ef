"""The day's changes of the demonstration, and the edits they are made of."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import Engine, Table, select

from gateway.clock import wall_clock
from gateway.database import create_base, reading, writing
from gateway.demo import apply_changes, build_base
from gateway.demo.edits import (
    delete_contact,
    delete_delivery,
    delete_tiers,
    edit_contact,
    edit_delivery,
    edit_tiers,
    insert_contact,
    insert_delivery,
    insert_tiers,
    touch,
)
from gateway.errors import GatewayProblem, InputInvalid
from gateway.probe import probe
from gateway.sage import F_COMPTET, F_COMPTETG, F_CONTACTT, F_DOCENTETE, F_LIVRAISON

AT = dt.datetime.fromisoformat("2026-06-01 09:30")


def keys(engine: Engine, table: Table, key: str, code: str) -> list[object]:
    with reading(engine) as connection:
        return list(connection.scalars(select(table.c[key]).where(table.c.CT_Num == code)))


def test_every_kind_of_change_is_made_once(sage_engine: Engine) -> None:
    # given a base as it was yesterday
    build_base(sage_engine, tiers=60)
    with reading(sage_engine) as connection:
        before = dict(connection.execute(select(F_COMPTET.c.CT_Num, F_COMPTET.c.CT_Intitule)).all())
    start = wall_clock()
    # when a day's changes are made
    changes = apply_changes(sage_engine)
    # then each shows in the base, stamped now
    found = probe(sage_engine).readable(F_COMPTET)
    with reading(sage_engine) as connection:
        after = {row["CT_Num"]: row for row in connection.execute(select(found)).mappings()}
    assert after[changes.edited]["CT_Intitule"] != before[changes.edited]
    assert changes.created not in before
    assert changes.deleted in before
    assert changes.deleted not in after
    assert [code for code, row in after.items() if row[changes.free_field]] == list(changes.valued)
    touched = {code for code, row in after.items() if row["cbModification"] >= start}
    assert touched == {changes.edited, changes.created, *changes.valued}
    assert len(keys(sage_engine, F_LIVRAISON, "LI_No", changes.created)) == 2
    assert len(keys(sage_engine, F_CONTACTT, "CT_No", changes.created)) == 1
    assert changes.contact in keys(sage_engine, F_CONTACTT, "CT_No", changes.owner)
    assert changes.deleted is not None
    assert all(any(code in line for line in changes.lines) for code in changes.tiers)


def test_the_changes_can_be_made_again(sqlite_engine: Engine) -> None:
    build_base(sqlite_engine, tiers=2)
    first, second = apply_changes(sqlite_engine), apply_changes(sqlite_engine)
    assert first.created != second.created
    assert first.free_field != second.free_field


def test_a_base_without_clients_is_told(sage_engine: Engine) -> None:
    create_base(sage_engine)
    with pytest.raises(InputInvalid, match="no client"):
        apply_changes(sage_engine)


@pytest.mark.req("CRM-42")
def test_creating_a_tiers_also_creates_its_account_and_its_address_as_delivery_address(sage_engine: Engine) -> None:
    create_base(sage_engine)
    name = "Les Établissements Dupont et Compagnie de Grenoble"
    with writing(sage_engine) as connection:
        insert_tiers(connection, "DUPONT", name, at=AT, CT_Adresse="1 rue du Bac", CT_Ville="Grenoble")
        tiers = connection.execute(select(F_COMPTET)).mappings().one()
        account = connection.execute(select(F_COMPTETG)).mappings().one()
        delivery = connection.execute(select(F_LIVRAISON)).mappings().one()
    assert (tiers["CT_NumPayeur"], tiers["N_CatTarif"], tiers["N_CatCompta"], tiers["N_Devise"]) == ("DUPONT", 1, 1, 0)
    assert tiers["CT_Commentaire"] == ""
    assert tiers["cbModification"] == AT
    assert (account["CT_Num"], account["CG_Num"]) == ("DUPONT", tiers["CG_NumPrinc"])
    assert delivery["LI_Intitule"] == name[:35].rstrip()
    assert (delivery["LI_Adresse"], delivery["LI_Ville"], delivery["LI_Principal"]) == ("1 rue du Bac", "Grenoble", 1)


def test_edits_change_what_they_name_and_stamp_it(sage_engine: Engine) -> None:
    create_base(sage_engine)
    later = AT + dt.timedelta(hours=1)
    with writing(sage_engine) as connection:
        insert_tiers(connection, "A", "Alpha", at=AT)
        contact = insert_contact(connection, "A", "Martin", at=AT, CT_Prenom="Anne")
        delivery = insert_delivery(connection, "A", "Dépôt", at=AT)
        edit_tiers(connection, "A", at=later, CT_Ville="Lyon")
        edit_contact(connection, contact, at=later, CT_Fonction="Achats")
        edit_delivery(connection, delivery, at=later, LI_Ville="Lyon")
        rows = [
            connection.execute(select(table)).mappings().all()[-1] for table in (F_COMPTET, F_CONTACTT, F_LIVRAISON)
        ]
        touch(connection, F_COMPTET.c.CT_Num, "A", at=later + dt.timedelta(hours=1))
        touched = connection.execute(select(F_COMPTET)).mappings().one()
        delete_contact(connection, contact)
        delete_delivery(connection, delivery)
    assert [row["cbModification"] for row in rows] == [later] * 3
    assert (rows[0]["CT_Ville"], rows[1]["CT_Fonction"], rows[2]["LI_Ville"]) == ("Lyon", "Achats", "Lyon")
    assert (rows[0]["CT_Intitule"], rows[1]["CT_Prenom"], rows[2]["LI_Intitule"]) == ("Alpha", "Anne", "Dépôt")
    assert {name for name in touched if touched[name] != rows[0][name]} == {"cbModification"}
    assert keys(sage_engine, F_CONTACTT, "CT_No", "A") == []
    assert keys(sage_engine, F_LIVRAISON, "LI_No", "A") != [delivery]


def test_a_tiers_goes_with_its_children_unless_it_is_in_use(sage_engine: Engine) -> None:
    create_base(sage_engine)
    with writing(sage_engine) as connection:
        insert_tiers(connection, "A", "Alpha")
        insert_contact(connection, "A", "Martin")
        delete_tiers(connection, "A")
    assert all(
        keys(sage_engine, table, "CT_Num", "A") == [] for table in (F_COMPTET, F_COMPTETG, F_CONTACTT, F_LIVRAISON)
    )
    with writing(sage_engine) as connection:
        insert_tiers(connection, "B", "Bêta")
        connection.execute(F_DOCENTETE.insert(), [{"DO_Type": 0, "DO_Piece": "DE1", "DO_Tiers": "B"}])
        with pytest.raises(GatewayProblem, match="F_DOCENTETE"):
            delete_tiers(connection, "B")
    assert keys(sage_engine, F_COMPTET, "CT_Num", "B") == ["B"]


def test_what_is_not_there_cannot_be_edited(sqlite_engine: Engine) -> None:
    create_base(sqlite_engine)
    with writing(sqlite_engine) as connection, pytest.raises(GatewayProblem, match="NOBODY"):
        edit_tiers(connection, "NOBODY", CT_Ville="Lyon")
