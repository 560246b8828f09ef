"""'Déconnecter / reconnecter Gestion Commerciale': the ERP base is free for exclusive work, then synchronised again (CRM-58)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import delete

from contracts.client import GatewayClient
from contracts.errors import BaseReleased, NotOffered, Problem, RemoteFault
from syncengine import exclusive, integrations
from syncengine.crm.rights import withdraw
from syncengine.cycle import lease as leases
from syncengine.engine import Engine
from syncengine.errors import AlreadyRunning, Disconnected, ExitCode, InputRefused
from syncengine.exclusive import Exclusive
from syncengine.model import Cursor, Right, User
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from syncengine.sync import gateway, read_turnover, synchronise
from tests.gateway.live import PASSWORD
from tests.syncengine.commanding import Run
from tests.syncengine.conftest import NOW
from tests.syncengine.world import World, world

pytestmark = pytest.mark.req("CRM-58")


@pytest.fixture
def synchronised(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A base of 6 tiers after its first synchronisation."""
    with world(tmp_path, database_url, tiers=6, documents=0) as made:
        made.set(erp_password=_secrets(tmp_path).encrypt(SecretStr(PASSWORD)))
        made.cycle()
        yield made


@pytest.fixture
def engine(synchronised: World, tmp_path: Path) -> Engine:
    """The engine of that base, as a command opens it."""
    secrets = _secrets(tmp_path)
    return Engine(settings=settings_from({"home": tmp_path / "engine"}), store=synchronised.store, secrets=secrets)


def _secrets(folder: Path) -> Secrets:
    return Secrets(settings_from({"home": folder / "engine"}))


def integration(made: World) -> dict[str, Any]:
    """The row of the integration."""
    (row,) = made.rows("integrations")
    return row


class _Working(list[Any]):
    """Stops after its first page until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.page_taken, self.goes_on = threading.Event(), threading.Event()

    def append(self, progress: Any) -> None:
        """A page has been taken."""
        super().append(progress)
        self.page_taken.set()
        assert self.goes_on.wait(30)


def test_a_cycle_under_way_ends_at_its_next_page_and_only_then_is_the_base_released(
    synchronised: World, engine: Engine
) -> None:
    made = synchronised
    made.page_size = 2
    with made.store.writing() as session:
        session.execute(delete(Cursor))  # everything is read again, in many pages
    made.watched = working = _Working()
    ended: list[Any] = []
    released: list[Any] = []
    cycle = threading.Thread(target=lambda: ended.append(_caught(made.cycle)))
    cycle.start()
    assert working.page_taken.wait(30)
    number = made.integration_id
    waiting = threading.Thread(target=lambda: released.append(_caught(lambda: exclusive.disconnect(engine, number))))
    waiting.start()
    while integration(made)["connected"]:
        waiting.join(0.02)
    assert (released, ended) == ([], [])
    with made.gateway.client() as client:
        assert client.get_configuration().text("company")  # not released yet
    working.goes_on.set()
    waiting.join(60)
    cycle.join(60)

    (report,), (done,) = ended, released
    assert isinstance(report.problem, Disconnected)
    assert len(working) == 1
    assert isinstance(done, Exclusive)
    assert done.gateway_obeyed
    assert (integration(made)["due_at"], integration(made)["failures"]) == (None, 0)


def _caught(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Problem as error:
        return error


@pytest.mark.req("CRM-48")
def test_while_disconnected_nothing_is_synchronised_or_read_and_reconnecting_goes_on_at_once(
    synchronised: World, engine: Engine
) -> None:
    made, number = synchronised, synchronised.integration_id
    calls: tuple[Callable[[], object], ...] = (
        lambda: synchronise(engine, number, screen=False),
        lambda: read_turnover(engine, number),
        lambda: _asked(engine, number),
        lambda: gateway(engine, number).__enter__(),
    )
    with made.gateway.client() as client:
        assert exclusive.disconnect(engine, number).gateway_obeyed
        with pytest.raises(BaseReleased):
            client.get_configuration()
        for call in calls:
            with pytest.raises(Disconnected):
                call()
        assert integration(made)["due_at"] is None
        # Once more changes nothing.
        assert not exclusive.disconnect(engine, number).integration.connected

        back = exclusive.reconnect(engine, number)

        assert (back.gateway_obeyed, back.integration.connected) == (True, True)
        assert back.integration.due_at is not None
        assert back.integration.due_at <= engine.store.clock()
        assert client.get_configuration().text("company")
    assert synchronise(engine, number, screen=False).problem is None


def _asked(engine: Engine, number: int) -> int:
    with engine.store.writing() as session:
        return integrations.request(session, number, at=engine.store.clock())


def test_an_older_gateway_is_told_of_and_a_base_in_use_is_asked_for_again(
    synchronised: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, number, asked = synchronised, synchronised.integration_id, list[int]()
    release = GatewayClient.release_base

    def in_use(client: GatewayClient) -> Any:
        asked.append(1)
        if len(asked) < 3:
            raise RemoteFault("calls under way", code="base_in_use", may_retry=True)
        return release(client)

    def older(_client: GatewayClient) -> Any:
        raise NotOffered("not served", code="unknown_operation")

    monkeypatch.setattr(exclusive, "LOOK_S", 0.01)
    monkeypatch.setattr(GatewayClient, "release_base", in_use)
    assert exclusive.disconnect(engine, number).gateway_obeyed
    assert len(asked) == 3
    exclusive.reconnect(engine, number)

    monkeypatch.setattr(GatewayClient, "release_base", older)
    monkeypatch.setattr(GatewayClient, "reconnect_base", older)
    done = exclusive.disconnect(engine, number)
    assert (done.gateway_obeyed, done.integration.connected) == (False, False)
    assert not exclusive.reconnect(engine, number).gateway_obeyed
    assert integration(made)["connected"]


def test_a_cycle_that_does_not_end_is_told_and_disconnecting_again_goes_on(synchronised: World, engine: Engine) -> None:
    made, number = synchronised, synchronised.integration_id
    with made.store.writing() as session:
        lease = leases.take(session, number, at=made.now())
    with pytest.raises(AlreadyRunning):
        exclusive.disconnect(engine, number, longest_s=0)
    assert not integration(made)["connected"]
    with made.store.writing() as session:
        assert leases.release(session, lease)
    leases.forget(lease)
    assert exclusive.disconnect(engine, number).gateway_obeyed


@pytest.mark.req("CRM-61")
def test_who_lost_the_right_can_neither_disconnect_nor_reconnect(synchronised: World, engine: Engine) -> None:
    made, number = synchronised, synchronised.integration_id
    with made.store.writing() as session:
        session.add(User(login="claire", name="Claire", created_at=NOW))
        session.flush()
        withdraw(session, 1, Right.DISCONNECT, at=NOW)
    before = integration(made)
    with pytest.raises(InputRefused) as refused:
        exclusive.disconnect(engine, number, by="claire")
    assert (refused.value.problem_code, refused.value.field) == ("right_withdrawn", "disconnect")
    assert integration(made) == before
    exclusive.disconnect(engine, number)
    with pytest.raises(InputRefused):
        exclusive.reconnect(engine, number, by="claire")
    assert not integration(made)["connected"]


def test_the_commands_tell_how_it_stands(synchronised: World, run: Run) -> None:
    gone = run("integration", "disconnect", "--json")
    assert (gone.code, gone.json["gateway_obeyed"], gone.json["integration"]["connected"]) == (ExitCode.OK, True, False)
    assert "none: the ERP is disconnected" in run("status").out
    for refused in (run("sync"), run("integration", "test"), run("turnover", "refresh")):
        assert (refused.code, refused.problem) == (ExitCode.REFUSED, "integration_disconnected")
    back = run("integration", "reconnect")
    assert back.code == ExitCode.OK
    assert "due since" in run("status").out
    assert run("sync").code == ExitCode.OK
    shown = run("status").out
    assert "next cycle          in 1 h 00 min, 20" in shown
    assert "failures in a row   0" in shown
