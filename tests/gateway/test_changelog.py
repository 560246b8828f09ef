"""The change log: what changed in Sage 100 is told once, in order, and nothing else is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, delete, select, update

from contracts.messages import EntitySet
from gateway.database import reading, writing
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
)
from gateway.refusals import CursorUnknown
from gateway.sage import F_COLLABORATEUR, F_COMPTET, F_CONTACTT, F_LIVRAISON, F_REGLEMENTT
from gateway.sage.defaults import TiersType
from gateway.sidetables import GW_CHANGE, GW_STATE
from tests.gateway.base import LONG_AGO, Caller, add_term, make_base

pytestmark = pytest.mark.req("CRM-01")


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """Five clients T001 to T005, T001 with a contact, T002 with a second delivery address and a payment term."""
    engine = make_base(database_url)
    with writing(engine) as connection:
        insert_contact(connection, "T001", "Roux", at=LONG_AGO)
        insert_delivery(connection, "T002", "Dépôt", at=LONG_AGO)
        add_term(connection, "T002", LONG_AGO, N_Reglement=1, RT_NbJour=30, RT_Condition=2, RT_JourTb01=10)
    yield engine
    engine.dispose()


def _number(connection: Connection, code: str, *, contact: bool) -> int:
    table, number = (F_CONTACTT, F_CONTACTT.c.CT_No) if contact else (F_LIVRAISON, F_LIVRAISON.c.LI_No)
    found = connection.scalar(select(number).where(table.c.CT_Num == code).order_by(number.desc()))
    assert found is not None
    return int(found)


Edit = Callable[[Connection, dt.datetime], object]
EDITS: dict[str, tuple[str, Edit]] = {
    "tiers edited": ("T003", lambda c, at: edit_tiers(c, "T003", at=at, CT_Ville="Brest")),
    "tiers created": ("NEUF", lambda c, at: insert_tiers(c, "NEUF", "Nouveau", at=at)),
    "contact added": ("T003", lambda c, at: insert_contact(c, "T003", "Blanc", at=at)),
    "contact edited": (
        "T001",
        lambda c, at: edit_contact(c, _number(c, "T001", contact=True), at=at, CT_Fonction="Gérante"),
    ),
    "contact deleted": ("T001", lambda c, _: delete_contact(c, _number(c, "T001", contact=True))),
    "delivery added": ("T004", lambda c, at: insert_delivery(c, "T004", "Atelier", at=at)),
    "delivery edited": (
        "T002",
        lambda c, at: edit_delivery(c, _number(c, "T002", contact=False), at=at, LI_Ville="Nantes"),
    ),
    "delivery deleted": ("T002", lambda c, _: delete_delivery(c, _number(c, "T002", contact=False))),
    "term added": ("T001", lambda c, at: add_term(c, "T001", at, N_Reglement=2)),
    "term deleted": ("T002", lambda c, _: c.execute(delete(F_REGLEMENTT).where(F_REGLEMENTT.c.CT_Num == "T002"))),
    "representative of a tiers changed": ("T005", lambda c, at: edit_tiers(c, "T005", at=at, CO_No=2)),
}


@pytest.mark.req("CRM-05", "CRM-13")
def test_first_pull_brings_all_clients_and_suppliers_and_nobody_else(base: Engine) -> None:
    with writing(base) as connection:
        insert_tiers(connection, "FOURN", "Un fournisseur", kind=TiersType.SUPPLIER, at=LONG_AGO)

    pulled = Caller(base).pull()

    assert sorted(pulled.tiers) == ["FOURN", "T001", "T002", "T003", "T004", "T005"]
    assert pulled.tiers["FOURN"].text("type") == "supplier"
    assert sorted(pulled.records[EntitySet.REPRESENTATIVES]) == ["1", "2"]
    assert not pulled.gone


def test_each_kind_of_change_is_told_once(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    for what, (code, edit) in EDITS.items():
        caller.clock.advance(hours=1)
        with writing(base) as connection:
            edit(connection, caller.clock.wall())
        told, again = caller.pull(), caller.pull()

        assert list(told.tiers) == [code], what
        assert not told.gone, what
        assert again.nothing, what


def test_a_pull_without_changes_is_one_call_and_empty(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()
    cursors = dict(caller.cursors)

    pulled = caller.pull()

    assert pulled.nothing
    assert pulled.calls == 1
    assert caller.cursors == cursors


def test_a_row_touched_without_a_change_is_not_told(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        edit_tiers(connection, "T001", at=caller.clock.wall(), CT_Ville="Lyon")

    assert caller.pull().nothing


@pytest.mark.req("CRM-32")
def test_a_deleted_tiers_is_a_tombstone(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        delete_tiers(connection, "T004")
    told = caller.pull()

    assert told.gone == {"T004": "deleted"}
    assert not told.tiers
    assert caller.pull().nothing


def test_deleted_and_created_again_under_the_same_code_is_one_update(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        delete_tiers(connection, "T004")
        insert_tiers(connection, "T004", "Repris", at=caller.clock.wall())
    told = caller.pull()

    assert [record.text("name") for record in told.tiers.values()] == ["Repris"]
    assert not told.gone
    assert caller.pull().nothing


def test_created_again_after_its_tombstone_it_lives_again(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()
    with writing(base) as connection:
        delete_tiers(connection, "T004")
    caller.pull()

    with writing(base) as connection:
        insert_tiers(connection, "T004", "Client 4", at=caller.clock.wall())

    assert list(caller.pull().tiers) == ["T004"]


@pytest.mark.req("CRM-05")
def test_a_tiers_that_is_no_client_any_more_is_out_of_scope_and_may_come_back(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        edit_tiers(connection, "T002", at=caller.clock.wall(), CT_Type=int(TiersType.OTHER))
    assert caller.pull().gone == {"T002": "out_of_scope"}

    with writing(base) as connection:
        edit_tiers(connection, "T002", at=caller.clock.wall(), CT_Type=int(TiersType.CLIENT))
    assert list(caller.pull().tiers) == ["T002"]


@pytest.mark.req("CRM-05")
def test_an_employee_is_never_told_of_not_even_when_deleted(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        edit_tiers(connection, "SAL001", at=caller.clock.wall(), CT_Ville="Pau")
    assert caller.pull().nothing
    with writing(base) as connection:
        delete_tiers(connection, "SAL001")
    assert not caller.pull().tiers


def test_a_contact_moved_to_another_tiers_changes_both(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        edit_contact(connection, _number(connection, "T001", contact=True), at=caller.clock.wall(), CT_Num="T005")
    told = caller.pull()

    assert sorted(told.tiers) == ["T001", "T005"]
    assert not told.tiers["T001"].many("contacts")


def test_codes_that_differ_only_by_case_are_both_told(base: Engine) -> None:
    with writing(base) as connection:
        insert_tiers(connection, "t001", "Homonyme", at=LONG_AGO)

    told = Caller(base).pull()

    assert told.tiers["T001"].text("name") == "Client 1"
    assert told.tiers["t001"].text("name") == "Homonyme"


@pytest.mark.req("CRM-04", "CRM-17")
def test_representatives_created_renamed_and_deleted(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        connection.execute(update(F_COLLABORATEUR).where(F_COLLABORATEUR.c.CO_No == 2).values(CO_Nom="Garnier"))
    renamed = caller.pull()
    with writing(base) as connection:
        connection.execute(delete(F_COLLABORATEUR).where(F_COLLABORATEUR.c.CO_No == 2))
    deleted = caller.pull()

    assert renamed.records[EntitySet.REPRESENTATIVES]["2"].text("last_name") == "Garnier"
    assert deleted.tombstones[EntitySet.REPRESENTATIVES] == {"2": "deleted"}
    assert caller.pull().nothing


def test_numbers_are_never_given_twice(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()
    for _ in range(3):
        caller.clock.advance(minutes=5)
        with writing(base) as connection:
            edit_tiers(connection, "T001", at=caller.clock.wall(), CT_Ville=f"Ville {caller.clock.now}"[:35])
            edit_tiers(connection, "T003", at=caller.clock.wall(), CT_Ville=f"Ville {caller.clock.now}"[:35])
        assert sorted(caller.pull().tiers) == ["T001", "T003"]

    with base.connect() as connection:
        numbers = list(connection.scalars(select(GW_CHANGE.c.seq).where(GW_CHANGE.c.seq > 0)))
        last = connection.scalar(select(GW_STATE.c.seq))
    assert len(numbers) == len(set(numbers))
    assert max(numbers) == last


def test_a_page_holds_what_was_asked_for_and_later_sets_wait(base: Engine) -> None:
    caller = Caller(base)

    first = caller.log.pages(list(caller.cursors.items()), 4)

    assert [page.entity for page in first] == [EntitySet.FREE_FIELDS, EntitySet.REPRESENTATIVES, EntitySet.TIERS]
    assert sum(map(len, first)) == 4
    assert not first[-1].at_end
    assert first[-1].remaining >= 3


def test_small_pages_bring_the_same_as_a_large_one(base: Engine) -> None:
    large = Caller(base).pull(page_size=2000)
    small = Caller(base).pull(page_size=1)

    assert small.records == large.records
    assert small.calls > large.calls


def test_a_cursor_of_another_base_is_refused(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    for strange in ("0123456789abcdef-5-0", "nonsense", caller.cursors[EntitySet.TIERS] + "-9"):
        with pytest.raises(CursorUnknown) as refused:
            caller.log.pages([(EntitySet.TIERS, strange)], 10)
        assert refused.value.problem_code == "cursor_unknown"
        assert "beginning" in refused.value.remedy


def test_cursors_from_a_future_that_a_restored_backup_has_undone_are_refused_for_good(base: Engine) -> None:
    caller, other = Caller(base), Caller(base)
    caller.pull()
    other.pull()
    with reading(base) as connection:
        saved = connection.execute(select(GW_STATE)).one()
    for name in ("Après", "la sauvegarde"):
        with writing(base) as connection:
            edit_tiers(connection, "T001", CT_Intitule=name)
        caller.pull()
        other.pull()
    with writing(base) as connection:
        connection.execute(update(GW_STATE).values(**saved._mapping))

    for late in (caller, other):
        with pytest.raises(CursorUnknown):
            late.log.pages([(EntitySet.TIERS, late.cursors[EntitySet.TIERS])], 10)
    # The numbers of the undone future are given again, to other changes: its cursors stay refused.
    for _ in range(9):
        Caller(base).pull()
    for late in (caller, other):
        with pytest.raises(CursorUnknown):
            late.log.pages([(EntitySet.TIERS, late.cursors[EntitySet.TIERS])], 10)


@pytest.mark.req("CRM-09")
def test_from_the_beginning_again_everything_comes_with_the_same_versions(base: Engine) -> None:
    first = Caller(base).pull()

    again = Caller(base).pull()

    assert again.tiers == first.tiers


def test_a_version_does_not_depend_on_the_order_of_writing(base: Engine) -> None:
    with writing(base) as connection:
        connection.execute(delete(F_COMPTET).where(F_COMPTET.c.CT_Num == "T001"))
        insert_tiers(connection, "AVANT", "Intercalé", at=LONG_AGO)
    caller = Caller(base)
    before = caller.pull().tiers["T003"].text("version")

    with writing(base) as connection:
        row = dict(connection.execute(select(F_COMPTET).where(F_COMPTET.c.CT_Num == "T003")).mappings().one())
        connection.execute(delete(F_COMPTET).where(F_COMPTET.c.CT_Num == "T003"))
        connection.execute(F_COMPTET.insert().values({name: row[name] for name in row if name != "cbMarq"}))

    assert caller.pull().nothing
    assert Caller(base).pull().tiers["T003"].text("version") == before
