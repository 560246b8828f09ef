"""What the machine of both sides found, each in the fewest steps: faults that are gone and must not come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from contracts.fields import Record
from gateway.demo.edits import edit_tiers
from gateway.sage import F_COMPTET
from syncengine.crm.edits import add_address, edit_company
from syncengine.cycle.act import Act
from syncengine.model import CycleStatus
from tests.crm import differences, dump
from tests.syncengine.unreliable import UnreliableWorld
from tests.syncengine.world import Clock, World, world

pytestmark = pytest.mark.guarantees


@contextmanager
def unreliable(folder: Path, url: str) -> Iterator[UnreliableWorld]:
    """A small base after its first synchronisation, over a line that can be told to misbehave."""
    with world(folder, url, tiers=5, documents=0.0) as made:
        parts = {part.name: getattr(made, part.name) for part in fields(World)}
        both = UnreliableWorld(**parts)
        both.cycle()
        yield both


@pytest.fixture
def both(tmp_path: Path, database_url: str) -> Iterator[UnreliableWorld]:
    """Both sides after their first synchronisation."""
    with unreliable(tmp_path, database_url) as made:
        yield made


def first_code(made: World) -> str:
    """A tiers of the ERP."""
    with made.erp() as connection:
        return str(connection.scalar(select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CT_Type == 0)))


def column(made: World, code: str, name: str) -> Any:
    """What the ERP holds."""
    with made.erp() as connection:
        return connection.scalar(select(F_COMPTET.c[name]).where(F_COMPTET.c.CT_Num == code))


def set_column(made: World, code: str, **columns: Any) -> None:
    """Somebody changes a tiers in the ERP."""
    with made.erp() as connection:
        edit_tiers(connection, code, **columns)


def edit(made: World, code: str, **values: str) -> None:
    """Somebody changes a Company in the CRM."""
    with made.store.writing() as session:
        edit_company(session, made.company(code)["id"], values, Act(at=made.now(), by="claire"))


@pytest.mark.req("CRM-49")
def test_a_tiers_that_the_crm_cannot_take_waits_with_the_edits_of_the_crm(both: UnreliableWorld) -> None:
    # Its stale write brought the unknown category into the CRM all the same, and went on to the ERP.
    code = first_code(both)
    category = both.account(code)["price_category"]
    set_column(both, code, N_CatTarif=77)
    edit(both, code, web_site="www.crm.example")

    report = both.cycle()

    assert (report.status, report.counts.refused, report.counts.sent) == (CycleStatus.WARNING, 1, 0)
    assert both.account(code)["price_category"] == category
    assert column(both, code, "CT_Site") != "www.crm.example"
    before = dump(both.store)
    both.cycle()
    assert differences(before, dump(both.store)) == []

    set_column(both, code, N_CatTarif=2)
    both.cycle()
    assert (both.account(code)["price_category"], column(both, code, "CT_Site")) == ("2", "www.crm.example")


@pytest.mark.req("CRM-49")
def test_a_tiers_that_turns_bad_between_pull_and_push_waits_too(both: UnreliableWorld) -> None:
    code = first_code(both)
    category = both.account(code)["price_category"]
    edit(both, code, web_site="www.crm.example")

    def meddle(_transactions: list[Record]) -> None:
        set_column(both, code, N_CatTarif=77)

    both.line.meanwhile.append(meddle)

    report = both.cycle()

    assert (report.counts.stale, report.counts.refused, report.counts.sent) == (1, 1, 0)
    assert both.account(code)["price_category"] == category
    (error,) = both.rows("sync_errors", erp_key=code)
    assert (error["side"], error["state"], error["code"]) == ("crm", "open", "unknown_price_category")
    set_column(both, code, N_CatTarif=2)
    both.cycle()
    assert (both.account(code)["price_category"], column(both, code, "CT_Site")) == ("2", "www.crm.example")


@pytest.mark.req("CRM-26")
def test_what_the_erp_leaves_empty_keeps_its_default_when_another_field_is_written(both: UnreliableWorld) -> None:
    # The record read back after a write had no defaults, so the CRM's category went and came again.
    code = first_code(both)
    set_column(both, code, N_CatTarif=0)
    both.cycle()
    assert both.account(code)["price_category"] == "1"
    edit(both, code, web_site="www.crm.example")

    both.cycle()

    assert both.account(code)["price_category"] == both.company(code)["price_category"] == "1"
    assert column(both, code, "CT_Site") == "www.crm.example"


@pytest.mark.req("NEW-01", "NEW-03")
def test_what_the_engine_writes_itself_makes_the_erp_no_more_recent(tmp_path: Path, sqlite_url: str) -> None:
    # Parked for want of clear ages, the name was taken from the ERP as soon as an address of the same tiers had been written there.
    clock = Clock()
    with world(tmp_path, sqlite_url, tiers=5, documents=0.0, clock=clock) as made:
        made.cycle()
        made.set(policies={"": "most_recent"})
        code = first_code(made)
        edit(made, code, name="Nom du CRM")
        with made.store.writing() as session:
            add_address(session, made.company(code)["id"], {"title": "Quai", "town": "Łódź"}, made.act())
        set_column(made, code, CT_Intitule="Nom de l'ERP")
        clock.ahead = timedelta(hours=1)
        made.later(hours=1)

        report = made.cycle()

        assert (report.counts.parked, report.counts.sent, report.counts.decided) == (1, 1, 0)
        assert (made.company(code)["name"], column(made, code, "CT_Intitule")) == ("Nom du CRM", "Nom de l'ERP")
        (conflict,) = made.rows("conflicts")
        assert (conflict["state"], conflict["rule"]) == ("open", "asked")
