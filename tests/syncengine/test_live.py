"""Live mode: a change on either side is on the other in seconds, through the same cycles, and nothing goes round in circles."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from contracts.client import GatewayClient
from contracts.messages import EntitySet
from gateway.demo.edits import edit_tiers
from gateway.sage import F_COMPTET
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import create_company, edit_company
from syncengine.cycle.run import Report
from syncengine.engine import Engine
from syncengine.model import CycleStatus, Integration, SyncErrorState
from syncengine.secrets import Secrets
from syncengine.service.live import LiveWatch
from syncengine.service.live_base import LiveBase
from syncengine.service.live_line import Line, Pace, Wakes
from syncengine.settings import settings_from
from tests.gateway.live import PASSWORD
from tests.syncengine.answering import Answer, answering, fault
from tests.syncengine.test_both_ways import first_client
from tests.syncengine.world import World, world

QUICK = Pace(wait_s=20, busy_s=0.02, idle_s=0.05, first_s=0.2, longest_s=0.4, older_s=60, claimed_s=20)
FAR = timedelta(hours=1)
NOBODY = "nobody listens yet"


@dataclass(kw_only=True)
class Live:
    """Both sides, the watch, and what takes the dispatcher's and the worker's place: a cycle as soon as one is due."""

    world: World
    engine: Engine
    cycles: list[Report] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    working: bool = False

    def is_due(self) -> bool:
        """Whether a cycle is due."""
        due = self.integration()["due_at"]
        return due is not None and due <= self.world.now()

    def work(self) -> None:
        """Run what is due, until the end."""
        while not self.stop.wait(0.02):
            if self.is_due():
                self.working = True
                self.world.set(due_at=self.world.now() + timedelta(seconds=40))
                self.cycles.append(self.world.cycle())
                self.working = False

    def integration(self) -> dict[str, Any]:
        """The row of the integration."""
        (row,) = self.world.rows("integrations")
        return row

    def name_in_erp(self, code: str) -> str:
        """What the ERP calls a tiers."""
        return str(self.world.erp_row(code)["CT_Intitule"])

    def rename_in_crm(self, code: str, name: str) -> None:
        """An edit of the CRM."""
        with self.world.store.writing() as session:
            edit_company(session, self.world.company(code)["id"], {"name": name}, self.world.act())

    def rename_in_erp(self, code: str, name: str) -> None:
        """An edit of the ERP."""
        with self.world.erp() as connection:
            edit_tiers(connection, code, CT_Intitule=name)

    def settled(self) -> None:
        """Wait until the gateway is listened to and nothing is due or under way."""
        until(lambda: self.integration()["live_problem"] is None and not self.is_due() and not self.working)

    def quiet(self, seconds: float = 1.6) -> int:
        """How many cycles begin while nobody does anything, after what is under way."""
        until(lambda: not self.working and not self.is_due())
        before = len(self.cycles)
        time.sleep(seconds)
        return len(self.cycles) - before


def until(condition: Callable[[], object], within_s: float = 8.0) -> float:
    """Wait for something; how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - began


@contextmanager
def watching(engine: Engine, **options: Any) -> Iterator[LiveWatch]:
    """A watch at work in a thread of its own."""
    made: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, LiveWatch]] = []
    ready = threading.Event()

    async def run() -> None:
        watch = LiveWatch(engine, **{"look_s": 0.05, "members_s": 0.1, "pace": QUICK, **options})
        stop = asyncio.Event()
        made.append((asyncio.get_running_loop(), stop, watch))
        ready.set()
        await watch.run(stop)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(10)
    loop, stop, watch = made[0]
    try:
        yield watch
    finally:
        began = time.monotonic()
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive()
        # However long the waits are that it holds.
        assert time.monotonic() - began < 6


@contextmanager
def worked(live: Live) -> Iterator[None]:
    """Due cycles are run while the block lasts."""
    worker = threading.Thread(target=live.work)
    worker.start()
    try:
        yield
    finally:
        live.stop.set()
        worker.join(30)


@contextmanager
def synchronised(tmp_path: Path, url: str) -> Iterator[Live]:
    """Both sides after a first synchronisation; the integration is live, and its next cycle an hour away."""
    with world(tmp_path, url, state_file=tmp_path / "gateway.state") as made:
        settings = settings_from({"home": tmp_path / "engine"})
        engine = Engine(settings=settings, store=made.store, secrets=Secrets(settings))
        made.set(erp_password=engine.secrets.encrypt(SecretStr(PASSWORD)))
        made.cycle()
        made.set(live=True, live_problem=NOBODY, due_at=made.now() + FAR)
        yield Live(world=made, engine=engine)


@pytest.fixture
def prepared(tmp_path: Path, sqlite_url: str) -> Iterator[Live]:
    """On SQLite, with nobody at work."""
    with synchronised(tmp_path, sqlite_url) as made:
        yield made


@pytest.fixture
def live(tmp_path: Path, database_url: str) -> Iterator[Live]:
    """On both databases, watched and worked."""
    with synchronised(tmp_path, database_url) as made, worked(made), watching(made.engine):
        yield made


@pytest.mark.req("NEW-07")
@pytest.mark.guarantees
def test_a_change_on_either_side_is_on_the_other_in_seconds_and_then_all_is_quiet(live: Live) -> None:
    code = first_client(live.world)
    live.settled()

    live.rename_in_erp(code, "Nom du soir")
    to_crm = until(lambda: live.world.company(code)["name"] == "Nom du soir")
    after_erp = live.quiet()
    live.rename_in_crm(code, "Nom du matin")
    to_erp = until(lambda: live.name_in_erp(code) == "Nom du matin")
    after_crm = live.quiet()

    assert to_crm < 2
    assert to_erp < 2
    # One cycle each; what the second sent is in the gateway's log and wakes nobody (G6).
    assert [report.status for report in live.cycles] == [CycleStatus.SUCCESS] * 2
    assert (after_erp, after_crm) == (0, 0)
    assert live.integration()["live_problem"] is None


@pytest.mark.req("NEW-07", "CRM-25")
def test_a_company_to_be_created_in_the_erp_is_there_in_seconds(live: Live) -> None:
    with live.world.store.writing() as session:
        made = create_company(
            session, {"code": "NEUVE", "name": "Toute Neuve", "company_type": "client"}, live.world.act()
        )
        create_tiers(session, made.id, integration_id=live.world.integration_id, at=live.world.now())

    def created() -> bool:
        with live.world.erp() as connection:
            return bool(connection.scalar(select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CT_Num == "NEUVE")))

    assert until(created) < 2
    assert live.quiet() == 0


@pytest.mark.req("NEW-07")
@pytest.mark.guarantees
def test_edits_while_a_cycle_runs_are_sent_by_the_next(live: Live) -> None:
    code = first_client(live.world)
    live.settled()

    for number in range(6):
        live.rename_in_crm(code, f"Nom {number}")
        time.sleep(0.1)
    until(lambda: live.name_in_erp(code) == "Nom 5")

    assert live.quiet() == 0
    assert len(live.cycles) <= 6


@pytest.mark.req("NEW-07", "CRM-07")
def test_what_is_not_live_waits_for_its_interval(prepared: Live) -> None:
    code = first_client(prepared.world)
    prepared.world.set(live=False)
    with worked(prepared), watching(prepared.engine):
        prepared.rename_in_erp(code, "Nom du soir")
        prepared.rename_in_crm(code, "Nom du matin")
        assert prepared.quiet(1.2) == 0

        prepared.world.set(live=True)
        until(lambda: prepared.name_in_erp(code) == prepared.world.company(code)["name"])


@pytest.mark.req("NEW-07", "CRM-49")
def test_what_the_erp_refuses_is_not_sent_again_and_again(live: Live) -> None:
    code = first_client(live.world)
    live.settled()
    # No list of the ERP has it, and the CRM's own check is passed by.
    with live.world.store.writing() as session:
        account = live.world.account(code)["id"]
        edit_company(session, live.world.company(code)["id"], {"name": "X"}, live.world.act())
        session.execute(update(_accounts()).where(_accounts().c.id == account).values(currency="77"))

    def in_error() -> bool:
        return bool(live.world.rows("sync_errors", state=SyncErrorState.OPEN))

    until(in_error)
    until(lambda: not live.is_due())

    assert live.quiet() == 0


def _accounts() -> Any:
    return Integration.metadata.tables["accounts"]


@pytest.mark.req("NEW-07")
def test_an_older_gateway_leaves_it_to_the_interval_and_the_edits(prepared: Live) -> None:
    made = prepared
    with answering(Answer(body=fault("unknown_operation", "no such operation"), status=500)) as url:
        made.world.set(url=url)
        with worked(made), watching(made.engine):
            until(lambda: made.integration()["live_problem"] not in (None, NOBODY))
            code = first_client(made.world)
            made.rename_in_crm(code, "Nom du matin")
            took = until(lambda: made.name_in_erp(code) == "Nom du matin")
            made.rename_in_erp(code, "Nom du soir")
            cycles = made.quiet(0.8)

    assert "older" in made.integration()["live_problem"]
    assert took < 2
    assert cycles == 0


@pytest.mark.req("NEW-07")
def test_a_gateway_that_is_away_is_told_and_listened_to_again_when_it_is_back(prepared: Live) -> None:
    code = first_client(prepared.world)
    port = int(prepared.world.gateway.url.rstrip("/").rpartition(":")[2])
    with ExitStack() as stack:
        stack.enter_context(worked(prepared))
        with answering(Answer(body=fault("database_unavailable", "it is locked", retry=True), status=500)) as away:
            prepared.world.set(url=away)
            stack.enter_context(watching(prepared.engine))
            until(lambda: prepared.integration()["live_problem"] not in (None, NOBODY))
            told = prepared.integration()["live_problem"]
            prepared.rename_in_crm(code, "Nom du matin")
            in_vain = prepared.quiet(0.6)
        # Its cycles have failed meanwhile, and wait for their back-off.
        prepared.world.set(failures=3)
        prepared.world.set(url=f"http://127.0.0.1:{port}/")
        took = until(lambda: prepared.name_in_erp(code) == "Nom du matin")
        until(lambda: prepared.integration()["live_problem"] is None)

    assert "it is locked" in told
    assert in_vain == 0
    assert took < 3


@pytest.mark.req("NEW-07", "CRM-58")
def test_a_released_base_is_told_and_taken_up_again(prepared: Live) -> None:
    code = first_client(prepared.world)
    with worked(prepared), watching(prepared.engine), prepared.world.gateway.client() as client:
        prepared.settled()
        client.release_base()
        until(lambda: prepared.integration()["live_problem"] not in (None, NOBODY))
        told = prepared.integration()["live_problem"]
        prepared.rename_in_crm(code, "Nom du matin")
        in_vain = prepared.quiet(0.6)
        client.reconnect_base()
        until(lambda: prepared.name_in_erp(code) == "Nom du matin")

    assert "released for exclusive work" in told
    assert in_vain == 0


@pytest.mark.req("NEW-07")
def test_more_than_can_be_listened_to_have_their_edits_found_and_are_told(prepared: Live) -> None:
    code = first_client(prepared.world)
    with worked(prepared), watching(prepared.engine, lines=0):
        until(lambda: prepared.integration()["live_problem"] not in (None, NOBODY))
        prepared.rename_in_crm(code, "Nom du matin")
        took = until(lambda: prepared.name_in_erp(code) == "Nom du matin")
        told = prepared.integration()["live_problem"]
        prepared.world.set(live=False)
        until(lambda: prepared.integration()["live_problem"] is None)

    assert took < 2
    assert "at most" in told


@pytest.fixture
def line(prepared: Live) -> Iterator[Line]:
    """The line of the integration, turned by hand; its waits are short."""
    made = Line(LiveBase(prepared.engine), prepared.world.integration_id, Wakes(HASTY), pace=HASTY)
    yield made
    made.close()


HASTY = Pace(wait_s=0, busy_s=0.02, idle_s=0.05, first_s=30, longest_s=60, older_s=60, claimed_s=20)


@pytest.mark.req("NEW-07")
def test_a_wake_that_did_not_help_is_not_repeated_at_once(prepared: Live, line: Line) -> None:
    code = first_client(prepared.world)
    prepared.rename_in_erp(code, "Nom du soir")
    line.turn()
    woken = prepared.is_due()
    # A cycle ran and left the cursors where they were.
    prepared.world.set(due_at=prepared.world.now() + FAR, lease_token=prepared.integration()["lease_token"] + 1)
    pause = line.turn()

    assert woken
    assert not prepared.is_due()
    assert 30 < pause <= 60


@pytest.mark.req("NEW-07")
@pytest.mark.parametrize(
    "standing",
    [{"due_at": "now"}, {"lease_owner": "another", "lease_until": "later"}, {"failures": 2}, {"connected": False}],
    ids=["due", "running", "failing", "disconnected"],
)
def test_nothing_is_asked_while_it_would_not_help(
    prepared: Live, line: Line, standing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = prepared.world.now()
    instants = {"now": at, "later": at + timedelta(seconds=25)}
    prepared.world.set(**{name: instants.get(str(value), value) for name, value in standing.items()})
    before = prepared.integration()["due_at"]
    prepared.rename_in_erp(first_client(prepared.world), "Nom du soir")
    asked: list[Any] = []
    monkeypatch.setattr(GatewayClient, "wait_for_changes", lambda *given: asked.append(given))

    line.turn()

    assert not asked
    assert prepared.integration()["due_at"] == before


@pytest.mark.req("NEW-07", "NEW-05")
def test_cursors_of_a_base_that_was_replaced_are_a_matter_for_the_cycle(prepared: Live, line: Line) -> None:
    cursors = Integration.metadata.tables["cursors"]
    with prepared.world.store.writing() as session:
        foreign = cursors.c.entity_set == EntitySet.TIERS.value
        session.execute(update(cursors).where(foreign).values(cursor="0123456789abcdef-3-0-1"))

    line.turn()

    assert prepared.is_due()


@pytest.mark.req("NEW-07")
def test_a_tiers_that_only_passed_by_is_no_echo(prepared: Live, line: Line) -> None:
    """What the CRM holds of it differs in version: one record among those that this side sent is enough."""
    code = first_client(prepared.world)
    line.turn()
    quiet = not prepared.is_due()
    prepared.rename_in_erp(code, "Nom du soir")
    line.turn()

    assert quiet
    assert prepared.is_due()


@pytest.mark.req("NEW-07")
def test_the_watch_goes_on_after_the_base_was_away(prepared: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = iter([True, True])
    edited = LiveBase.edited

    def broken(base: LiveBase, members: Any) -> Any:
        if next(failing, False):
            raise RuntimeError("gone")
        return edited(base, members)

    monkeypatch.setattr(LiveBase, "edited", broken)
    monkeypatch.setattr("syncengine.service.loop.FIRST_PAUSE_S", 0.05)
    code = first_client(prepared.world)
    with worked(prepared), watching(prepared.engine) as watch:
        prepared.rename_in_crm(code, "Nom du matin")
        until(lambda: prepared.name_in_erp(code) == "Nom du matin")
        until(lambda: watch.loop.problem is None)
    assert next(failing, "used up") == "used up"
