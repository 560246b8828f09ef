"""ERPs that are away for a day or slow by minutes, and workers that fight over the same integrations: nothing is lost."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, func, make_url, select, text, update
from sqlalchemy.orm import Session

from contracts.client import GatewayClient
from contracts.messages import GET_CHANGE_LOG
from gateway.database import open_database, reading, writing
from gateway.demo.edits import edit_tiers
from gateway.sage import F_COMPTET, F_CONTACTT
from gateway.service import Service as GatewayService
from syncengine import integrations
from syncengine.crm.company_code import set_code
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import add_contact, create_company, edit_company
from syncengine.cycle import due
from syncengine.cycle import lease as leases
from syncengine.cycle.act import Act
from syncengine.cycle.pull import Patience
from syncengine.cycle.run import Order
from syncengine.engine import Engine
from syncengine.errors import DatabaseUnreachable
from syncengine.model import Account, CycleStatus, Integration
from syncengine.service.dispatcher import Dispatcher, first_due
from syncengine.service.jobs import JOBS, Stopping
from syncengine.service.queue import TwoConnections, open_queue
from syncengine.service.ticket import JobKind, Ticket
from syncengine.storage import store as stores
from syncengine.storage.clock import local_time
from syncengine.storage.store import Store, open_store
from syncengine.sync import synchronise
from tests.syncengine.agreement import asked, disagreements
from tests.syncengine.fleet import Fleet, fleet, until
from tests.syncengine.records import integration
from tests.syncengine.sides import in_erp
from tests.syncengine.test_dispatcher import many_idle
from tests.syncengine.test_service_faults import LEASE, QUICK
from tests.syncengine.world import World, world

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NOWHERE = "http://127.0.0.1:9/"


def agree(made: World) -> None:
    """Both sides hold the same."""
    with made.erp() as connection:
        there = in_erp(connection)
    assert disagreements(made.store, made.integration_id, there) == []
    assert asked(made.store, made.integration_id) == set()


@pytest.mark.guarantees
@pytest.mark.req("CRM-07")
def test_after_a_day_without_its_erp_one_cycle_catches_everything_up(tmp_path: Path, database_url: str) -> None:
    with world(tmp_path, database_url, tiers=12) as made:
        made.patience = Patience(attempts=1)
        assert made.cycle().problem is None
        with made.erp() as connection:
            codes = sorted(in_erp(connection))
        made.connect = lambda: GatewayClient(NOWHERE, "crm", "secret", timeout_s=1)
        end, attempts = made.now() + DAY, 0
        while made.now() < end:
            (row,) = made.rows("integrations")
            made.ahead += max(timedelta(), row["due_at"] - made.now())
            assert made.cycle().status is CycleStatus.FAILURE
            # Both sides work on meanwhile, on every tiers.
            code, word = codes[attempts % len(codes)], f"vague {attempts}"
            with made.erp() as connection:
                edit_tiers(connection, code, CT_Contact=word)
            with made.store.writing() as session:
                edit_company(session, made.company(code)["id"], {"short_name": f"V{attempts}"}, made.act())
            attempts += 1
        assert 25 < attempts < 40  # 1, 2, 4 … minutes, then the interval

        made.connect = None
        report = made.cycle()
        assert (report.problem, report.counts.changed, report.counts.sent) == (None, 12, 12)
        agree(made)


SIZE = 60


@contextmanager
def away(store: Store, size: int) -> Iterator[list[datetime]]:
    """So many integrations whose ERPs vanish at the same instant; the time, as the base has it."""
    now = [local_time()]
    with store.writing() as session:
        for number in range(size):
            integration(session, name=f"I{number}", due_at=now[0])
        if store.dialect.value == "postgresql":
            session.execute(text("TRUNCATE syncengine_queue.pgqueuer"))
    yield now


@pytest.mark.req("CRM-07")
def test_those_whose_erps_vanished_together_do_not_come_back_together(store: Store) -> None:
    with away(store, SIZE) as now:
        shifted = replace(store, clock=lambda: now[0])
        dispatcher = Dispatcher(shifted, open_queue(store), room=SIZE)
        begun: list[datetime] = []
        end = now[0] + timedelta(hours=4)
        while now[0] < end:
            tickets = dispatcher.claim([JobKind.CYCLE], SIZE)
            begun += [now[0]] * len(tickets)
            with store.writing() as session:
                for ticket in tickets:
                    due.end_badly(session, ticket.integration_id, at=now[0], passing=True)
            now[0] += MINUTE
    late = [at for at in begun if at > end - timedelta(hours=1)]
    # All at once it would be all of them; evenly over the hour one a minute.
    assert len(late) >= SIZE
    assert max(late.count(at) for at in late) <= SIZE / 5


@contextmanager
def slow(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[list[float]]:
    """Every gateway takes so long to tell of changes, the first time that it is asked; when that was."""
    asked_at: list[float] = []
    answer = GatewayService.answer

    def late(self: GatewayService, operation: Any, request: Any) -> Any:
        if operation is GET_CHANGE_LOG and not asked_at:
            asked_at.append(time.monotonic())
            threading.Event().wait(seconds)
        return answer(self, operation, request)

    with monkeypatch.context() as patch:
        patch.setattr(GatewayService, "answer", late)
        yield asked_at


@pytest.mark.guarantees
@pytest.mark.req("CRM-07")
def test_an_erp_that_answers_in_four_times_a_lease_is_waited_for_by_one_worker_alone(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two minutes are to the thirty seconds of a lease."""
    monkeypatch.setattr(leases, "LEASE_TIME", timedelta(seconds=0.6))
    with fleet(tmp_path, database_url, size=1) as made, slow(monkeypatch, 2.4) as asked_at, made.another() as other:
        made.make_due()
        short = {JobKind.CYCLE: replace(JOBS[JobKind.CYCLE], claimed_for=timedelta(seconds=0.8))}
        with made.serving(jobs=short), made.serving(other, jobs=short):
            until(partial(made.has_ended, 1))
            (cycle,) = made.cycles()
        assert (cycle.status, cycle.error_code) == (CycleStatus.SUCCESS, None)
        assert asked_at
        assert made.integration(made.ids[0]).lease_token == 1


@pytest.mark.req("CRM-16")
def test_an_erp_slower_than_the_time_out_is_a_passing_failure(
    tmp_path: Path, crm_on_sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(engine: Engine, ticket: Ticket, _stopping: Stopping) -> None:
        order, once = Order(due_at=ticket.due_at), Patience(attempts=1)
        synchronise(engine, ticket.integration_id, patience=once, screen=False, order=order)

    with fleet(tmp_path, crm_on_sqlite, size=1) as made, slow(monkeypatch, 1.5):
        with made.engine.store.writing() as session:
            session.execute(update(Integration).values(timeout_s=1))
        made.make_due()
        with made.serving(jobs={JobKind.CYCLE: replace(QUICK[JobKind.CYCLE], run=run)}):
            until(partial(made.has_ended, 1))
        (cycle,), left = made.cycles(), made.integration(made.ids[0])
        assert (cycle.status, left.failures, left.lease_owner) == (CycleStatus.FAILURE, 1, None)
        assert cycle.ended_at is not None
        assert left.due_at is not None
        assert MINUTE <= left.due_at - cycle.ended_at <= 1.5 * MINUTE


@pytest.mark.postgresql
def test_a_full_disk_of_postgresql_is_told_and_the_cycle_succeeds_when_there_is_room(
    tmp_path: Path, crm_on_postgresql: str
) -> None:
    """The server says so as it does when it cannot extend a table."""
    full = (
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;"
        "CREATE TRIGGER full_disk BEFORE INSERT ON accounts EXECUTE FUNCTION full_disk()"
    )
    with fleet(tmp_path, crm_on_postgresql, size=1, tiers=5) as made:
        _execute(made, full)
        made.make_due()
        with made.serving():
            until(partial(made.has_ended, 1))
            (failed,) = made.cycles()
            assert (failed.status, failed.error_code) == (CycleStatus.FAILURE, "disk_full")
            _execute(made, "DROP TRIGGER full_disk ON accounts; DROP FUNCTION full_disk")
            made.make_due()
            until(partial(made.has_ended, 2))
        assert made.cycles()[-1].status is CycleStatus.SUCCESS
        with made.engine.store.reading() as session:
            assert session.scalar(select(func.count(Account.id))) == 5


def _execute(made: Fleet, statements: str) -> None:
    with made.engine.store.engine.begin() as connection:
        for statement in statements.split(";CREATE"):
            connection.exec_driver_sql(statement if statement.startswith(("CREATE", "DROP")) else "CREATE" + statement)


@pytest.mark.postgresql
def test_what_is_told_before_anybody_listens_is_heard(crm_on_postgresql: str) -> None:
    """On two connections nothing else makes the telling wait for the listening."""
    url = make_url(crm_on_postgresql).set(drivername="postgresql").render_as_string(hide_password=False)
    heard: list[object] = []

    async def told() -> None:
        connect = partial(psycopg.AsyncConnection.connect, url, autocommit=True)
        async with await connect() as asking, await connect() as listening, TwoConnections(asking, listening) as driver:

            async def listen() -> None:
                await asyncio.sleep(0.05)
                await driver.add_listener("here", heard.append)

            await asyncio.gather(driver.notify("here", "hello"), listen())
            for _ in range(200):
                await asyncio.sleep(0.05 if not heard else 0)

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(told())
    assert heard == ["hello"]


@pytest.mark.postgresql
def test_what_a_worker_holds_that_froze_in_a_transaction_is_another_s_after_a_while(
    crm_on_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stores._ABANDONED, "idle_in_transaction_session_timeout", 300)
    frozen, other = open_store(crm_on_postgresql), open_store(crm_on_postgresql)
    with other.writing() as session:
        integration(session)

    def rename(session: Session) -> None:
        session.execute(update(Integration).values(name="held"))

    def frozen_while_another_needs_it() -> None:
        with frozen.writing() as session:
            rename(session)
            with other.writing() as another:
                rename(another)  # waits, and would do so for ever
            rename(session)

    with pytest.raises(DatabaseUnreachable):
        frozen_while_another_needs_it()
    for store in (frozen, other):
        store.close()


@pytest.mark.postgresql
def test_the_look_for_what_is_due_reads_an_index_also_when_it_is_planned_without_its_instant(
    crm_on_postgresql: str,
) -> None:
    """What is asked again and again is planned like that from the sixth time on."""
    store = open_store(crm_on_postgresql)
    many_idle(store, 20_000)
    with store.writing() as session:
        connection, at = session.connection(), store.clock()
        for number, job in enumerate(JOBS.values()):
            statement = select(first_due(job, at)).compile(connection, compile_kwargs={"render_postcompile": True})
            given = statement.construct_params()
            words = str(statement)
            for place, name in enumerate(given, 1):
                words = words.replace(f"%({name})s", f"${place}")
            connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
            connection.exec_driver_sql(f"PREPARE question_{number} AS {words}")
            values = ", ".join(str(value) if isinstance(value, int) else f"'{value}'" for value in given.values())
            plan = connection.exec_driver_sql(f"EXPLAIN EXECUTE question_{number}({values})").scalars().all()
            assert "Index" in str(plan) or "run_requests" in str(plan)
            assert "Seq Scan on integrations" not in str(plan)
    store.close()


FIGHT_S = 6.0


@dataclass(kw_only=True)
class People:
    """Somebody at work on both sides of a base that several integrations share; what was made anew, by name."""

    made: Fleet
    sage: Any
    codes: list[str]
    rng: random.Random
    tiers: list[str]
    contacts: list[tuple[str, str]]

    def work(self, over: threading.Event) -> None:
        """One edit after the other until it is over."""
        number = 0
        while not over.wait(self.rng.uniform(0.01, 0.06)):
            number += 1
            code, owner = self.rng.choice(self.codes), self.rng.choice(self.made.ids)
            match self.rng.randrange(5):
                case 0 | 1:
                    with writing(self.sage) as connection:
                        edit_tiers(connection, code, CT_Contact=f"ERP {number}", CT_Site=f"www.erp{number}.fr")
                case 2 | 3:
                    self._edit(owner, code, number)
                case _:
                    self._create(owner, number)

    def _edit(self, owner: int, code: str, number: int) -> None:
        store = self.made.engine.store
        with store.writing() as session:
            query = select(Account.company_id).where(Account.integration_id == owner, Account.code == code)
            company_id, act = session.scalar(query), Act(at=store.clock(), by="claire")
            if company_id is None:
                return
            edit_company(session, company_id, {"contact_person": f"CRM {number}", "short_name": f"C{number}"}, act)
            if number % 3 == 0:
                add_contact(session, company_id, {"last_name": f"Nom{number}", "first_name": "Luc"}, act)
                self.contacts.append((code, f"Nom{number}"))

    def _create(self, owner: int, number: int) -> None:
        store, code = self.made.engine.store, f"N{number}"
        with store.writing() as session:
            act = Act(at=store.clock(), by="claire")
            company = create_company(session, {"name": f"Neuve {number}", "company_type": "client"}, act)
            set_code(session, company.id, code, at=act.at, by=act.by, integration_id=owner)
            create_tiers(session, company.id, integration_id=owner, at=act.at, multi=True)
        self.tiers.append(code)


def _overtake(made: Fleet, rng: random.Random, over: threading.Event) -> None:
    """All is due again and again, and a third worker takes integrations over in mid-cycle and dies."""
    store = made.engine.store
    while not over.wait(rng.uniform(0.05, 0.25)):
        with store.writing() as session:
            at = store.clock()
            session.execute(update(Integration).values(due_at=at))
            session.execute(
                update(Integration)
                .where(Integration.id == rng.choice(made.ids), Integration.lease_owner.is_not(None))
                .values(lease_owner="elsewhere 1 0", lease_token=Integration.lease_token + 1, lease_until=at)
            )


def _at_rest(made: Fleet) -> None:
    """Everybody asks for a cycle, three times: of the first the ERP has all edits, of the second all integrations have them."""
    store = made.engine.store
    for _ in range(3):
        with store.writing() as session:
            for number in made.ids:
                integrations.request(session, number, at=store.clock())
        until(lambda: all(_is_through(made.integration(number)) for number in made.ids))
    last = {cycle.integration_id: cycle.status for cycle in made.cycles()}
    assert set(last.values()) <= {CycleStatus.SUCCESS, CycleStatus.WARNING}


def _is_through(row: Integration) -> bool:
    return row.handled_number == row.requested_number and row.lease_owner is None


def _named(connection: Connection, column: Any) -> list[str]:
    return list(connection.scalars(select(column)))


@pytest.mark.guarantees
@pytest.mark.postgresql
@pytest.mark.req("CRM-62", "CRM-07")
def test_workers_that_fight_over_the_same_integrations_lose_and_double_nothing(
    tmp_path: Path, crm_on_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_TIME", LEASE)
    rng, others = random.Random(20), random.Random(21)  # noqa: S311 - whose turn it is
    with fleet(tmp_path, crm_on_postgresql, size=3, tiers=10) as made, ExitStack() as stack:
        sage = open_database(f"sqlite:///{tmp_path / 'sage.db'}")
        stack.callback(sage.dispose)
        with made.engine.store.writing() as session:
            session.execute(update(Integration).values(policies={"": "erp_wins"}, guards={"erp.create": None}))
        eager = {JobKind.CYCLE: replace(QUICK[JobKind.CYCLE], claimed_for=timedelta(seconds=0.2))}
        stack.enter_context(made.serving(jobs=eager))
        stack.enter_context(made.serving(stack.enter_context(made.another()), jobs=eager))
        _at_rest(made)
        with reading(sage) as connection:
            codes = sorted(in_erp(connection))
        people = People(made=made, sage=sage, codes=codes, rng=rng, tiers=[], contacts=[])
        over = threading.Event()
        busy = [
            threading.Thread(target=people.work, args=(over,)),
            threading.Thread(target=_overtake, args=(made, others, over)),
        ]
        for one in busy:
            one.start()
        threading.Event().wait(FIGHT_S)
        over.set()
        for one in busy:
            one.join()
        _at_rest(made)

        ended = made.cycles()
        assert any(cycle.error_code == "interrupted" for cycle in ended), "nobody was overtaken"
        tokens = [(cycle.integration_id, cycle.lease_token) for cycle in ended]
        assert len(tokens) == len(set(tokens))
        assert made.overlaps() == []
        with reading(sage) as connection:
            there = in_erp(connection)
            held = _named(connection, F_COMPTET.c.CT_Num)
            contacts = [(row.CT_Num, row.CT_Nom) for row in connection.execute(select(F_CONTACTT))]
        for number in made.ids:
            assert disagreements(made.engine.store, number, there) == []
            assert asked(made.engine.store, number) == set()
        assert people.tiers
        assert people.contacts
        assert [held.count(code) for code in people.tiers] == [1] * len(people.tiers)
        for added in set(people.contacts):
            assert contacts.count(added) == people.contacts.count(added)
