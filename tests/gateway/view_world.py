"""A small base with hand-written documents and entries, and the live views asked over HTTP."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, insert

from contracts.client import GatewayClient
from contracts.fields import Record, Value
from contracts.messages import VIEW_DOCUMENT_LINES, VIEW_DOCUMENTS, VIEW_ENTRIES, Operation
from gateway.demo.edits import next_number
from gateway.sage import F_DOCENTETE, F_DOCLIGNE, F_ECRITUREC
from gateway.sage.defaults import stamped
from gateway.views.words import TYPES
from tests.gateway.base import LONG_AGO
from tests.gateway.live import live_gateway

NOW = dt.datetime(2026, 5, 4, 8, 0, tzinfo=dt.UTC)
TODAY = dt.date(2026, 5, 4)
ROWS = {VIEW_DOCUMENTS.name: "documents", VIEW_DOCUMENT_LINES.name: "lines", VIEW_ENTRIES.name: "entries"}

Ask = Callable[..., Record]


def add_document(connection: Connection, kind: str, piece: str, day: dt.date | None, **columns: Any) -> None:
    """A sales document of T001 unless said otherwise."""
    given = {"DO_Type": TYPES.index(kind), "DO_Piece": piece, "DO_Date": day, "DO_Tiers": "T001", "DO_DateLivr": day}
    connection.execute(insert(F_DOCENTETE), [stamped(F_DOCENTETE, LONG_AGO, **{**given, **columns})])


def add_line(connection: Connection, kind: str, piece: str, **columns: Any) -> None:
    """A line of a sales document, one that counts unless said otherwise."""
    number = next_number(connection, F_DOCLIGNE.c.DL_No)
    given = {
        "DL_No": number,
        "DL_Ligne": number * 1000,
        "DO_Type": TYPES.index(kind),
        "DO_Piece": piece,
        "DL_Valorise": 1,
    }
    connection.execute(insert(F_DOCLIGNE), [stamped(F_DOCLIGNE, LONG_AGO, **{**given, **columns})])


def add_entry(
    connection: Connection,
    day: dt.date,
    debit: float,
    *,
    due: dt.date | None = None,
    code: str = "T001",
    **columns: Any,
) -> None:
    """An entry on a tiers' account: a debit, or a credit when the amount is below zero."""
    given = {
        "EC_No": next_number(connection, F_ECRITUREC.c.EC_No),
        "JM_Date": day.replace(day=1),
        "EC_Jour": day.day,
        "EC_Date": day,
        "CG_Num": "4110000",
        "CT_Num": code,
        "EC_Sens": int(debit < 0),
        "EC_Montant": abs(debit),
        "EC_Echeance": due,
    }
    connection.execute(insert(F_ECRITUREC), [stamped(F_ECRITUREC, LONG_AGO, **{**given, **columns})])


@contextmanager
def asking(base: Engine) -> Iterator[Ask]:
    """Ask the live views of a gateway over that base, on the fourth of May 2026; `ask.client` is the client itself."""
    with live_gateway(base, clock=lambda: NOW) as live, live.client() as client:
        yield lambda operation, **said: ask(client, operation, **said)


def ask(client: GatewayClient, operation: Operation, **said: Value) -> Record:
    """One call; `types` may be given as codes."""
    if isinstance(said.get("types"), list):
        part = operation.request.parts[operation.request.index["types"]]
        said["types"] = [part.of.record(type=code) for code in said["types"]]  # type: ignore[union-attr]
    return client.ask(operation, operation.request.record(**said))


def rows_of(operation: Operation, reply: Record) -> list[Record]:
    """The rows of a page."""
    return reply.many(ROWS[operation.name])


def every_page(ask: Ask, operation: Operation, **said: Value) -> list[Record]:
    """All pages, one after the other."""
    found: list[Record] = []
    number = 1
    while True:
        reply = ask(operation, page=number, **said)
        rows = rows_of(operation, reply)
        found += rows
        if not rows:
            assert len(found) == reply.integer("total")
            return found
        number += 1


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements any engine sends while the block lasts."""
    sent: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", record)
