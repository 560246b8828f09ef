"""The base: transactions that hold, and errors with a code and a remedy."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select, text

from contracts.errors import Problem
from syncengine.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseFull,
    DatabaseRefused,
    DatabaseUnreachable,
    ExitCode,
    SettingsInvalid,
    exit_code,
)
from syncengine.model import Company
from syncengine.storage.store import Dialect, Store, open_store
from tests.syncengine.records import company


def test_what_is_written_in_one_transaction_stays_together(store: Store) -> None:
    def stop_after_writing() -> None:
        with store.writing() as session:
            company(session)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stop_after_writing()
    with store.reading() as session:
        assert session.scalars(select(Company)).all() == []


def test_a_reader_does_not_wait_for_a_writer(store: Store) -> None:
    with store.writing() as writer:
        company(writer)
        with store.reading() as reader:
            assert reader.scalars(select(Company)).all() == []


def test_a_writer_that_finds_the_base_locked_says_so(sqlite_url: str) -> None:
    store = open_store(sqlite_url, busy_timeout_s=0.05)
    with store.writing() as first:
        company(first)
        with pytest.raises(DatabaseBusy) as refused, store.writing() as second:
            company(second)
    assert refused.value.problem_code == "database_locked"
    assert refused.value.may_retry
    assert exit_code(refused.value) is ExitCode.DATABASE
    store.close()


@pytest.mark.postgresql
def test_a_locked_row_says_so_on_postgresql_too(postgresql_url: str) -> None:
    store = open_store(postgresql_url, busy_timeout_s=0.1)
    with store.writing() as first:
        company(first)
    with store.writing() as holder:
        holder.execute(text("UPDATE companies SET name = 'A'"))
        with pytest.raises(DatabaseBusy), store.writing() as other:
            other.execute(text("UPDATE companies SET name = 'B'"))
    store.close()


def test_a_full_disk_is_a_typed_error_and_nothing_is_half_written(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    with store.writing() as session:
        company(session)

    def fill_the_disk() -> None:
        with store.writing() as session:
            pages = session.scalar(text("PRAGMA page_count"))
            session.execute(text(f"PRAGMA max_page_count = {pages}"))
            session.execute(text("UPDATE companies SET payment_terms = 'half'"))
            for _ in range(200):
                company(session, payment_terms="x" * 250)

    with pytest.raises(DatabaseFull) as refused:
        fill_the_disk()
    assert refused.value.problem_code == "disk_full"
    assert refused.value.remedy
    with store.reading() as session:
        assert session.execute(select(Company.id, Company.payment_terms)).all() == [(1, None)]
    store.close()


def test_a_file_that_is_no_database_is_named_damaged(tmp_path: Path) -> None:
    file = tmp_path / "base.db"
    file.write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(DatabaseDamaged):
        open_store(f"sqlite:///{file}")


def test_a_server_that_is_not_there_is_unreachable_and_its_password_stays_hidden() -> None:
    with pytest.raises(DatabaseUnreachable) as refused:
        open_store("postgresql://crm:hidden-word@127.0.0.1:1/crm")
    assert "hidden-word" not in str(refused.value)
    assert exit_code(refused.value) is ExitCode.DATABASE


@pytest.mark.parametrize("url", ["nonsense", "mysql://crm:hidden-word@server/crm", "sqlite+nothing"])
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        open_store(url)
    assert refused.value.field == "database_url"
    assert "hidden-word" not in str(refused.value)


def test_a_statement_the_database_rejects_is_a_problem_without_values(store: Store) -> None:
    with pytest.raises(DatabaseRefused) as refused, store.writing() as session:
        session.execute(text("INSERT INTO nowhere (secret) VALUES (:value)"), {"value": "hidden-word"})
    assert "hidden-word" not in str(refused.value)


def test_broken_references_are_refused(store: Store) -> None:
    with pytest.raises(Problem), store.writing() as session:
        company(session, manager_id=4711)


def test_sqlite_is_set_up_to_lose_nothing(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    with store.reading() as session:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        assert [session.scalar(text(f"PRAGMA {name}")) for name in pragmas] == ["wal", 2, 1]
    assert store.dialect is Dialect.SQLITE
    store.close()


def test_a_transaction_cut_off_by_a_kill_leaves_no_trace(sqlite_url: str) -> None:
    open_store(sqlite_url).close()
    program = f"""
import os
from syncengine.storage.store import open_store
from tests.syncengine.records import company
with open_store({sqlite_url!r}).writing() as session:
    company(session)
    os.kill(os.getpid(), 9)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", program], check=False, env=environment)
    assert killed.returncode == -9

    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT count(*) FROM companies").fetchone() == (0,)
    connection.close()
