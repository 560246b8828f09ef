"""Écritures: rows, days, order and lettering, against entries written by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from contracts.errors import RemoteFault
from contracts.fields import ABSENT
from contracts.messages import VIEW_ENTRIES
from gateway.database import writing
from tests.gateway.base import make_base
from tests.gateway.view_world import Ask, add_entry, asking, rows_of


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """Four entries of T001, numbered 1 to 4, and one of T002.

    No  Date         Journal  Piece  Debit    Credit   Due          Lettered  Payment
    1   2026-01-31   VTE      FA2    120.00            2026-03-02   AAA       Virement
    2   2026-02-28   BQ       R7              120.00   (none)       AAA       Chèque
    3   2026-02-28   VTE      FA1    0.01              2026-04-01
    4   2023-06-01   OD       X      99.99             2023-06-01             (closed long ago)
    """
    engine = make_base(database_url)
    with writing(engine) as connection:
        lettered: dict[str, Any] = {"EC_Lettre": 1, "EC_Lettrage": "AAA"}
        texts: dict[str, Any] = {"EC_RefPiece": "REF", "EC_Intitule": "Facture & port", "N_Reglement": 1}
        january, february = dt.date(2026, 1, 31), dt.date(2026, 2, 28)
        due = dt.date(2026, 3, 2)
        add_entry(connection, january, 120, due=due, JO_Num="VTE", EC_Piece="FA2", **texts, **lettered)
        add_entry(connection, february, -120, JO_Num="BQ", EC_Piece="R7", N_Reglement=2, **lettered)
        add_entry(connection, february, 0.01, due=dt.date(2026, 4, 1), JO_Num="VTE", EC_Piece="FA1")
        add_entry(connection, dt.date(2023, 6, 1), 99.99, due=dt.date(2023, 6, 1), JO_Num="OD", EC_Piece="X")
        add_entry(connection, january, 5, code="T002")
    yield engine
    engine.dispose()


def keys(ask: Ask, **said: Any) -> list[int]:
    return [one.integer("key") for one in rows_of(VIEW_ENTRIES, ask(VIEW_ENTRIES, code="T001", **said))]


@pytest.mark.req("CRM-54")
def test_every_column_of_an_entry(base: Engine) -> None:
    with asking(base) as ask:
        found = {one.integer("key"): one for one in rows_of(VIEW_ENTRIES, ask(VIEW_ENTRIES, code="T001"))}

    texts = ("journal", "piece", "reference", "account", "label", "payment_method", "lettering")
    told = ["VTE", "FA2", "REF", "4110000", "Facture & port", "Virement", "AAA"]
    assert [found[1].text(name) for name in texts] == told
    assert (found[1]["date"], found[1]["due_date"]) == (dt.date(2026, 1, 31), dt.date(2026, 3, 2))
    # A debit has no credit, and the other way round.
    sides = {key: [str(one.amount(side).normalize()) for side in ("debit", "credit")] for key, one in found.items()}
    assert sides == {1: ["1.2E+2", "0"], 2: ["0", "1.2E+2"], 3: ["0.01", "0"], 4: ["99.99", "0"]}
    assert (found[1]["credit"], found[2]["debit"]) == (ABSENT, ABSENT)
    assert found[2].day("due_date") is None
    assert [found[key].text("payment_method") for key in (2, 3)] == ["Chèque", ""]


@pytest.mark.req("CRM-54")
def test_order_days_and_lettering(base: Engine) -> None:
    with asking(base) as ask:
        assert keys(ask) == [3, 2, 1, 4]
        assert keys(ask, sort="Date") == [4, 1, 3, 2]
        assert keys(ask, sort="Piece") == [3, 1, 2, 4]
        assert keys(ask, sort="Journal", descending=True) == [3, 1, 4, 2]
        assert keys(ask, sort="DueDate", descending=True) == [3, 1, 4, 2]
        assert keys(ask, only_unlettered=True) == [3, 4]
        assert keys(ask, only_unlettered=False) == [3, 2, 1, 4]
        assert keys(ask, **{"from": dt.date(2026, 1, 31), "to": dt.date(2026, 2, 27)}) == [1]
        assert keys(ask, to=dt.date(2026, 1, 30)) == [4]
        assert keys(ask, **{"from": dt.date(2026, 2, 28)}) == [3, 2]
        with pytest.raises(RemoteFault) as refused:
            keys(ask, sort="Label")

    assert refused.value.field == "Sort"
    assert "Date, Journal, Piece, DueDate" in refused.value.message
