"""The Sage 100 tables as declared: they compile for every database and keep Sage's peculiar values."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from sqlalchemy import Dialect, Engine, inspect, select
from sqlalchemy.dialects import registry
from sqlalchemy.schema import CreateIndex, CreateTable

from gateway.database import create_base, is_empty, reading, writing
from gateway.sage import F_COMPTET, P_CATCOMPTA, SAGE


def dialect_named(name: str) -> Dialect:
    made: Dialect = registry.load(name)()
    return made


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "mssql"])
def test_every_table_compiles_with_its_mixed_case_names_kept(name: str) -> None:
    dialect = dialect_named(name)
    for table in SAGE.sorted_tables:
        statement = str(CreateTable(table).compile(dialect=dialect))
        quoted = dialect.identifier_preparer.quote(table.name)
        assert f"CREATE TABLE {quoted} (" in statement
        assert quoted != table.name
        assert all(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)


def test_sql_server_gets_the_types_of_a_sage_base() -> None:
    statement = str(CreateTable(F_COMPTET).compile(dialect=dialect_named("mssql")))
    assert "[cbMarq] INTEGER NOT NULL IDENTITY" in statement
    assert "[CT_Intitule] VARCHAR(69)" in statement
    assert "[CT_Encours] NUMERIC(24, 6)" in statement
    assert "[cbModification] DATETIME" in statement
    assert "NVARCHAR" not in statement


def test_change_detection_is_left_without_an_index_of_sage() -> None:
    indexed = {column.name for table in SAGE.sorted_tables for index in table.indexes for column in index.columns}
    assert "CT_Num" in indexed
    assert "cbModification" not in indexed


def test_a_base_is_created_once_and_again_without_harm(sage_engine: Engine) -> None:
    assert is_empty(sage_engine)
    create_base(sage_engine)
    create_base(sage_engine)
    with reading(sage_engine) as connection:
        assert set(SAGE.tables) <= set(inspect(connection).get_table_names())
    assert not is_empty(sage_engine)
    sage_engine.dispose()


def test_amounts_and_empty_dates_read_the_same_from_every_database(sage_engine: Engine) -> None:
    # given a tiers with an amount, and both of Sage's empty dates and a real one
    create_base(sage_engine)
    dates = (None, dt.date(1900, 1, 1), dt.date(2024, 2, 29))
    with writing(sage_engine) as connection:
        rows = [
            {"CT_Num": f"T{n}", "CT_Encours": Decimal("1234.56"), "CT_DateCreate": day, "cbModification": None}
            for n, day in enumerate(dates)
        ]
        connection.execute(F_COMPTET.insert(), rows)
    # when they are read back
    with reading(sage_engine) as connection:
        query = select(F_COMPTET.c.CT_Encours, F_COMPTET.c.CT_DateCreate, F_COMPTET.c.cbModification)
        found = connection.execute(query.order_by(F_COMPTET.c.CT_Num)).all()
    # then amounts are exact and empty dates none
    assert [row[0] for row in found] == [Decimal("1234.560000")] * 3
    assert [row[1] for row in found] == [None, None, dt.date(2024, 2, 29)]
    assert [row[2] for row in found] == [None] * 3
    sage_engine.dispose()


def test_a_number_is_never_given_twice(sage_engine: Engine) -> None:
    create_base(sage_engine)
    with writing(sage_engine) as connection:
        connection.execute(F_COMPTET.insert(), [{"CT_Num": "A"}, {"CT_Num": "B"}])
        last = connection.scalar(select(F_COMPTET.c.cbMarq).where(F_COMPTET.c.CT_Num == "B"))
        connection.execute(F_COMPTET.delete().where(F_COMPTET.c.CT_Num == "B"))
        connection.execute(F_COMPTET.insert(), [{"CT_Num": "C"}])
        next_one = connection.scalar(select(F_COMPTET.c.cbMarq).where(F_COMPTET.c.CT_Num == "C"))
    assert last is not None
    assert next_one is not None
    assert next_one > last
    sage_engine.dispose()


def test_an_aware_instant_is_refused(sqlite_engine: Engine) -> None:
    create_base(sqlite_engine)
    row = {"CT_Num": "A", "cbModification": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}
    with pytest.raises(Exception, match="local time"), writing(sqlite_engine) as connection:
        connection.execute(F_COMPTET.insert(), [row])
    sqlite_engine.dispose()


def test_the_longest_title_and_the_fifty_categories_are_there() -> None:
    assert str(F_COMPTET.c.CT_Intitule.type) == "VARCHAR(69)"
    assert len([name for name in P_CATCOMPTA.c.keys() if name.startswith("CA_ComptaVen")]) == 50  # noqa: SIM118
