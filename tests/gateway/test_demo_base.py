"""The demonstration base: complete, believable, the same for the same seed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, Table, func, select

from gateway.clock import wall_clock
from gateway.database import open_database, reading
from gateway.demo import BaseSummary, build_base
from gateway.errors import BaseNotEmpty, InputInvalid
from gateway.sage import (
    F_ARTICLE,
    F_COLLABORATEUR,
    F_COMPTET,
    F_COMPTETG,
    F_CONTACTT,
    F_CREGLEMENT,
    F_DOCENTETE,
    F_DOCLIGNE,
    F_DOCREGL,
    F_ECRITUREC,
    F_LIVRAISON,
    F_REGLECH,
    P_DOSSIER,
    SAGE,
)

LAST_EVENING = dt.datetime.fromisoformat("2026-05-20 20:00")
SALES = range(8)


def count(engine: Engine, table: Table) -> int:
    with reading(engine) as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def dump(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with reading(engine) as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in SAGE.sorted_tables
        }


def built(folder: Path, name: str, seed: int) -> tuple[BaseSummary, dict[str, list[tuple[object, ...]]]]:
    engine = open_database(str(folder / name), create=True)
    summary = build_base(engine, tiers=40, seed=seed, at=LAST_EVENING)
    rows = dump(engine)
    engine.dispose()
    return summary, rows


def test_what_is_there_is_what_was_counted(sage_engine: Engine) -> None:
    # when a base of 60 tiers is made
    summary = build_base(sage_engine, tiers=60)
    # then the database holds what the summary says, and the outsiders with the address each tiers has
    outsiders = summary.employees + summary.others
    assert summary.tiers == 60
    assert (summary.clients, summary.suppliers) == (52, 8)
    assert count(sage_engine, F_COMPTET) == 60 + outsiders
    assert count(sage_engine, F_COMPTETG) == 60 + outsiders
    assert count(sage_engine, F_LIVRAISON) == summary.deliveries + outsiders
    for table, expected in (
        (F_CONTACTT, summary.contacts),
        (F_COLLABORATEUR, summary.representatives),
        (F_ARTICLE, summary.articles),
        (F_DOCENTETE, summary.documents),
        (F_DOCLIGNE, summary.lines),
        (F_ECRITUREC, summary.entries),
        (F_CREGLEMENT, summary.payments),
        (F_REGLECH, summary.payments),
    ):
        assert count(sage_engine, table) == expected > 0
    assert summary.contacts / summary.tiers == pytest.approx(2.5, abs=0.3)
    assert summary.deliveries / summary.tiers == pytest.approx(1.5, abs=0.3)


def test_employees_and_others_are_there_to_stay_out(sage_engine: Engine) -> None:
    summary = build_base(sage_engine, tiers=10, documents_per_tiers=0)
    with reading(sage_engine) as connection:
        kinds = Counter(connection.scalars(select(F_COMPTET.c.CT_Type)))
    assert kinds == {0: summary.clients, 1: summary.suppliers, 2: summary.employees, 3: summary.others}
    assert kinds[2] > 0
    assert kinds[3] > 0


def test_the_smallest_base_has_a_client_a_supplier_and_every_kind_of_document(sage_engine: Engine) -> None:
    summary = build_base(sage_engine, tiers=2)
    assert (summary.clients, summary.suppliers) == (1, 1)
    assert summary.bad == ()
    with reading(sage_engine) as connection:
        types = set(connection.scalars(select(F_DOCENTETE.c.DO_Type).where(F_DOCENTETE.c.DO_Domaine == 0)))
    assert types == set(SALES)


def test_documents_span_three_fiscal_years_and_both_domains(sqlite_engine: Engine) -> None:
    build_base(sqlite_engine, tiers=120, at=LAST_EVENING)
    with reading(sqlite_engine) as connection:
        documents = connection.execute(select(F_DOCENTETE.c.DO_Domaine, F_DOCENTETE.c.DO_Date)).all()
        dossier = connection.execute(select(P_DOSSIER)).mappings().one()
    years = [day.year for domain, day in documents if domain == 0]
    assert set(years) == {2024, 2025, 2026}
    assert {domain for domain, _ in documents} == {0, 1}
    assert all(day <= LAST_EVENING.date() for _, day in documents)
    assert [dossier[f"D_DebutExo{slot:02}"] for slot in (1, 3, 4)] == [dt.date(2024, 1, 1), dt.date(2026, 1, 1), None]
    assert dossier["D_FinExo03"] == dt.date(2026, 12, 31)


def test_the_books_balance_and_agree_with_the_documents(sqlite_engine: Engine) -> None:
    build_base(sqlite_engine, tiers=80, documents_per_tiers=4)
    entry = F_ECRITUREC.c
    with reading(sqlite_engine) as connection:
        entries = connection.execute(select(entry.EC_Piece, entry.EC_Sens, entry.EC_Montant, entry.EC_Lettre)).all()
        headers = dict(connection.execute(select(F_DOCENTETE.c.DO_Piece, F_DOCENTETE.c.DO_TotalHT)).all())
        line = F_DOCLIGNE.c
        lines = connection.execute(select(line.DO_Piece, func.sum(line.DL_MontantHT)).group_by(line.DO_Piece)).all()
        unpaid = connection.scalar(select(func.count()).where(F_DOCREGL.c.DR_Regle == 0))
    balance: Counter[str] = Counter()
    for piece, sense, amount, _ in entries:
        balance[piece] += int(amount * 100) * (1 if sense == 0 else -1)
    assert set(balance.values()) == {0}
    assert {lettered for *_, lettered in entries} == {0, 1}
    assert all(abs(headers[piece] - Decimal(str(total))) < Decimal("0.01") for piece, total in lines)
    assert unpaid


def test_the_base_looks_lived_in(sqlite_engine: Engine) -> None:
    # given a base made now
    build_base(sqlite_engine, tiers=200)
    with reading(sqlite_engine) as connection:
        tiers = connection.execute(select(F_COMPTET)).mappings().all()
        empty = connection.exec_driver_sql("SELECT count(*) FROM F_COMPTET WHERE CT_DateCreate LIKE '1753-01-01%'")
        empty_dates = empty.scalar_one()
    modified = [row["cbModification"] for row in tiers]
    # then nothing was touched lately, and the dirt of real bases is in it
    assert max(modified) < wall_clock() - dt.timedelta(hours=1)
    assert max(modified) - min(modified) > dt.timedelta(days=700)
    assert sum(row["CT_Sommeil"] for row in tiers) == 8
    assert sum(row["CT_Siret"] == "" for row in tiers) > 8
    assert sum(row["CT_NumPayeur"] != row["CT_Num"] for row in tiers) >= 6
    assert sum(35 < len(row["CT_Intitule"]) <= 69 for row in tiers) >= 4
    assert empty_dates >= 8


def test_the_same_seed_makes_the_same_base_and_another_another(tmp_path: Path) -> None:
    first, again, other = (built(tmp_path, name, seed) for name, seed in (("a", 7), ("b", 7), ("c", 8)))
    assert first == again
    assert first[1]["F_COMPTET"] != other[1]["F_COMPTET"]


def test_both_databases_get_the_same_base(sage_engine: Engine, tmp_path: Path) -> None:
    build_base(sage_engine, tiers=8, seed=7, at=LAST_EVENING, dirt=False)
    other = open_database(str(tmp_path / "twin.db"), create=True)
    build_base(other, tiers=8, seed=7, at=LAST_EVENING, dirt=False)
    assert dump(sage_engine) == dump(other)
    other.dispose()


def test_a_base_in_use_is_never_overwritten(sage_engine: Engine) -> None:
    build_base(sage_engine, tiers=3, documents_per_tiers=0)
    before = count(sage_engine, F_COMPTET)
    with pytest.raises(BaseNotEmpty) as refused:
        build_base(sage_engine, tiers=3)
    assert refused.value.remedy
    assert count(sage_engine, F_COMPTET) == before


@pytest.mark.parametrize("tiers", [-1, 0, 1, 200_001])
def test_a_size_out_of_bounds_is_refused(sqlite_engine: Engine, tiers: int) -> None:
    with pytest.raises(InputInvalid, match="2 to 200000"):
        build_base(sqlite_engine, tiers=tiers)


def test_progress_is_told_to_the_end(sqlite_engine: Engine) -> None:
    made: list[int] = []
    build_base(sqlite_engine, tiers=1100, documents_per_tiers=0, progress=made.append)
    assert made == [1000, 1100]
