"""The statements of the change log as SQL Server receives them: compiled, since no server is at hand."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import pytest
from sqlalchemy import Connection, create_mock_engine
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateIndex

from contracts.messages import EntitySet
from gateway.ledger import changes_after
from gateway.sage import F_COMPTET, F_DOCLIGNE
from gateway.sidetables import SIDE, Sweep, lock_standing, modification_index
from gateway.sweep import Moment, moment_of, sweep, utc_now
from tests.gateway.base import ZONE

DIALECT = mssql.dialect()  # type: ignore[no-untyped-call]


class _Sent(Exception):
    """Carries the statement out of the code that would have run it."""


class _Recorder:
    """Stands where a connection to SQL Server would: compiles what it is given, runs nothing."""

    dialect = DIALECT

    def execute(self, statement: Any, *_: Any) -> Any:
        raise _Sent(str(statement.compile(dialect=DIALECT)).replace("\n", ""))


def _sent(work: Any) -> str:
    with pytest.raises(_Sent) as sent:
        work(cast("Connection", _Recorder()))
    return str(sent.value)


def test_the_scan_locks_its_row_until_the_end_of_the_transaction() -> None:
    assert "WITH (UPDLOCK, HOLDLOCK)" in _sent(lock_standing)


def test_the_time_is_the_servers_own() -> None:
    assert "SYSUTCDATETIME()" in _sent(lambda connection: moment_of(connection, utc_now, ZONE))


def test_polls_and_pages_are_bounded() -> None:
    now = Moment(utc=utc_now(), wall=dt.datetime(2026, 1, 1))  # noqa: DTZ001 - the server's wall clock
    state = Sweep(since=now.to_text())

    poll = _sent(lambda connection: sweep(connection, F_COMPTET.c.CT_Num, state, now, 500))
    page = _sent(lambda connection: changes_after(connection, EntitySet.TIERS, 5, 500))

    assert poll.startswith("SELECT TOP")
    assert "ORDER BY [F_COMPTET].[cbModification], [F_COMPTET].[cbMarq]" in poll
    assert page.startswith("SELECT TOP")


def test_the_side_tables_and_the_index_compile() -> None:
    sent: list[str] = []
    engine = create_mock_engine("mssql+pyodbc://", lambda statement, *_, **__: sent.append(_text(statement)))

    SIDE.create_all(engine, checkfirst=False)

    assert any("CREATE TABLE [GW_CHANGE]" in statement for statement in sent)
    assert any("CREATE TABLE [GW_STATE]" in statement for statement in sent)
    index = _text(CreateIndex(modification_index(F_DOCLIGNE)))
    assert index == "CREATE INDEX [GW_IX_F_DOCLIGNE] ON [F_DOCLIGNE] ([cbModification], [cbMarq])"


def _text(statement: Any) -> str:
    return str(statement.compile(dialect=DIALECT)).replace("\n", "").replace("\t", "")
