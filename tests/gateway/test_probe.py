"""What a base really has: older versions, free fields, foreign databases."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, select

from gateway.database import create_base, reading, writing
from gateway.demo import build_base
from gateway.demo.edits import add_free_field, delete_free_field, edit_tiers, insert_tiers
from gateway.errors import NotSage
from gateway.free_fields import FreeFieldKind, list_items
from gateway.probe import probe
from gateway.sage import CB_SYSLIBRE, F_COMPTET

OLD_TIERS = """
CREATE TABLE "F_COMPTET" (
    "cbMarq" INTEGER PRIMARY KEY, "CT_Num" VARCHAR(17) NOT NULL, "CT_Intitule" VARCHAR(35), "CT_Type" SMALLINT,
    "cbModification" SMALLDATETIME, "GRATUIT OU ECHANGE" VARCHAR(21)
)
"""


def test_an_old_base_is_read_with_the_columns_it_has(sqlite_engine: Engine) -> None:
    # given a base of an old version: short names, a clock that rounds, no cbCreation, a free field
    with writing(sqlite_engine) as connection:
        connection.exec_driver_sql(OLD_TIERS)
        CB_SYSLIBRE.create(connection)
        definition = {"CB_File": "F_COMPTET", "CB_Name": "GRATUIT OU ECHANGE", "CB_Pos": 1, "CB_Type": 9, "CB_Len": 21}
        connection.execute(CB_SYSLIBRE.insert(), [definition])
        connection.exec_driver_sql(
            "INSERT INTO F_COMPTET VALUES (1, 'ANCIEN', 'Ancienne maison', 0, '2019-05-06 07:08:00.000000', 'oui')"
        )
    # when it is probed
    found = probe(sqlite_engine)
    # then what is there is known, with its length, and can be read
    assert found.length("F_COMPTET", "CT_Intitule") == 35
    assert found.minute_clock
    assert not found.has("F_COMPTET", "cbCreation")
    assert not found.has("F_CONTACTT")
    with reading(sqlite_engine) as connection:
        row = connection.execute(select(found.readable(F_COMPTET))).mappings().one()
    assert row["CT_Intitule"] == "Ancienne maison"
    assert row["GRATUIT OU ECHANGE"] == "oui"
    assert row["cbModification"] == dt.datetime.fromisoformat("2019-05-06 07:08")
    assert "CT_Siret" not in row
    sqlite_engine.dispose()


def test_the_latest_version_is_known_in_full(sage_engine: Engine) -> None:
    create_base(sage_engine)
    found = probe(sage_engine)
    assert found.length("F_COMPTET", "CT_Intitule") == 69
    assert not found.minute_clock
    assert len(found.columns(F_COMPTET)) == len(F_COMPTET.columns)
    sage_engine.dispose()


def test_a_database_of_something_else_is_told_apart(sage_engine: Engine) -> None:
    with writing(sage_engine) as connection:
        connection.exec_driver_sql("CREATE TABLE recipes (name VARCHAR(20))")
    with pytest.raises(NotSage) as refused:
        probe(sage_engine)
    assert refused.value.remedy
    sage_engine.dispose()


@pytest.mark.req("CRM-46")
def test_free_fields_of_every_type_are_found_and_read_typed(sage_engine: Engine) -> None:
    # given a base with a free field of every type, and a value in each
    build_base(sage_engine, tiers=2, documents_per_tiers=0)
    values: dict[str, Any] = {
        "Date 1er contact": dt.date(2024, 2, 29),
        "Effectif": Decimal(12),
        "Consigne livraison": "Quai n° 2",
        "Dernière visite": dt.datetime.fromisoformat("2025-06-07 08:09"),
        "Plafond remise": Decimal("12.5"),
        "GRATUIT OU ECHANGE": "Échange",
    }
    with writing(sage_engine) as connection:
        code = connection.scalars(select(F_COMPTET.c.CT_Num).order_by(F_COMPTET.c.cbMarq)).first() or ""
        edit_tiers(connection, code, **values)
    # when it is probed and read
    found = probe(sage_engine)
    with reading(sage_engine) as connection:
        tiers = found.readable(F_COMPTET)
        row = connection.execute(select(tiers).where(tiers.c.CT_Num == code)).mappings().one()
        giveaway = next(field for field in found.free_fields if field.name == "GRATUIT OU ECHANGE")
        items = list_items(connection, giveaway.position)
    # then each has its kind, its value and, for a list, its choices
    assert {field.kind for field in found.free_fields} == set(FreeFieldKind) - {FreeFieldKind.DELETED}
    assert all(field.readable for field in found.free_fields)
    assert {name: row[name] for name in values} == values
    assert items == ("Gratuit", "Échange", "Payant")
    sage_engine.dispose()


@pytest.mark.req("CRM-46")
def test_a_deleted_a_damaged_and_an_unknown_free_field_are_not_read(sage_engine: Engine) -> None:
    create_base(sage_engine)
    definitions = (("Effacé", 0), ("Sans colonne", 9), ("Nouveauté", 77))
    with writing(sage_engine) as connection:
        insert_tiers(connection, "A", "Alpha")
        add_free_field(connection, "Passé", FreeFieldKind.TEXT, 10)
        delete_free_field(connection, "Passé")
        rows = [
            {"CB_File": "F_COMPTET", "CB_Name": name, "CB_Pos": position, "CB_Type": kind, "CB_Len": 10}
            for position, (name, kind) in enumerate(definitions, 1)
        ]
        connection.execute(CB_SYSLIBRE.insert(), rows)
    found = probe(sage_engine)
    assert [(field.name, field.kind, field.readable) for field in found.free_fields] == [
        ("Effacé", FreeFieldKind.DELETED, False),
        ("Sans colonne", FreeFieldKind.TEXT, False),
        ("Nouveauté", None, False),
    ]
    with reading(sage_engine) as connection:
        assert connection.execute(select(found.readable(F_COMPTET))).mappings().one()["CT_Num"] == "A"
