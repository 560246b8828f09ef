"""The first walk through a base, whoever reads and whatever interrupts it; and what makes everything be read again."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete, select, text, update

from contracts.messages import EntitySet
from gateway.database import writing
from gateway.demo.edits import (
    add_free_field,
    delete_free_field,
    delete_tiers,
    edit_tiers,
    insert_contact,
    insert_tiers,
)
from gateway.free_fields import FreeFieldKind
from gateway.sage import CB_SYSLIBRE, F_COMPTET, P_CRISQUE, SAGE
from gateway.sidetables import GW_CHANGE
from tests.gateway.base import LONG_AGO, Caller, Pulled, make_base

MANY = 1_230


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """Five clients, T001 with a contact."""
    engine = make_base(database_url)
    with writing(engine) as connection:
        insert_contact(connection, "T001", "Roux", at=LONG_AGO, CT_Telephone="0102030405", CT_EMail="r@exemple.fr")
    yield engine
    engine.dispose()


@pytest.mark.req("CRM-01", "CRM-13")
def test_a_walk_cut_off_in_the_middle_is_continued_by_another_process(database_url: str) -> None:
    base = make_base(database_url, tiers=MANY)
    first = Caller(base)
    first.log.pages([(EntitySet.TIERS, "")], 600)
    with base.connect() as connection:
        walked = len(connection.scalars(select(GW_CHANGE.c.record_key)).all())
    assert 0 < walked < MANY

    # Another process: another change log over the same base.
    told = Caller(base).pull()

    assert len(told.tiers) == MANY
    with base.connect() as connection:
        numbers = list(connection.scalars(select(GW_CHANGE.c.seq).where(GW_CHANGE.c.seq > 0)))
    assert len(numbers) == len(set(numbers))
    base.dispose()


@pytest.mark.req("CRM-01")
def test_changes_during_the_walk_are_not_lost(database_url: str) -> None:
    base = make_base(database_url, tiers=MANY)
    caller = Caller(base)
    page = caller.log.pages([(EntitySet.TIERS, "")], 500)[0]
    caller.cursors[EntitySet.TIERS] = page.cursor
    assert not page.at_end
    assert page.remaining >= MANY - 500

    with writing(base) as connection:
        edit_tiers(connection, "T001", at=caller.clock.wall(), CT_Ville="Dijon")
        delete_tiers(connection, "T002")
        insert_tiers(connection, "NEUF", "Nouveau", at=caller.clock.wall())
    rest = caller.pull()

    assert rest.tiers["T001"].many("addresses")[0].text("town") == "Dijon"
    assert rest.gone == {"T002": "deleted"}
    assert "NEUF" in rest.tiers
    assert caller.pull().nothing
    base.dispose()


def _pull_into(results: list[Pulled], caller: Caller) -> None:
    results.append(caller.pull(page_size=200))


@pytest.mark.req("CRM-01")
def test_concurrent_readers_see_the_same_log(database_url: str) -> None:
    base = make_base(database_url, tiers=MANY)
    # One log shared by two threads, and one of its own, as another process has it.
    callers = [Caller(base), Caller(base), Caller(base)]
    callers[1].log = callers[0].log
    results: list[Pulled] = []

    threads = [threading.Thread(target=_pull_into, args=(results, caller)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(results) == 3
    assert all(pulled.tiers == results[0].tiers and len(pulled.tiers) == MANY for pulled in results)
    with base.connect() as connection:
        numbers = list(connection.scalars(select(GW_CHANGE.c.seq).where(GW_CHANGE.c.seq > 0)))
    assert len(numbers) == len(set(numbers))
    assert all(caller.pull().nothing for caller in callers)
    base.dispose()


@pytest.mark.req("CRM-12")
def test_options_unticked_leave_the_elements_out(base: Engine) -> None:
    told = Caller(base, options={"contacts": False, "addresses": False, "phones": False}).pull()

    said = {name for name, value in told.tiers["T001"].items() if repr(value) != "ABSENT"}
    assert not said & {"contacts", "addresses", "phone", "fax"}
    assert {"email", "free_fields", "name"} <= said


@pytest.mark.req("CRM-12")
def test_phones_unticked_leave_contacts_without_numbers(base: Engine) -> None:
    contact = Caller(base, options={"phones": False}).pull().tiers["T001"].many("contacts")[0]

    assert "phone=" not in repr(contact)
    assert "mobile=" not in repr(contact)
    assert contact.text("email") == "r@exemple.fr"


@pytest.mark.req("CRM-12")
def test_changes_of_an_unticked_kind_are_not_told(base: Engine) -> None:
    caller = Caller(base, options={"contacts": False})
    caller.pull()

    with writing(base) as connection:
        insert_contact(connection, "T002", "Blanc", at=caller.clock.wall())

    assert caller.pull().nothing


@pytest.mark.req("CRM-12")
def test_ticking_an_option_tells_every_tiers_it_adds_to(base: Engine) -> None:
    caller = Caller(base, options={"contacts": False})
    caller.pull()

    ticked = Caller(base)
    ticked.cursors = dict(caller.cursors)
    told = ticked.pull()

    assert len(told.tiers) == 5
    assert told.tiers["T001"].many("contacts")[0].text("last_name") == "Roux"
    assert ticked.pull().nothing


@pytest.mark.req("CRM-12", "CRM-37")
def test_dormant_tiers_come_as_dormant_or_stay_out(base: Engine) -> None:
    caller, strict = Caller(base), Caller(base, options={"dormant": False})
    caller.pull()
    with writing(base) as connection:
        edit_tiers(connection, "T003", at=caller.clock.wall(), CT_Sommeil=1)

    assert caller.pull().tiers["T003"].flag("dormant")
    assert sorted(strict.pull().tiers) == ["T001", "T002", "T004", "T005"]


@pytest.mark.req("CRM-12")
def test_a_known_tiers_put_to_sleep_is_a_tombstone_when_dormant_ones_stay_out(base: Engine) -> None:
    caller = Caller(base, options={"dormant": False})
    caller.pull()

    with writing(base) as connection:
        edit_tiers(connection, "T003", at=caller.clock.wall(), CT_Sommeil=1)
    assert caller.pull().gone == {"T003": "dormant"}

    with writing(base) as connection:
        edit_tiers(connection, "T003", at=caller.clock.wall(), CT_Sommeil=0)
    assert list(caller.pull().tiers) == ["T003"]


@pytest.mark.req("CRM-40")
def test_a_risk_code_renamed_is_told_of_the_tiers_that_have_it(base: Engine) -> None:
    caller = Caller(base)
    with writing(base) as connection:
        edit_tiers(connection, "T002", at=LONG_AGO, N_Risque=2)
    caller.pull()

    with writing(base) as connection:
        connection.execute(update(P_CRISQUE).where(P_CRISQUE.c.cbIndice == 2).values(R_Intitule="Bloqué"))
    told = caller.pull()

    assert list(told.tiers) == ["T002"]
    assert told.tiers["T002"].text("risk_label") == "Bloqué"


@pytest.mark.req("CRM-46")
def test_a_free_field_added_filled_and_deleted(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        add_free_field(connection, "Code NUTS", FreeFieldKind.LIST, 35, items=("FRK26", "FRK27"))
    added = caller.pull()
    with writing(base) as connection:
        edit_tiers(connection, "T001", at=caller.clock.wall(), **{"Code NUTS": "FRK26"})
    filled = caller.pull()
    with writing(base) as connection:
        delete_free_field(connection, "Code NUTS")
    deleted = caller.pull()

    definition = added.records[EntitySet.FREE_FIELDS]["Code NUTS"]
    assert definition.text("type") == "list"
    assert [item.text("value") for item in definition.many("items")] == ["FRK26", "FRK27"]
    assert not added.tiers
    assert [(value.text("name"), value.text("value")) for value in filled.tiers["T001"].many("free_fields")] == [
        ("Code NUTS", "FRK26")
    ]
    assert deleted.tombstones[EntitySet.FREE_FIELDS] == {"Code NUTS": "deleted"}
    assert list(deleted.tiers) == ["T001"]


@pytest.mark.req("CRM-46")
def test_a_free_field_deleted_in_the_metadata_only_is_gone_too(base: Engine) -> None:
    caller = Caller(base)
    with writing(base) as connection:
        add_free_field(connection, "Zone", FreeFieldKind.TEXT, 10)
    caller.pull()

    with writing(base) as connection:
        connection.execute(update(CB_SYSLIBRE).where(CB_SYSLIBRE.c.CB_Name == "Zone").values(CB_Type=0))

    assert caller.pull().tombstones[EntitySet.FREE_FIELDS] == {"Zone": "deleted"}


def test_a_base_of_an_old_version_is_read_with_what_it_has(base: Engine) -> None:
    with writing(base) as connection:
        for table, column in (
            ("F_COMPTET", "CT_Raccourci"),
            ("F_COMPTET", "cbCreation"),
            ("F_CONTACTT", "CT_Fonction"),
        ):
            connection.execute(text(f'ALTER TABLE "{table}" DROP COLUMN "{column}"'))
        for table in ("P_CRISQUE", "F_REGLEMENTT", "cbSysLibre", "F_ENUMLIBRECPTA", "F_LIVRAISON"):
            SAGE.tables[table].drop(connection)
    caller = Caller(base)

    told = caller.pull()

    record = told.tiers["T001"]
    assert len(told.tiers) == 5
    assert repr(record["short_name"]) == "ABSENT"
    assert repr(record["addresses"]) == "ABSENT"
    assert repr(record.many("contacts")[0]["function"]) == "ABSENT"
    assert caller.pull().nothing


def test_tiers_without_a_code_are_left_out(base: Engine) -> None:
    with writing(base) as connection:
        edit_tiers(connection, "T003", at=LONG_AGO, CT_Num="")
    caller = Caller(base)

    assert "" not in caller.pull().tiers
    with writing(base) as connection:
        connection.execute(delete(F_COMPTET).where(F_COMPTET.c.CT_Num == ""))
    assert caller.pull().nothing
