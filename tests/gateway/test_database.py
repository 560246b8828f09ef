"""Opening a database, and what its errors become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from gateway import database
from gateway.database import create_base, open_database, reading, writing
from gateway.errors import (
    DatabaseBusy,
    DatabaseFull,
    DatabaseMissing,
    DatabaseProblem,
    DatabaseRefused,
    DatabaseUnreachable,
    NotSage,
)
from gateway.sage import F_COMPTET


def insert(engine: Engine, rows: list[dict[str, Any]]) -> None:
    with writing(engine) as connection:
        connection.execute(F_COMPTET.insert(), rows)


def test_a_missing_file_is_named_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(DatabaseMissing, match=r"none\.db"):
        open_database(str(path))
    assert not path.exists()


@pytest.mark.parametrize("url", ["nonsense:secret://@@", "oracle://me:secret@host/base", "sqlite+none:///secret"])
def test_an_unusable_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(DatabaseProblem) as refused:
        open_database(url, create=True)
    assert "secret" not in str(refused.value)
    assert refused.value.remedy


def test_a_server_that_does_not_answer_is_unreachable() -> None:
    engine = open_database("postgresql://me:secret@127.0.0.1:1/base")
    with pytest.raises(DatabaseUnreachable) as refused, reading(engine):
        pytest.fail("there is no server")
    assert refused.value.may_retry
    assert "secret" not in str(refused.value)


def test_an_unknown_database_of_a_server_is_missing(postgresql_url: str) -> None:
    engine = open_database(postgresql_url.replace("/test_", "/absent_"))
    with pytest.raises(DatabaseMissing), reading(engine):
        pytest.fail("there is no database")


def test_a_file_that_is_no_database_is_not_a_sage_base(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Madame, Monsieur, " * 100)
    engine = open_database(str(path))
    with pytest.raises(NotSage), reading(engine):
        pytest.fail("this is a letter")
    engine.dispose()


def test_a_second_writer_waits_then_is_told_the_base_is_locked(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a writer that holds the base
    monkeypatch.setattr(database, "SQLITE_WAIT_MS", 20)
    create_base(sqlite_engine)
    with writing(sqlite_engine):
        # when another wants to write, then it is told so, while a reader reads
        with pytest.raises(DatabaseBusy) as refused, writing(sqlite_engine):
            pytest.fail("two writers at once")
        with reading(sqlite_engine) as reader:
            assert reader.scalar(select(func.count()).select_from(F_COMPTET)) == 0
    assert refused.value.may_retry
    sqlite_engine.dispose()


def test_a_full_disk_leaves_nothing_half_written(sqlite_engine: Engine) -> None:
    # given a base that can grow by two pages
    create_base(sqlite_engine)
    rows = [{"CT_Num": f"T{n}", "CT_Intitule": "x" * 69} for n in range(2000)]
    with reading(sqlite_engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    # when more is written, then it is told, and nothing is there
    with pytest.raises(DatabaseFull):
        insert(sqlite_engine, rows)
    with reading(sqlite_engine) as connection:
        assert connection.scalar(select(func.count()).select_from(F_COMPTET)) == 0
    sqlite_engine.dispose()


def test_a_broken_rule_of_the_base_is_refused_without_its_values(sage_engine: Engine) -> None:
    create_base(sage_engine)
    with pytest.raises(DatabaseRefused) as refused:
        insert(sage_engine, [{"CT_Num": "A", "CT_Commentaire": "confidentiel"}] * 2)
    assert "confidentiel" not in str(refused.value)
