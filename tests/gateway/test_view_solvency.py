"""Solvabilité and Cumuls: every figure against rows written and added up by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from contracts.errors import RemoteFault
from contracts.fields import Record
from contracts.messages import (
    VIEW_CUMULATED_FIGURES,
    VIEW_DOCUMENT_LINES,
    VIEW_DOCUMENTS,
    VIEW_ENTRIES,
    VIEW_SOLVENCY,
)
from gateway.database import writing
from gateway.demo.edits import insert_tiers
from gateway.sage import F_COMPTET, P_DOSSIER, P_PARAMETRECIAL
from gateway.sage.defaults import TiersType
from tests.gateway.base import LONG_AGO, make_base
from tests.gateway.view_world import TODAY, Ask, add_document, add_entry, add_line, asking

OF_ONE_TIERS = (VIEW_SOLVENCY, VIEW_CUMULATED_FIGURES, VIEW_ENTRIES, VIEW_DOCUMENTS, VIEW_DOCUMENT_LINES)


def ago(days: int) -> dt.date:
    return TODAY - dt.timedelta(days=days)


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """T001 with a dozen entries and a dozen lines; the open years are 2025 and 2026, today is 2026-05-04.

    Entries that count         debit    credit   due            lettered
    2025-01-01                1000.00                           yes
    2025-03-31                         1000.00                  yes
    2025-11-10                 500.00            95 days ago          -> more
    2026-01-05                 400.10            90 days ago          -> 61-90
    2026-02-01                 300.20            61 days ago          -> 61-90
    2026-03-01                 200.30            60 days ago          -> 31-60
    2026-03-31                 100.40            30 days ago          -> 1-30
    2026-04-01                          50.00    1 day ago            -> 1-30
    2026-04-30                  70.00            today                -> not due
    2026-12-31                  30.00            in 30 days           -> not due (posted ahead, MOB-02 is not for here)
    2026-03-15                  25.00            1753 (none)          -> its own date is 50 days ago: 31-60
    Σ debit 2626.00 − Σ credit 1050.00 = 1576.00; unlettered the same, since the two lettered ones make zero.
    Left out: 2024-12-31 (before the open years), 2027-01-01 (after them), one of T002.
    """
    engine = make_base(database_url)
    lettered: dict[str, Any] = {"EC_Lettre": 1, "EC_Lettrage": "AAA"}
    with writing(engine) as connection:
        add_entry(connection, dt.date(2025, 1, 1), 1000, due=ago(400), **lettered)
        add_entry(connection, dt.date(2025, 3, 31), -1000, due=ago(390), **lettered)
        for day, amount, due in (
            (dt.date(2025, 11, 10), 500, ago(95)),
            (dt.date(2026, 1, 5), 400.1, ago(90)),
            (dt.date(2026, 2, 1), 300.2, ago(61)),
            (dt.date(2026, 3, 1), 200.3, ago(60)),
            (dt.date(2026, 3, 31), 100.4, ago(30)),
            (dt.date(2026, 4, 1), -50, ago(1)),
            (dt.date(2026, 4, 30), 70, TODAY),
            (dt.date(2026, 12, 31), 30, ago(-30)),
            (dt.date(2026, 3, 15), 25, None),
            (dt.date(2024, 12, 31), 7000, ago(500)),
            (dt.date(2027, 1, 1), 8000, ago(-300)),
        ):
            add_entry(connection, day, amount, due=due)
        add_entry(connection, dt.date(2026, 4, 1), 9000, due=TODAY, code="T002")
        # Documents: FA 120 − credit invoice 12 (written positive) − 6 (written negative), BL 60, PL 30, BC 15;
        # BR 10 (written negative) and BA 5 (written positive) are taken off. FC, DE and unvalued lines never count.
        for kind, piece, amounts, more in (
            ("FA", "FA1", (100, 30, -10), {}),
            ("FA", "FA2", (12,), {"DO_Provenance": 2}),
            ("FA", "FA3", (-6,), {"DO_Provenance": 1}),
            ("BL", "BL1", (60,), {}),
            ("PL", "PL1", (30,), {}),
            ("BC", "BC1", (15,), {}),
            ("BR", "BR1", (-10,), {}),
            ("BA", "BA1", (5,), {}),
            ("FC", "FC1", (4000,), {}),
            ("DE", "DE1", (5000,), {}),
            ("FA", "FA9", (6000,), {"DO_Tiers": "T002"}),
        ):
            add_document(connection, kind, piece, ago(5), **more)
            for amount in amounts:
                add_line(connection, kind, piece, DL_MontantTTC=amount)
        add_line(connection, "FA", "FA1", DL_MontantTTC=777, DL_Valorise=0)
    yield engine
    engine.dispose()


def solvency(ask: Ask, code: str = "T001") -> Record:
    found = ask(VIEW_SOLVENCY, code=code).one("solvency")
    assert found is not None
    return found


def set_tiers(engine: Engine, **columns: object) -> None:
    with writing(engine) as connection:
        connection.execute(update(F_COMPTET).where(F_COMPTET.c.CT_Num == "T001").values(**columns))


@pytest.mark.req("CRM-54")
def test_the_balance_and_its_age(base: Engine) -> None:
    with asking(base) as ask:
        found = solvency(ask)

    assert found["accounting_balance"] == Decimal("1576.00")
    # 70 + 30; 100.40 − 50; 200.30 + 25; 400.10 + 300.20; 500
    buckets = ("not_due", "overdue30", "overdue60", "overdue90", "overdue_more")
    assert [found[name] for name in buckets] == [
        Decimal("100.00"),
        Decimal("50.40"),
        Decimal("225.30"),
        Decimal("700.30"),
        Decimal("500.00"),
    ]
    assert sum(found.amount(name) for name in buckets) == found["accounting_balance"]


# P_BaseEncours: FA 120 − 12 − 6, less BR 10 and BA 5; then BL 60, PL 30 and BC 15 are added.
PORTFOLIOS = {0: 0, 1: 87, 2: 147, 3: 177, 4: 192}


@pytest.mark.req("CRM-54")
def test_the_portfolio_is_what_the_base_counts(base: Engine) -> None:
    set_tiers(base, CT_Encours=Decimal("2000.5"), CT_Assurance=1500)

    with asking(base) as ask:
        for counted, expected in PORTFOLIOS.items():
            with writing(base) as connection:
                connection.execute(P_PARAMETRECIAL.delete())
                connection.execute(insert(P_PARAMETRECIAL).values(P_BaseEncours=counted))
            found = solvency(ask)
            assert found["portfolio"] == expected
            assert found["outstanding"] == Decimal("1576.00") + expected
            assert found["available"] == Decimal("424.50") - expected
            assert (found["credit_limit"], found["insurance"]) == (Decimal("2000.5"), Decimal(1500))


# Control, risk code and limit, and whether the ERP refuses; the outstanding is 1576.00.
CONTROLS = (
    (2, 1, "99999", True),  # blocked by hand, whatever the figures
    (0, 2, "1576.01", False),  # a cent below the limit
    (0, 2, "1576.00", True),  # the limit is reached, the risk code blocks
    (1, 2, "1576.00", True),
    (1, 1, "1576.00", False),  # reached, but the risk code delivers
    (1, 0, "1576.00", False),  # no risk code
)
RISKS = {0: ("", ""), 1: ("Bon client", "deliver"), 2: ("Contentieux", "block")}


@pytest.mark.req("CRM-54")
def test_when_the_erp_refuses_to_deliver(base: Engine) -> None:
    with asking(base) as ask:
        for control, risk, limit, blocked in CONTROLS:
            set_tiers(base, CT_ControlEnc=control, N_Risque=risk, CT_Encours=Decimal(limit))
            found = solvency(ask)
            assert found["blocked"] is blocked, (control, risk, limit)
            assert found["credit_control"] == ("automatic", "risk_code", "blocked")[control]
            assert (found.text("risk_label"), found.text("risk_action")) == RISKS[risk]


@pytest.mark.req("CRM-54")
def test_nothing_is_kept_between_two_calls(base: Engine) -> None:
    with asking(base) as ask:
        before = solvency(ask).amount("accounting_balance")
        with writing(base) as connection:
            add_entry(connection, TODAY, 1)
        assert solvency(ask).amount("accounting_balance") == before + 1


@pytest.mark.req("CRM-54")
def test_without_fiscal_years_all_entries_count(base: Engine) -> None:
    with writing(base) as connection:
        connection.execute(P_DOSSIER.delete())

    with asking(base) as ask:
        assert solvency(ask)["accounting_balance"] == Decimal("16576.00")
        assert ask(VIEW_CUMULATED_FIGURES, code="T001").many("figures") == []


@pytest.mark.req("CRM-54", "CRM-05")
def test_only_clients_and_suppliers_are_shown(base: Engine) -> None:
    with writing(base) as connection:
        insert_tiers(connection, "FOURN", "Un fournisseur", kind=TiersType.SUPPLIER, at=LONG_AGO)
        add_entry(connection, TODAY, -80, code="FOURN")

    with asking(base) as ask:
        assert solvency(ask, "FOURN")["accounting_balance"] == Decimal(-80)
        for operation, code in product(OF_ONE_TIERS, ("NOBODY", "SAL001", "URSSAF")):
            with pytest.raises(RemoteFault) as refused:
                ask(operation, code=code)
            assert (refused.value.problem_code, refused.value.record) == ("unknown_tiers", code)
            assert refused.value.field == "Code"
            assert not refused.value.may_retry


@pytest.mark.req("CRM-54")
def test_each_month_of_the_open_years(base: Engine) -> None:
    with writing(base) as connection:
        # Turnover before tax: March 100.50 − credit note 20 = 80.50; an order and a purchase are none.
        march = dt.date(2026, 3, 1)
        # With tax: 72.30 + 48.30 − 24 = 96.60.
        t1 = {"DO_TotalHT": Decimal("60.25"), "DO_TotalTTC": Decimal("72.30")}
        t2 = {"DO_TotalHT": Decimal("40.25"), "DO_TotalTTC": Decimal("48.30")}
        add_document(connection, "FA", "T1", march, **t1)
        add_document(connection, "FC", "T2", dt.date(2026, 3, 31), **t2)
        add_document(connection, "FC", "T3", march, DO_TotalHT=-20, DO_TotalTTC=-24, DO_Provenance=1)
        add_document(connection, "BC", "T4", march, DO_TotalHT=900)
        add_document(connection, "FA", "T5", march, DO_TotalHT=900, DO_Domaine=1)
        add_document(connection, "FC", "T6", dt.date(2025, 12, 31), DO_TotalHT=7)

    with asking(base) as ask:
        figures = ask(VIEW_CUMULATED_FIGURES, code="T001").many("figures")

    by_start = {one.day("period_start"): one for one in figures}
    assert list(by_start) == [dt.date(year, month, 1) for year in (2025, 2026) for month in range(1, 13)]
    told = ("period_end", "debit", "credit", "balance", "turnover", "turnover_with_tax")
    # March 2026: 200.30 + 100.40 + 25 posted, and 80.50 invoiced, 96.60 with tax.
    expected = (dt.date(2026, 3, 31), Decimal("325.70"), 0, Decimal("325.70"), Decimal("80.50"), Decimal("96.60"))
    assert tuple(by_start[dt.date(2026, 3, 1)][name] for name in told) == expected
    # March 2025: one credit; April 2026: 70 − 50; February 2025: nothing.
    assert [by_start[dt.date(2025, 3, 1)][name] for name in told[1:]] == [0, 1000, -1000, 0, 0]
    assert [by_start[dt.date(2026, 4, 1)][name] for name in told[1:]] == [70, 50, 20, 0, 0]
    assert [by_start[dt.date(2025, 2, 1)][name] for name in told] == [dt.date(2025, 2, 28), 0, 0, 0, 0, 0]
    assert by_start[dt.date(2025, 12, 1)]["turnover"] == 7
    assert sum(one.amount("balance") for one in figures) == Decimal("1576.00")
