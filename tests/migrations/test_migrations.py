"""Models and migrations say the same, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, Table, inspect, select, text
from sqlalchemy.engine.interfaces import ReflectedIndex
from sqlalchemy.schema import CreateTable

from syncengine.errors import DatabaseForeign, DatabaseNewer, DatabaseOutdated
from syncengine.model import WORLD, Base, Territory
from syncengine.storage.schema import SchemaState, schema_status, upgrade
from syncengine.storage.store import open_store


def described(engine: Engine) -> dict[str, Any]:
    """All that the database tells about its tables, but for alembic's own."""
    inspector = inspect(engine)
    told: dict[str, Any] = {}
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        columns = [
            (column["name"], str(column["type"]), column["nullable"], column.get("identity", {}).get("always"))
            for column in inspector.get_columns(table)
        ]
        told[table] = {
            # A column that was added later stands last; its place means nothing.
            "columns": sorted(columns),
            "key": inspector.get_pk_constraint(table),
            "references": sorted(map(repr, inspector.get_foreign_keys(table))),
            "unique": sorted(map(repr, inspector.get_unique_constraints(table))),
            "indexes": sorted(_index(index) for index in inspector.get_indexes(table)),
        }
    return told


def _index(index: ReflectedIndex) -> str:
    condition = [str(value) for name, value in index.get("dialect_options", {}).items() if name.endswith("_where")]
    return f"{index['name']} {index['column_names']} {bool(index['unique'])} {condition}"


def test_the_migrations_make_what_the_models_declare(database_url: str) -> None:
    migrated = open_store(database_url).engine

    with migrated.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []

    told = described(migrated)
    with migrated.begin() as connection:
        reflected = MetaData()
        reflected.reflect(connection)
        reflected.drop_all(connection)
        Base.metadata.create_all(connection)
    assert described(migrated) == told
    assert set(told) == set(Base.metadata.tables)
    migrated.dispose()


def test_every_table_compiles_with_named_constraints() -> None:
    def unnamed(table: Table) -> list[str]:
        return [str(constraint) for constraint in table.constraints if constraint.name is None]

    assert {table.name: unnamed(table) for table in Base.metadata.sorted_tables if unnamed(table)} == {}
    assert all("CONSTRAINT pk_" in str(CreateTable(table)) for table in Base.metadata.sorted_tables)


@pytest.mark.req("CRM-16")
def test_an_empty_database_gets_its_tables_and_the_territory_of_the_defaults(database_url: str) -> None:
    store = open_store(database_url)

    with store.reading() as session:
        assert schema_status(session.connection()).state is SchemaState.CURRENT
        assert session.scalars(select(Territory.name)).all() == [WORLD]
    store.close()


def test_opening_twice_leaves_the_base_as_it_is(database_url: str) -> None:
    open_store(database_url).close()
    store = open_store(database_url)

    assert upgrade(store.engine).state is SchemaState.CURRENT
    with store.reading() as session:
        assert session.scalars(select(Territory.name)).all() == [WORLD]
    store.close()


def test_a_base_of_a_newer_program_is_refused_and_left_alone(database_url: str) -> None:
    store = open_store(database_url)
    with store.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(DatabaseNewer) as refused:
        open_store(database_url)
    with pytest.raises(DatabaseNewer):
        upgrade(store.engine)

    assert refused.value.problem_code == "database_newer"
    assert "9999" in refused.value.message
    with store.reading() as session:
        assert schema_status(session.connection()).found == "9999"
    store.close()


def test_a_base_of_an_older_program_asks_for_the_upgrade(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(database_url).close()
    # The version after the newest one is announced here.
    monkeypatch.setattr("syncengine.storage.schema.ScriptDirectory.get_current_head", lambda _self: "0003")

    with pytest.raises(DatabaseOutdated) as refused:
        open_store(database_url)

    assert refused.value.problem_code == "database_outdated"
    assert "syncengine db upgrade" in refused.value.remedy


def test_a_database_of_something_else_is_refused_and_left_alone(database_url: str) -> None:
    store = open_store(database_url, check=False)
    with store.writing() as session:
        session.execute(text("CREATE TABLE somebody_elses (id INTEGER)"))

    with pytest.raises(DatabaseForeign):
        open_store(database_url)

    assert inspect(store.engine).get_table_names() == ["somebody_elses"]
    store.close()


def test_a_migration_that_fails_leaves_nothing_half_made(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(database_url, check=False)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("stopped in the middle")

    # `op.execute` comes last in the first migration: all its tables are made by then.
    monkeypatch.setattr("alembic.op.execute", fail)
    with pytest.raises(RuntimeError, match="stopped in the middle"):
        upgrade(store.engine)

    assert inspect(store.engine).get_table_names() == []
    store.close()
