"""A differential cycle brings what the ERP changed and nothing else; whatever the edits, it ends where a full load would."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Column, select, update

from gateway.database import open_database, reading
from gateway.demo import build_base
from gateway.demo.edits import (
    add_free_field,
    delete_contact,
    delete_delivery,
    delete_free_field,
    delete_tiers,
    edit_contact,
    edit_delivery,
    edit_tiers,
    insert_contact,
    insert_delivery,
    insert_tiers,
)
from gateway.free_fields import FreeFieldKind
from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON
from syncengine.model import Base, CycleKind, CycleStatus
from tests.crm import differences, dump, trees
from tests.gateway.live import COMPANY, live_gateway
from tests.syncengine.world import World, crm, unexplained, world


@pytest.fixture
def synchronised(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A base of 12 tiers after its first synchronisation."""
    with world(tmp_path, database_url) as made:
        made.cycle()
        yield made


def codes(made: World) -> list[str]:
    """The clients of the ERP."""
    with made.erp() as connection:
        query = select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CT_Type == 0).order_by(F_COMPTET.c.cbMarq)
        return list(connection.scalars(query))


@pytest.mark.req("CRM-29")
@pytest.mark.guarantees
def test_an_edit_in_the_erp_reaches_account_and_company_with_the_values_before_in_the_journal(
    synchronised: World,
) -> None:
    code = codes(synchronised)[0]
    before = synchronised.cells()
    with synchronised.erp() as connection:
        edit_tiers(connection, code, CT_Intitule="Nouveau nom", CT_Telephone="0102030405")

    report = synchronised.cycle()

    assert (report.kind, report.status) == (CycleKind.DIFFERENTIAL, CycleStatus.SUCCESS)
    assert report.counts.changed == 1
    assert synchronised.account(code)["name"] == synchronised.company(code)["name"] == "Nouveau nom"
    standard = [p["number"] for p in synchronised.children("phones", code) if p["kind"] == "standard"]
    assert standard == ["0102030405"]
    lines = synchronised.journal(report)
    assert unexplained(before, synchronised.cells(), lines) == []
    assert {(line.entity, line.field, line.rule) for line in lines} >= {
        ("account", "name", "erp_changed"),
        ("company", "name", "replicated"),
    }


@pytest.mark.req("NEW-01")
@pytest.mark.guarantees
def test_a_field_the_erp_did_not_touch_keeps_the_value_of_the_crm(synchronised: World) -> None:
    code = codes(synchronised)[0]
    companies = Base.metadata.tables["companies"]
    with synchronised.store.writing() as session:
        session.execute(update(companies).where(companies.c.code == code).values(web_site="www.crm.example"))
    with synchronised.erp() as connection:
        edit_tiers(connection, code, CT_Intitule="Nouveau nom")

    synchronised.cycle()

    company = synchronised.company(code)
    assert (company["name"], company["web_site"]) == ("Nouveau nom", "www.crm.example")


@pytest.mark.req("CRM-32")
def test_a_tiers_deleted_in_the_erp_stays_in_the_crm_as_inactive_and_comes_back_when_it_returns(
    synchronised: World,
) -> None:
    with synchronised.erp() as connection:
        insert_tiers(connection, "PASSAGER", "De passage")
    synchronised.cycle()
    first = synchronised.account("PASSAGER")
    with synchronised.erp() as connection:
        delete_tiers(connection, "PASSAGER")

    assert synchronised.cycle().counts.vanished == 1
    account, company = synchronised.account("PASSAGER"), synchronised.company("PASSAGER")
    assert (account["erp_state"], account["status"], company["status"]) == ("deleted", "inactive", "inactive")

    with synchronised.erp() as connection:
        insert_tiers(connection, "PASSAGER", "De retour")
    synchronised.cycle()
    account, company = synchronised.account("PASSAGER"), synchronised.company("PASSAGER")
    assert account["id"] == first["id"]
    assert (account["erp_state"], account["status"], company["status"]) == ("present", "active", "active")
    assert company["name"] == "De retour"


@pytest.mark.req("CRM-05")
def test_a_tiers_that_becomes_an_employee_leaves_the_synchronisation(synchronised: World) -> None:
    code = codes(synchronised)[0]
    with synchronised.erp() as connection:
        edit_tiers(connection, code, CT_Type=2)

    synchronised.cycle()

    account = synchronised.account(code)
    assert (account["erp_state"], account["status"]) == ("out_of_scope", "inactive")


@pytest.mark.req("CRM-46")
def test_free_fields_come_change_type_and_go_without_anybody_acting(synchronised: World) -> None:
    code = codes(synchronised)[0]
    with synchronised.erp() as connection:
        add_free_field(connection, "Numéro de bail", FreeFieldKind.TEXT, 20)
        edit_tiers(connection, code, at=None, **{"Numéro de bail": "B-12"})
    synchronised.cycle()
    (definition,) = synchronised.rows("free_field_definitions", name="Numéro de bail")
    assert (definition["type"], definition["state"]) == ("text", "replicated")
    assert synchronised.company(code)["free_values"]["Numéro de bail"] == "B-12"

    with synchronised.erp() as connection:
        delete_free_field(connection, "Numéro de bail")
        add_free_field(connection, "Numéro de bail", FreeFieldKind.VALUE)
    synchronised.cycle()
    states = {row["type"]: row["state"] for row in synchronised.rows("free_field_definitions", name="Numéro de bail")}
    assert states == {"text": "no_longer_replicated", "value": "replicated"}

    with synchronised.erp() as connection:
        delete_free_field(connection, "Numéro de bail")
    synchronised.cycle()
    states = {row["type"]: row["state"] for row in synchronised.rows("free_field_definitions", name="Numéro de bail")}
    assert set(states.values()) == {"no_longer_replicated"}


@pytest.mark.req("CRM-44")
def test_when_the_default_contact_goes_another_takes_its_place(synchronised: World) -> None:
    code = codes(synchronised)[0]
    with synchronised.erp() as connection:
        for number in list(connection.scalars(select(F_CONTACTT.c.CT_No).where(F_CONTACTT.c.CT_Num == code))):
            delete_contact(connection, number)
        first = insert_contact(connection, code, "Premier")
        second = insert_contact(connection, code, "Second")
    synchronised.cycle()
    defaults = {c["erp_key"]: c["is_default"] for c in synchronised.children("contacts", code)}
    assert defaults == {str(first): True, str(second): False}

    with synchronised.erp() as connection:
        delete_contact(connection, first)
    synchronised.cycle()

    (left,) = synchronised.children("contacts", code)
    assert (left["erp_key"], left["is_default"]) == (str(second), True)


TEXTS = st.sampled_from(["", "Dupont & Fils", "<b>", "Œuvre €", "a" * 30])
COLUMNS = ("CT_Intitule", "CT_Contact", "CT_Adresse", "CT_Ville", "CT_Telephone", "CT_EMail", "CT_Statistique01")
WIDTH = {"CT_Telephone": 21, "CT_Statistique01": 21}


class ErpEdits(RuleBasedStateMachine):
    """Anybody works in the ERP; cycles run now and then; the CRM always ends where a full load of the same base would."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="edits-"))
        shutil.copy(self.template, self.folder / "sage.db")
        self.sage = open_database(f"sqlite:///{self.folder / 'sage.db'}")
        self.live = live_gateway(self.sage)
        gateway = self.live.__enter__()
        self.crm = crm(self.folder, f"sqlite:///{self.folder / 'crm.db'}", gateway)
        store, integration_id = self.crm.__enter__()
        self.world = World(sage=self.sage, gateway=gateway, store=store, integration_id=integration_id, page_size=3)
        self.world.cycle()
        self.fields = 0
        self.made = 0

    def teardown(self) -> None:
        self.crm.__exit__(None, None, None)
        self.live.__exit__(None, None, None)
        self.sage.dispose()
        shutil.rmtree(self.folder)

    def pick(self, column: Column[Any], place: int) -> Any:
        with reading(self.sage) as connection:
            keys = list(connection.scalars(select(column).order_by(column)))
        return keys[place % len(keys)] if keys else None

    @rule(place=st.integers(0, 20), column=st.sampled_from(COLUMNS), value=TEXTS)
    def edit_a_tiers(self, place: int, column: str, value: str) -> None:
        with self.world.erp() as connection:
            text = (value or "Sans nom") if column == "CT_Intitule" else value[: WIDTH.get(column, 35)]
            edit_tiers(connection, self.pick(F_COMPTET.c.CT_Num, place), at=None, **{column: text})

    @rule(place=st.integers(0, 20), asleep=st.integers(0, 1))
    def send_to_sleep_or_wake(self, place: int, asleep: int) -> None:
        with self.world.erp() as connection:
            edit_tiers(connection, self.pick(F_COMPTET.c.CT_Num, place), CT_Sommeil=asleep)

    @rule(place=st.integers(0, 20), kind=st.integers(0, 3))
    def change_the_type(self, place: int, kind: int) -> None:
        with self.world.erp() as connection:
            edit_tiers(connection, self.pick(F_COMPTET.c.CT_Num, place), CT_Type=kind)

    @rule()
    def create_a_tiers(self) -> None:
        self.made += 1
        with self.world.erp() as connection:
            insert_tiers(connection, f"NEUF{self.made % 3}X{self.made}", f"Neuf {self.made}")

    @precondition(lambda self: self.made)
    @rule(again=st.booleans())
    def delete_a_tiers(self, *, again: bool) -> None:
        with self.world.erp() as connection:
            query = select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CT_Num.like("NEUF%"))
            code = connection.scalar(query)
            if code is not None:
                delete_tiers(connection, code)
                if again:
                    insert_tiers(connection, code, "Recréé")

    @rule(place=st.integers(0, 20), name=st.sampled_from(["Un", "Deux", "Trois"]))
    def add_a_contact(self, place: int, name: str) -> None:
        with self.world.erp() as connection:
            first = f"N{connection.scalar(select(F_CONTACTT.c.CT_No).order_by(F_CONTACTT.c.CT_No.desc()))}"
            insert_contact(connection, self.pick(F_COMPTET.c.CT_Num, place), name, CT_Prenom=first)

    @rule(place=st.integers(0, 30), mobile=st.sampled_from(["", "0600000000"]))
    def edit_a_contact(self, place: int, mobile: str) -> None:
        number = self.pick(F_CONTACTT.c.CT_No, place)
        if number is not None:
            with self.world.erp() as connection:
                edit_contact(connection, number, CT_TelPortable=mobile, CT_Fonction=f"F{place}")

    @rule(place=st.integers(0, 30))
    def delete_a_contact(self, place: int) -> None:
        number = self.pick(F_CONTACTT.c.CT_No, place)
        if number is not None:
            with self.world.erp() as connection:
                delete_contact(connection, number)

    @rule(place=st.integers(0, 20), title=st.sampled_from(["Dépôt", "Usine"]))
    def add_a_delivery_address(self, place: int, title: str) -> None:
        with self.world.erp() as connection:
            insert_delivery(connection, self.pick(F_COMPTET.c.CT_Num, place), title)

    @rule(place=st.integers(0, 30), town=TEXTS)
    def edit_or_delete_a_delivery_address(self, place: int, town: str) -> None:
        number = self.pick(F_LIVRAISON.c.LI_No, place)
        if number is not None:
            with self.world.erp() as connection:
                if town:
                    edit_delivery(connection, number, LI_Ville=town)
                else:
                    delete_delivery(connection, number)

    @precondition(lambda self: self.fields < 4)
    @rule(place=st.integers(0, 20), kind=st.sampled_from([FreeFieldKind.TEXT, FreeFieldKind.DATE]))
    def add_a_free_field(self, place: int, kind: FreeFieldKind) -> None:
        self.fields += 1
        name = f"Libre {self.fields}"
        value: Any = "x" if kind is FreeFieldKind.TEXT else dt.datetime(2026, 5, self.fields)  # noqa: DTZ001 - wall clock
        with self.world.erp() as connection:
            add_free_field(connection, name, kind, 20)
            edit_tiers(connection, self.pick(F_COMPTET.c.CT_Num, place), **{name: value})

    @rule()
    def run_a_cycle(self) -> None:
        before = self.world.cells()
        report = self.world.cycle()
        assert report.problem is None
        assert report.counts.refused == 0
        assert unexplained(before, self.world.cells(), self.world.journal(report)) == []

    @rule()
    def two_cycles_in_a_row_agree(self) -> None:
        self.world.cycle()
        after, journal = dump(self.world.store), len(self.world.rows("journal"))
        report = self.world.cycle()
        assert set(report.counts.as_dict().values()) == {0}
        assert differences(after, dump(self.world.store)) == []
        assert len(self.world.rows("journal")) == journal

    @rule()
    def it_ends_where_a_full_load_would(self) -> None:
        self.world.cycle()
        full = f"sqlite:///{self.folder / 'full.db'}"
        with crm(self.folder, full, self.world.gateway) as (store, integration_id):
            fresh = World(
                sage=self.sage, gateway=self.world.gateway, store=store, integration_id=integration_id, page_size=5
            )
            fresh.cycle()
            expected = trees(store)
        for path in self.folder.glob("full.db*"):
            path.unlink()
        found = trees(self.world.store)
        present = {code for code, tree in found.items() if tree["account"]["erp_state"] == "present"}
        assert present == expected.keys()
        for code in present:
            assert found[code] == expected[code]
        for code in found.keys() - present:
            assert found[code]["account"]["status"] == "inactive"

    @invariant()
    def every_account_has_its_one_company_and_its_one_link(self) -> None:
        accounts = self.world.rows("accounts")
        assert len({row["company_id"] for row in accounts}) == len(accounts) == len(self.world.rows("companies"))
        assert {row["local_id"] for row in self.world.rows("links")} == {row["id"] for row in accounts}


@pytest.mark.guarantees
@pytest.mark.req("CRM-01", "CRM-09")
def test_whatever_the_erp_does_the_crm_ends_where_a_full_load_would(tmp_path: Path) -> None:
    template = tmp_path / "template.db"
    sage = open_database(f"sqlite:///{template}", create=True)
    build_base(sage, tiers=6, company=COMPANY, dirt=False, documents_per_tiers=0.5)
    sage.dispose()
    machine = type("ErpEditsHere", (ErpEdits,), {"template": template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(3, settings().max_examples // 12),
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
