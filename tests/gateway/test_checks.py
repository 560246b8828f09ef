"""The data checks of CRM-53: each finds its trouble, none cries wolf on a sound base."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine

from gateway.checks import CHECKS, CheckResult, Severity, run_checks
from gateway.clock import wall_clock
from gateway.database import writing
from gateway.demo import build_base
from gateway.demo.edits import edit_contact, edit_delivery, edit_tiers, insert_contact, insert_delivery, insert_tiers
from gateway.errors import NotSage
from gateway.sage import CB_SYSLIBRE, F_COMPTET, P_DOSSIER
from gateway.sage.defaults import TiersType

Spoil = Callable[[Connection], None]
CODE = "ESSAI"


def found(results: list[CheckResult]) -> dict[str, tuple[str, ...]]:
    return {result.check: result.examples for result in results if not result.passed}


def edited(**columns: object) -> Spoil:
    return lambda connection: edit_tiers(connection, CODE, **columns)  # type: ignore[arg-type]


def added(code: str) -> Spoil:
    return lambda connection: insert_tiers(connection, code, "Un tiers")


def doubled_contact(connection: Connection) -> None:
    insert_contact(connection, CODE, "Lefèvre", CT_Prenom="Zoé")
    insert_contact(connection, CODE, "LEFEVRE", CT_Prenom="zoe")


def nameless_contact(connection: Connection) -> None:
    edit_contact(connection, insert_contact(connection, CODE, "Martin"), CT_Nom=" ")


def doubled_delivery(connection: Connection) -> None:
    insert_delivery(connection, CODE, "Quai nord")
    insert_delivery(connection, CODE, "QUAI NORD")


def untitled_delivery(connection: Connection) -> None:
    edit_delivery(connection, insert_delivery(connection, CODE, "Quai"), LI_Intitule="")


def column_without_definition(connection: Connection) -> None:
    connection.exec_driver_sql('ALTER TABLE "F_COMPTET" ADD "Ancien code" VARCHAR(10)')


def definition_without_column(connection: Connection) -> None:
    row = {"CB_File": "F_COMPTET", "CB_Name": "Perdu", "CB_Pos": 90, "CB_Type": 9, "CB_Len": 10}
    connection.execute(CB_SYSLIBRE.insert(), [row])


def company_without_name(connection: Connection) -> None:
    connection.execute(P_DOSSIER.update().values(D_RaisonSoc=""))


def clockless(connection: Connection) -> None:
    connection.execute(F_COMPTET.update().where(F_COMPTET.c.CT_Num == CODE).values(cbModification=None))


TROUBLES: dict[str, tuple[Spoil, str]] = {
    "company_name_missing": (company_without_name, "P_DOSSIER"),
    "code_lower_case": (added("Petit"), "Petit"),
    "code_forbidden_characters": (added("A-B"), "A-B"),
    "title_missing": (edited(CT_Intitule="  "), CODE),
    "account_missing": (edited(CG_NumPrinc=""), CODE),
    "accounting_category_unknown": (edited(N_CatCompta=44), CODE),
    "price_category_unknown": (edited(N_CatTarif=31), CODE),
    "currency_unknown": (edited(N_Devise=30), CODE),
    "representative_unknown": (edited(CO_No=9999), CODE),
    "delivery_title_missing": (untitled_delivery, CODE),
    "delivery_title_duplicate": (doubled_delivery, CODE),
    "contact_name_missing": (nameless_contact, CODE),
    "contact_duplicate": (doubled_contact, CODE),
    "payer_unknown": (edited(CT_NumPayeur="PERSONNE"), CODE),
    "siret_invalid": (edited(CT_Siret="73282932000075"), CODE),
    "not_cp1252": (edited(CT_Ville="Łódź"), CODE),
    "clock_missing": (clockless, CODE),
    "clock_future": (edited(at=wall_clock() + dt.timedelta(days=1)), CODE),
    "free_field_column_missing": (definition_without_column, "F_COMPTET.Perdu"),
    "free_field_undeclared": (column_without_definition, "F_COMPTET.Ancien code"),
}
SQLITE_TROUBLES: dict[str, tuple[Spoil, str]] = {
    "code_too_long": (added("X" * 18), "X" * 18),
    "value_too_long": (edited(CT_Ville="x" * 36), CODE),
}


def spoil(engine: Engine, change: Spoil) -> None:
    build_base(engine, tiers=12, dirt=False, documents_per_tiers=0)
    with writing(engine) as connection:
        insert_tiers(connection, CODE, "Un tiers d'essai")
        change(connection)


@pytest.mark.req("CRM-53")
def test_a_sound_base_passes_every_check(sage_engine: Engine) -> None:
    build_base(sage_engine, tiers=120, dirt=False)
    results = run_checks(sage_engine)
    assert [result.check for result in results] == [check.id for check in CHECKS]
    assert found(results) == {}


@pytest.mark.req("CRM-53")
@pytest.mark.parametrize("check", TROUBLES)
def test_each_trouble_is_found_by_its_check_alone(sage_engine: Engine, check: str) -> None:
    change, key = TROUBLES[check]
    spoil(sage_engine, change)
    trouble = found(run_checks(sage_engine))
    assert set(trouble) - {"code_duplicate"} == {check}
    assert [example.split(" / ")[0] for example in trouble[check]] == [key]


@pytest.mark.req("CRM-53")
@pytest.mark.parametrize("check", SQLITE_TROUBLES)
def test_what_only_sqlite_lets_in_is_found_there(sqlite_engine: Engine, check: str) -> None:
    change, key = SQLITE_TROUBLES[check]
    spoil(sqlite_engine, change)
    assert found(run_checks(sqlite_engine)) == {check: (key,)}


@pytest.mark.req("CRM-20", "CRM-53")
def test_codes_that_differ_by_case_alone_are_found_both(sage_engine: Engine) -> None:
    spoil(sage_engine, added("Essai"))
    trouble = found(run_checks(sage_engine))
    assert trouble["code_duplicate"] == (CODE, "Essai")


@pytest.mark.req("CRM-05", "CRM-53")
def test_employees_and_others_are_not_looked_at(sage_engine: Engine) -> None:
    def change(connection: Connection) -> None:
        insert_tiers(connection, "salarié-1", "", kind=TiersType.EMPLOYEE, N_CatTarif=31, CO_No=9999)
        insert_contact(connection, "salarié-1", "")

    spoil(sage_engine, change)
    assert found(run_checks(sage_engine)) == {}


@pytest.mark.req("CRM-53")
def test_the_dirt_of_a_demonstration_base_is_found_to_the_record(sage_engine: Engine) -> None:
    summary = build_base(sage_engine, tiers=600)
    expected: dict[str, set[str]] = {}
    for bad in summary.bad:
        expected.setdefault(bad.check, set()).add(bad.key)
    trouble = {check: set(keys) for check, keys in found(run_checks(sage_engine)).items()}
    assert trouble == expected
    assert len(expected) >= 11


@pytest.mark.req("CRM-53")
def test_a_check_counts_all_and_shows_twenty(sqlite_engine: Engine) -> None:
    def change(connection: Connection) -> None:
        connection.execute(F_COMPTET.update().where(F_COMPTET.c.CT_Type <= 1).values(CT_Intitule=""))

    build_base(sqlite_engine, tiers=30, dirt=False, documents_per_tiers=0)
    with writing(sqlite_engine) as connection:
        change(connection)
    result = next(result for result in run_checks(sqlite_engine) if result.check == "title_missing")
    assert (result.count, len(result.examples), result.severity) == (30, 20, Severity.BLOCKING)


@pytest.mark.req("CRM-53")
def test_every_check_says_how_to_put_it_right() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    assert {*TROUBLES, *SQLITE_TROUBLES, "code_duplicate"} == {check.id for check in CHECKS}
    assert all(len(check.remedy) > 20 and check.title for check in CHECKS)


def test_another_database_is_told_apart(sage_engine: Engine) -> None:
    with pytest.raises(NotSage):
        run_checks(sage_engine)
