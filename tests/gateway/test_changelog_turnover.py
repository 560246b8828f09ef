"""Turnover N and N-1 in the change log (CRM-48): sums of the tiers whose invoices moved, and of all when a year begins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Engine, delete, text, update

from contracts.fields import Record
from gateway.database import writing
from gateway.demo.edits import delete_tiers, edit_tiers, insert_tiers
from gateway.sage import F_DOCENTETE, F_DOCLIGNE, P_DOSSIER
from gateway.sage.defaults import TiersType, stamped
from tests.gateway.base import LONG_AGO, START, Caller, Clock, add_invoice, make_base

pytestmark = [pytest.mark.req("CRM-48"), pytest.mark.req("CRM-40")]
THIS_YEAR, LAST_YEAR, BEFORE = dt.date(2026, 3, 2), dt.date(2025, 12, 31), dt.date(2024, 6, 1)


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """T001 with invoices of three years and a credit note, T002 with one invoice, an employee with one too."""
    engine = make_base(database_url)
    with writing(engine) as connection:
        add_invoice(connection, "T001", "FA001", THIS_YEAR, 1000, LONG_AGO)
        add_invoice(connection, "T001", "FC002", LAST_YEAR, 500.50, LONG_AGO, DO_Type=7)
        add_invoice(connection, "T001", "FA003", BEFORE, 9999, LONG_AGO)
        add_invoice(connection, "T001", "FA004", THIS_YEAR, -200, LONG_AGO, DO_Provenance=2)
        add_invoice(connection, "T001", "BC005", THIS_YEAR, 7777, LONG_AGO, DO_Type=1)
        add_invoice(connection, "T001", "FA006", THIS_YEAR, 4444, LONG_AGO, DO_Domaine=1, DO_Type=16)
        add_invoice(connection, "T002", "FA007", THIS_YEAR, 10, LONG_AGO)
        add_invoice(connection, "T005", "FA008", BEFORE, 10, LONG_AGO)
        add_invoice(connection, "SAL001", "FA009", THIS_YEAR, 10, LONG_AGO)
    yield engine
    engine.dispose()


def _figures(record: Record) -> tuple[Decimal | None, Decimal | None]:
    current, previous = record["current_year"], record["previous_year"]
    assert isinstance(current, Decimal)
    assert isinstance(previous, Decimal)
    return current, previous


def test_sums_of_two_fiscal_years_credit_notes_taken_off(base: Engine) -> None:
    told = Caller(base).pull().turnover

    assert {code: _figures(record) for code, record in told.items()} == {
        "T001": (Decimal("800.00"), Decimal("500.50")),
        "T002": (Decimal("10.00"), Decimal("0.00")),
    }


def test_an_invoice_more_is_told_of_its_tiers_only_and_once(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()
    caller.clock.advance(hours=1)

    with writing(base) as connection:
        add_invoice(connection, "T003", "FA100", THIS_YEAR, 12.34, caller.clock.wall())
    told = caller.pull()

    assert {code: _figures(record) for code, record in told.turnover.items()} == {
        "T003": (Decimal("12.34"), Decimal("0.00"))
    }
    assert not told.tiers
    assert caller.pull().nothing


def test_a_delivery_note_turned_into_an_invoice_counts(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        turned = update(F_DOCENTETE).where(F_DOCENTETE.c.DO_Piece == "BC005")
        connection.execute(turned.values(DO_Type=6, cbModification=caller.clock.wall()))

    assert _figures(caller.pull().turnover["T001"])[0] == Decimal("8577.00")


def test_a_deleted_invoice_is_taken_off_and_zero_is_told(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        connection.execute(delete(F_DOCENTETE).where(F_DOCENTETE.c.DO_Piece == "FA007"))
    told = caller.pull()

    assert {code: _figures(record) for code, record in told.turnover.items()} == {
        "T002": (Decimal("0.00"), Decimal("0.00"))
    }
    assert caller.pull().nothing


def test_documents_that_are_no_invoices_come_and_go_unnoticed(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        connection.execute(delete(F_DOCENTETE).where(F_DOCENTETE.c.DO_Piece == "BC005"))

    assert caller.pull().nothing


def test_when_a_fiscal_year_begins_everything_is_summed_again(base: Engine) -> None:
    with writing(base) as connection:
        year = {"D_DebutExo03": dt.date(2027, 1, 1), "D_FinExo03": dt.date(2027, 12, 31)}
        connection.execute(update(P_DOSSIER).values(**year))
    caller = Caller(base, clock=Clock(START))
    caller.pull()

    caller.clock.now = dt.datetime(2027, 1, 1, 9, 0, tzinfo=dt.UTC)
    told = caller.pull()

    assert {code: _figures(record) for code, record in told.turnover.items()} == {
        "T001": (Decimal("0.00"), Decimal("800.00")),
        "T002": (Decimal("0.00"), Decimal("10.00")),
    }
    assert not told.tiers
    assert caller.pull().nothing


def test_the_turnover_of_a_tiers_that_joins_later_comes_with_it(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        edit_tiers(connection, "SAL001", at=caller.clock.wall(), CT_Type=int(TiersType.CLIENT))
    told = caller.pull()

    assert list(told.tiers) == ["SAL001"]
    assert _figures(told.turnover["SAL001"])[0] == Decimal("10.00")


def test_a_deleted_tiers_takes_its_turnover_with_it(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    with writing(base) as connection:
        connection.execute(delete(F_DOCENTETE).where(F_DOCENTETE.c.DO_Tiers == "T002"))
        delete_tiers(connection, "T002")
    told = caller.pull()

    assert told.gone == {"T002": "deleted"}
    assert not told.turnover
    assert caller.pull().nothing


@pytest.mark.req("CRM-20")
def test_a_code_against_the_rules_has_no_turnover(database_url: str) -> None:
    base = make_base(database_url)
    with writing(base) as connection:
        insert_tiers(connection, "AVEC ESPACE", "Code interdit", at=LONG_AGO)
        add_invoice(connection, "AVEC ESPACE", "FA200", THIS_YEAR, 10, LONG_AGO)

    assert not Caller(base).pull().turnover
    base.dispose()


def test_an_old_base_without_totals_is_summed_by_its_lines(base: Engine) -> None:
    with writing(base) as connection:
        for number, (piece, amount) in enumerate((("FA001", 600), ("FA001", 400), ("FA004", -200)), 1):
            line = {"DL_No": number, "DO_Type": 6, "DO_Piece": piece, "CT_Num": "T001", "DL_MontantHT": amount}
            connection.execute(F_DOCLIGNE.insert(), [stamped(F_DOCLIGNE, LONG_AGO, **line)])
        connection.execute(text('ALTER TABLE "F_DOCENTETE" DROP COLUMN "DO_TotalHT"'))
    caller = Caller(base)

    assert _figures(caller.pull().turnover["T001"]) == (Decimal("800.00"), Decimal("0.00"))

    caller.clock.advance(hours=1)
    with writing(base) as connection:
        changed = update(F_DOCLIGNE).where(F_DOCLIGNE.c.DL_No == 2)
        connection.execute(changed.values(DL_MontantHT=500, cbModification=caller.clock.wall()))
    assert _figures(caller.pull().turnover["T001"])[0] == Decimal("900.00")
