"""What holds for every page of a live view: pages make the whole, cost is bounded, old bases answer, SQL Server understands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert
from sqlalchemy.dialects import mssql

from contracts.errors import RemoteFault
from contracts.fields import ABSENT, Record
from contracts.messages import (
    VIEW_CUMULATED_FIGURES,
    VIEW_DOCUMENT,
    VIEW_DOCUMENT_LINES,
    VIEW_DOCUMENTS,
    VIEW_ENTRIES,
    VIEW_SOLVENCY,
    Operation,
)
from gateway.company import CompanyWatch
from gateway.database import open_database, reading, writing
from gateway.sage import F_DOCENTETE, F_DOCLIGNE, F_ECRITUREC, P_PARAMETRECIAL
from gateway.sage.defaults import stamped
from gateway.settings import Synchronise
from gateway.views import VIEWS
from gateway.views.look import Look
from tests.gateway.base import LONG_AGO, ZONE, make_base
from tests.gateway.view_world import TODAY, asking, every_page, rows_of, statements

DOCUMENTS = 1_000
SORTS = {
    VIEW_DOCUMENTS: ("", "Date", "Type", "Number"),
    VIEW_DOCUMENT_LINES: ("", "Date", "Type", "Number", "Article"),
    VIEW_ENTRIES: ("", "Date", "Journal", "Piece", "DueDate"),
}


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """T001 with a thousand documents, lines and entries that are equal in nearly every column: ties everywhere."""
    engine = make_base(f"sqlite:///{tmp_path_factory.mktemp('views') / 'base.db'}")
    shared = {"DO_Date": TODAY}
    headers, lines, entries = [], [], []
    for number in range(1, DOCUMENTS + 1):
        of = {**shared, "DO_Type": number % 8, "DO_Piece": f"P{number % 500:04}{number % 8}"}
        headers.append(stamped(F_DOCENTETE, LONG_AGO, DO_Tiers="T001", CO_No=1, **of))
        lines.append(stamped(F_DOCLIGNE, LONG_AGO, DL_No=number, AR_Ref=f"A{number % 3}", DL_MontantTTC=1, **of))
        day = {"JM_Date": TODAY.replace(day=1), "EC_Jour": 4, "EC_Piece": "P", "JO_Num": "VTE"}
        entries.append(stamped(F_ECRITUREC, LONG_AGO, EC_No=number, CT_Num="T001", EC_Montant=1, **day))
    headers = list({(row["DO_Type"], row["DO_Piece"]): row for row in headers}.values())
    with writing(engine) as connection:
        for table, rows in ((F_DOCENTETE, headers), (F_DOCLIGNE, lines), (F_ECRITUREC, entries)):
            connection.execute(insert(table), rows)
    yield engine
    engine.dispose()


def look_at(engine: Engine, operation: Operation, **said: Any) -> Record:
    """A view without HTTP: what the property and the counts are about."""
    with reading(engine) as connection:
        look = Look(
            connection=connection, company=CompanyWatch(Synchronise(), zone=ZONE).look(connection, TODAY), today=TODAY
        )
        return VIEWS[operation.name](look, operation.request.record(code="T001", **said))


@pytest.mark.req("CRM-54", "CRM-55")
@given(data=st.data(), size=st.integers(150, 500), descending=st.booleans())
@settings(max_examples=25)
def test_pages_one_after_the_other_are_the_whole(
    crowded: Engine, data: st.DataObject, size: int, descending: bool
) -> None:
    operation = data.draw(st.sampled_from(list(SORTS)))
    said: dict[str, Any] = {"sort": data.draw(st.sampled_from(SORTS[operation])), "descending": descending}

    def whole(page_size: int) -> list[Record]:
        return every_page(lambda asked, **more: look_at(crowded, asked, **more), operation, page_size=page_size, **said)

    paged, reference = whole(size), whole(500)

    assert paged == reference
    key = "number" if operation is VIEW_DOCUMENTS else "key"
    assert len({one[key] for one in paged}) == DOCUMENTS


@pytest.mark.req("CRM-55")
def test_a_page_costs_the_same_statements_wherever_it_is(crowded: Engine) -> None:
    costs = {}
    for number, size in ((1, 50), (20, 50), (2, 500)):
        with statements() as sent:
            reply = look_at(crowded, VIEW_DOCUMENTS, page=number, page_size=size)
        assert len(reply.many("documents")) == size
        costs[number, size] = [statement for statement in sent if "F_DOCENTETE" in statement and "SELECT" in statement]

    # The count and the page; what the base is like is looked at beside them.
    assert {len(sent) for sent in costs.values()} == {2}


@pytest.mark.req("CRM-54", "CRM-55")
def test_over_http_a_thousand_documents_come_in_pages(crowded: Engine) -> None:
    with asking(crowded) as ask:
        found = every_page(ask, VIEW_DOCUMENTS, code="T001", page_size=500)
        default = ask(VIEW_DOCUMENTS, code="T001")

    assert len({one.text("number") for one in found}) == len(found) == default.integer("total") == DOCUMENTS
    assert rows_of(VIEW_DOCUMENTS, default) == found[:50]


OLD = {
    "F_COMPTET": '"CT_Num" VARCHAR(17) NOT NULL, "CT_Intitule" VARCHAR(35), "CT_Type" SMALLINT',
    "F_DOCENTETE": '"DO_Domaine" SMALLINT, "DO_Type" SMALLINT, "DO_Piece" VARCHAR(9), "DO_Date" DATETIME, '
    '"DO_Tiers" VARCHAR(17), "DO_Ref" VARCHAR(17)',
    "F_DOCLIGNE": '"DL_No" INTEGER, "DO_Domaine" SMALLINT, "DO_Type" SMALLINT, "DO_Piece" VARCHAR(9), '
    '"AR_Ref" VARCHAR(18), "DL_Design" VARCHAR(69), "DL_MontantHT" NUMERIC(24,6), "DL_MontantTTC" NUMERIC(24,6)',
    "F_ECRITUREC": '"EC_No" INTEGER, "EC_Date" DATETIME, "CT_Num" VARCHAR(17), "EC_Sens" SMALLINT, "EC_Montant" NUMERIC(24,6)',
    "F_REGLECH": '"DO_Type" SMALLINT, "DO_Piece" VARCHAR(9), "RC_Montant" NUMERIC(24,6)',
    "P_PARAMETRECIAL": '"P_BaseEncours" SMALLINT',
    "P_DOSSIER": '"D_RaisonSoc" VARCHAR(35), "D_DebutExo01" DATETIME, "D_FinExo01" DATETIME',
}


@pytest.fixture
def old(sqlite_url: str) -> Iterator[Engine]:
    """A base of long ago: no totals on headers, no statuses, no lettering, one date of an entry, no representatives."""
    engine = open_database(sqlite_url, create=True)
    day = "2026-03-20 00:00:00.000000"
    with writing(engine) as connection:
        for table, columns in OLD.items():
            clock = ', "cbModification" SMALLDATETIME' if table[0] == "F" else ""
            connection.exec_driver_sql(f'CREATE TABLE "{table}" ("cbMarq" INTEGER PRIMARY KEY, {columns}{clock})')
        for statement in (
            f"INSERT INTO F_COMPTET VALUES (1, 'ANCIEN', 'Ancienne maison', 0, '{day}')",
            f"INSERT INTO F_DOCENTETE VALUES (1, 0, 6, 'FA1', '{day}', 'ANCIEN', 'REF', '{day}')",
            f"INSERT INTO F_DOCLIGNE VALUES (1, 1, 0, 6, 'FA1', 'A', 'Pompe', 10.5, 12.6, '{day}')",
            f"INSERT INTO F_DOCLIGNE VALUES (2, 2, 0, 6, 'FA1', 'B', 'Scie', 2, 2.4, '{day}')",
            f"INSERT INTO F_ECRITUREC VALUES (1, 1, '{day}', 'ANCIEN', 0, 40, '{day}')",
            f"INSERT INTO F_ECRITUREC VALUES (2, 2, '{day}', 'ANCIEN', 1, 15.5, '{day}')",
            f"INSERT INTO F_REGLECH VALUES (1, 6, 'FA1', 4.5, '{day}')",
            "INSERT INTO P_PARAMETRECIAL VALUES (1, 1)",
            "INSERT INTO P_DOSSIER VALUES (1, 'X', '2026-01-01 00:00:00.000000', '2026-12-31 00:00:00.000000')",
        ):
            connection.exec_driver_sql(statement)
    yield engine
    engine.dispose()


@pytest.mark.req("CRM-54", "CRM-55")
def test_an_old_base_answers_with_what_it_has(old: Engine) -> None:
    with asking(old) as ask:
        solvency = ask(VIEW_SOLVENCY, code="ANCIEN").one("solvency")
        march = ask(VIEW_CUMULATED_FIGURES, code="ANCIEN").many("figures")[2]
        entries = rows_of(VIEW_ENTRIES, ask(VIEW_ENTRIES, code="ANCIEN", sort="Date", to=dt.date(2026, 3, 20)))
        (document,) = rows_of(VIEW_DOCUMENTS, ask(VIEW_DOCUMENTS, code="ANCIEN", search="rEf"))
        lines = rows_of(VIEW_DOCUMENT_LINES, ask(VIEW_DOCUMENT_LINES, code="ANCIEN"))
        whole = ask(VIEW_DOCUMENT, type="FA", number="FA1").one("document")

    assert solvency is not None
    assert whole is not None
    # 40 − 15.50 posted, and 12.60 + 2.40 invoiced.
    assert [solvency[name] for name in ("accounting_balance", "portfolio", "outstanding")] == [
        Decimal("24.5"),
        Decimal(15),
        Decimal("39.5"),
    ]
    # Not said: neither a limit nor a lettering is there.
    assert {solvency[name] for name in ("credit_limit", "available", "credit_control", "not_due")} == {ABSENT}
    assert solvency["blocked"] is False
    assert [march[name] for name in ("debit", "credit", "balance", "turnover", "turnover_with_tax")] == [
        40,
        Decimal("15.5"),
        Decimal("24.5"),
        Decimal("12.5"),
        Decimal(15),
    ]
    assert [(one["key"], one["date"], one["label"]) for one in entries] == [
        (2, dt.date(2026, 3, 20), ABSENT),
        (1, dt.date(2026, 3, 20), ABSENT),
    ]
    assert [document[name] for name in ("total_before_tax", "total_with_tax", "settled")] == [
        Decimal("12.5"),
        Decimal(15),
        Decimal("4.5"),
    ]
    assert {document[name] for name in ("status", "currency", "representative", "net_to_pay", "heading1")} == {ABSENT}
    assert sorted(one.text("article") for one in lines) == ["A", "B"]
    assert [one.text("designation") for one in whole.many("lines")] == ["Pompe", "Scie"]


@pytest.mark.req("CRM-54")
def test_a_base_without_books_or_documents_says_so(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'bare.db'}", create=True)
    with writing(engine) as connection:
        connection.exec_driver_sql(
            'CREATE TABLE "F_COMPTET" ("cbMarq" INTEGER PRIMARY KEY, "CT_Num" VARCHAR(17), "CT_Intitule" VARCHAR(35), '
            '"CT_Type" SMALLINT, "cbModification" SMALLDATETIME)'
        )
        connection.exec_driver_sql("INSERT INTO F_COMPTET VALUES (1, 'SEUL', 'Seul', 0, '2019-05-06 07:08:00.000000')")
    with asking(engine) as ask:
        solvency = ask(VIEW_SOLVENCY, code="SEUL").one("solvency")
        assert solvency is not None
        assert (solvency["accounting_balance"], solvency["portfolio"], solvency["outstanding"]) == (ABSENT, 0, ABSENT)
        assert ask(VIEW_CUMULATED_FIGURES, code="SEUL").many("figures") == []
        for operation in (VIEW_ENTRIES, VIEW_DOCUMENTS, VIEW_DOCUMENT_LINES):
            with pytest.raises(RemoteFault) as refused:
                ask(operation, code="SEUL")
            assert refused.value.problem_code == "not_supported", operation.name
    engine.dispose()


DIALECT = mssql.dialect()  # type: ignore[no-untyped-call]
# What the dialect finds out when it connects to a server of 2012 or later.
DIALECT._supports_offset_fetch = True


class _Compiling:
    """A connection that compiles every statement for SQL Server too, before SQLite answers it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.sent: list[str] = []

    def execute(self, statement: Any, *more: Any) -> Any:
        self.sent.append(str(statement.compile(dialect=DIALECT)).replace("\n", ""))
        return self._connection.execute(statement, *more)

    def scalar(self, statement: Any) -> Any:
        return self.execute(statement).scalar()


def test_every_statement_is_one_sql_server_understands(crowded: Engine) -> None:
    with writing(crowded) as connection:
        connection.execute(P_PARAMETRECIAL.delete())
        connection.execute(insert(P_PARAMETRECIAL).values(P_BaseEncours=4))
        piece = connection.exec_driver_sql("SELECT DO_Piece FROM F_DOCENTETE WHERE DO_Type = 6").scalar()
    sent: list[str] = []
    asked: dict[Operation, dict[str, Any]] = {
        VIEW_SOLVENCY: {"code": "T001"},
        VIEW_CUMULATED_FIGURES: {"code": "T001"},
        VIEW_ENTRIES: {"code": "T001", "page": 2, "sort": "Piece", "only_unlettered": True, "to": TODAY},
        VIEW_DOCUMENTS: {"code": "T001", "page": 2, "sort": "Date", "search": "p0"},
        VIEW_DOCUMENT_LINES: {"code": "T001", "page": 2, "sort": "Article", "search": "p0"},
        VIEW_DOCUMENT: {"type": "FA", "number": piece},
    }
    with reading(crowded) as connection:
        company = CompanyWatch(Synchronise(), zone=ZONE).look(connection, TODAY)
        for operation, said in asked.items():
            compiling = _Compiling(connection)
            look = Look(connection=compiling, company=company, today=TODAY)  # type: ignore[arg-type]
            VIEWS[operation.name](look, operation.request.record(**said))
            sent += compiling.sent

    paged = [statement for statement in sent if "OFFSET" in statement]
    assert len(paged) == 3
    for statement in paged:
        columns = [part.split()[0] for part in statement.partition("ORDER BY ")[2].partition(" OFFSET")[0].split(", ")]
        assert len(columns) == len(set(columns)), "SQL Server refuses a column named twice in ORDER BY"
        assert "FETCH FIRST" in statement
    assert not any(word in statement for statement in sent for word in ("LIMIT", "strftime", "ILIKE"))
