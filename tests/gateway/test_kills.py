"""Dies at any statement or commit, or by `kill -9` under load: sent again under the same ids, everything is there once (G9)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, event, func, insert, select

from contracts.client import GatewayClient
from contracts.errors import MalformedReply, Unreachable
from contracts.fields import Record
from contracts.messages import EntitySet
from gateway.company import CompanyWatch
from gateway.database import open_database, reading, writing
from gateway.demo.edits import insert_contact, insert_delivery
from gateway.sage import SAGE
from gateway.settings import Synchronise
from gateway.sidetables import create_side_tables
from gateway.transactions import GW_TRANSACTION
from gateway.writing import Writing
from tests.gateway.base import LONG_AGO, ZONE, Clock, make_base
from tests.gateway.live import PASSWORD, USER, gateway_process, live_gateway, written_settings
from tests.gateway.writes import billing, changed, contact, create, deliveries, delivery, update

State = dict[str, list[tuple[Any, ...]]]
INSTANTS = frozenset({"cbModification", "cbCreation", "CT_DateCreate", "executed", "result"})
TABLES = (*SAGE.sorted_tables, GW_TRANSACTION)


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Mortal:
    """Lets a process die at the n-th step of its database: before a statement or commit, or just after a commit."""

    def __init__(self, engine: Engine, deadly: int | None) -> None:
        self.steps = 0
        self._deadly = deadly
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", self._commit)

    def _step(self) -> None:
        if self._deadly is not None and self.steps >= self._deadly:
            raise Killed
        self.steps += 1

    def _statement(self, *_: Any) -> None:
        self._step()

    def _commit(self, connection: Connection) -> None:
        self._step()
        made: Any = connection.connection.dbapi_connection
        made.commit()
        self._step()


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """The small company; T001 with two delivery addresses and three contacts."""
    engine = peopled(database_url, ["T001"])
    yield engine
    engine.dispose()


def peopled(url: str, codes: Sequence[str]) -> Engine:
    """A company of these tiers at least, each of them with another delivery address and three contacts."""
    engine = make_base(url, tiers=len(codes))
    with writing(engine) as connection:
        create_side_tables(connection)
        for code in codes:
            insert_delivery(connection, code, "Dépôt", at=LONG_AGO, LI_Principal=0)
            for name in ("Aubry", "Bernard", "Colin"):
                insert_contact(connection, code, name, at=LONG_AGO)
    return engine


def state_of(engine: Engine, *, timeless: bool = False) -> State:
    """Every row of the ERP and every result kept, but for the number that only the base gives a row; without instants if asked."""
    left_out = {"cbMarq", *(INSTANTS if timeless else ())}
    with reading(engine) as connection:
        return {
            table.name: sorted(
                map(tuple, connection.execute(select(*(one for one in table.columns if one.name not in left_out)))),
                key=repr,
            )
            for table in TABLES
        }


def saved(engine: Engine) -> Callable[[], None]:
    """Remember the base as it is; the function puts it back."""
    with reading(engine) as connection:
        held = {table: [dict(row) for row in connection.execute(select(table)).mappings()] for table in TABLES}

    def put_back() -> None:
        with writing(engine) as connection:
            for table in reversed(TABLES):
                connection.execute(delete(table))
            for table, rows in held.items():
                if rows:
                    connection.execute(insert(table), rows)

    return put_back


def every_kind_of_change(present: Record) -> list[Record]:
    """An update with children changed, added and removed; a creation; what is refused, and what is stale by then."""
    code = present.text("code")
    first, second, _ = present.many("contacts")
    depot, own = sorted(deliveries(present), key=lambda one: one.text("title"), reverse=True)
    addresses = [billing(street="2 quai Neuf"), changed(depot, town="Brest"), delivery(title="Usine", town="Lens")]
    assert own not in addresses
    people = [changed(first, last_name="Bernard"), changed(second, last_name="Aubry"), contact("Nouveau", mobile="06")]
    return [
        update(present, identity=f"{code}-update", fax="01 02", dormant=True, addresses=addresses, contacts=people),
        create(identity=f"{code}-create", code=f"N{code}", addresses=addresses[2:], contacts=[contact("Zola")]),
        create(identity=f"{code}-refused", code=code),
        update(present, identity=f"{code}-stale", fax="03 04"),
        create(identity=f"{code}-last", code=f"O{code}", siret="73282932000074"),
    ]


def tiers_in(engine: Engine, codes: Sequence[str]) -> list[Record]:
    """Those tiers as a gateway tells them."""
    with live_gateway(engine) as live, live.client() as client:
        return client.get_records(EntitySet.TIERS, codes).records


def execute(engine: Engine, transactions: Sequence[Record], deadly: int | None = None) -> tuple[list[str], int]:
    """The results as a process that has just started gives them, and the steps it took."""
    again = open_database(engine.url.render_as_string(hide_password=False))
    mortal = Mortal(again, deadly)
    try:
        watch = CompanyWatch(Synchronise(), zone=ZONE)
        writer = Writing(again, watch, options=Synchronise(), zone=ZONE, clock=Clock())
        return writer.execute(transactions), mortal.steps
    finally:
        again.dispose()


@pytest.mark.guarantees
@pytest.mark.req("CRM-01", "NEW-05")
def test_killed_at_any_statement_or_commit_and_sent_again_everything_is_there_once(base: Engine) -> None:
    transactions = every_kind_of_change(tiers_in(base, ["T001"])[0])
    put_back = saved(base)
    whole = [state_of(base)]
    for count in range(1, len(transactions) + 1):
        put_back()
        execute(base, transactions[:count])
        whole.append(state_of(base))
    put_back()
    results, steps = execute(base, transactions)
    assert state_of(base) == whole[-1]
    assert [text.partition("<Status>")[2].partition("<")[0] for text in results] == [
        *("done", "done", "refused", "stale", "done")
    ]

    found = set()
    for deadly in range(steps):
        put_back()
        with pytest.raises(Killed):
            execute(base, transactions, deadly)
        # Each transaction is there whole or not at all, in the order they were sent.
        found.add(whole.index(state_of(base)))
        again, _ = execute(base, transactions)
        assert again == results, deadly
        assert state_of(base) == whole[-1], deadly
    assert found == set(range(len(transactions) + 1))


CODES = [f"T{number:03}" for number in range(1, 81)]
DEADLY = (3, 61, 134, 210)
SENDERS = 2


@pytest.mark.guarantees
@pytest.mark.req("CRM-01", "NEW-05")
def test_a_gateway_killed_under_load_has_everything_once_when_all_is_sent_again(tmp_path: Path) -> None:
    quiet, killed = (peopled(f"sqlite:///{tmp_path / name}.db", CODES) for name in ("quiet", "killed"))
    transactions = [one for present in tiers_in(quiet, CODES) for one in every_kind_of_change(present)]
    with live_gateway(quiet) as live, live.client() as client:
        undisturbed = client.execute(transactions)
    settings = written_settings(killed, tmp_path)
    for done in DEADLY:
        assert cut_off(killed, settings, transactions, done) == [True] * SENDERS

    with gateway_process(settings) as (_, url), GatewayClient(url, USER, PASSWORD) as client:
        answered = client.execute(transactions)

    told = [(one.text("status"), one.text("key"), one.text("version")) for one in undisturbed]
    assert [(one.text("status"), one.text("key"), one.text("version")) for one in answered] == told
    assert state_of(killed, timeless=True) == state_of(quiet, timeless=True)
    assert kept_in(killed) == len(transactions)
    for engine in (quiet, killed):
        engine.dispose()


def cut_off(engine: Engine, settings: Path, transactions: Sequence[Record], done: int) -> list[bool]:
    """Kill a gateway once so many are done, while several callers send it all of them; whether each was left without an answer."""
    with gateway_process(settings) as (process, url), ThreadPoolExecutor(SENDERS) as pool:
        senders = [pool.submit(sent, url, transactions) for _ in range(SENDERS)]
        limit = time.monotonic() + 60
        while kept_in(engine) <= done and time.monotonic() < limit:
            time.sleep(0.005)
        process.kill()
        return [isinstance(sender.exception(), Unreachable | MalformedReply) for sender in senders]


def sent(url: str, transactions: Sequence[Record]) -> list[Record]:
    """The results a caller of its own gets."""
    with GatewayClient(url, USER, PASSWORD) as client:
        return client.execute(transactions)


def kept_in(engine: Engine) -> int:
    """How many results the base holds."""
    with reading(engine) as connection:
        return connection.scalar(select(func.count()).select_from(GW_TRANSACTION)) or 0
