"""When the next cycle is due, as cycles of a real base leave it: interval, back-off, requests, totality, clocks set back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from contracts.client import GatewayClient
from contracts.errors import RemoteFault, Unreachable
from syncengine import integrations
from syncengine.cycle.pull import Patience
from syncengine.cycle.run import Order, Report
from syncengine.engine import Engine
from syncengine.errors import Disconnected, IntegrationInvalid, Interrupted, NotActive
from syncengine.model import Account, Company, CycleKind, CycleStatus, IntegrationState
from syncengine.secrets import Secrets
from syncengine.settings import EngineSettings
from syncengine.sync import synchronise
from tests.syncengine.world import World, world

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def synchronised(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A base of 3 tiers after its first synchronisation, that does not call twice."""
    with world(tmp_path, database_url, tiers=3, documents=0) as made:
        made.patience = Patience(attempts=1)
        assert made.cycle().kind is CycleKind.FIRST
        yield made


def integration(made: World) -> dict[str, Any]:
    """The row of the integration."""
    (row,) = made.rows("integrations")
    return row


def last(made: World) -> dict[str, Any]:
    """The row of the last cycle."""
    return made.rows("cycles")[-1]


def ask(made: World) -> int:
    """'Synchronise now'."""
    with made.store.writing() as session:
        return integrations.request(session, made.integration_id, at=made.now())


def failing(made: World, problem: BaseException) -> Report:
    """A cycle that cannot even sign in."""

    def connect() -> GatewayClient:
        raise problem

    made.connect = connect
    try:
        return made.cycle()
    finally:
        made.connect = None


@pytest.mark.req("CRM-07")
def test_the_next_is_due_at_the_interval_after_the_end_and_sooner_after_a_passing_failure(synchronised: World) -> None:
    made = synchronised
    should = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)

    made.cycle(Order(due_at=should))
    row, cycle = integration(made), last(made)
    assert row["due_at"] == cycle["ended_at"] + HOUR
    assert (cycle["due_at"], cycle["lease_token"]) == (should, row["lease_token"])
    assert cycle["worker"]
    assert (row["lease_owner"], row["lease_until"], row["failures"]) == (None, None, 0)

    for failures, least in ((1, 1), (2, 2), (3, 4)):
        assert failing(made, Unreachable("no answer")).status is CycleStatus.FAILURE
        row, cycle = integration(made), last(made)
        assert row["failures"] == failures
        assert least * MINUTE <= row["due_at"] - cycle["ended_at"] <= 1.5 * least * MINUTE
    assert cycle["due_at"] is None  # somebody ordered it

    failing(made, RemoteFault("wrong password", code="credentials_refused"))
    assert (integration(made)["failures"], integration(made)["due_at"]) == (4, last(made)["ended_at"] + HOUR)

    made.cycle()
    assert (integration(made)["failures"], integration(made)["due_at"]) == (0, last(made)["ended_at"] + HOUR)


@pytest.mark.req("CRM-07", "CRM-19")
def test_a_request_while_a_cycle_runs_has_one_follow_at_once(synchronised: World) -> None:
    made = synchronised
    asked: list[int] = []
    watched, made.watched = made.watched, []
    made.watched = _Asking(made, asked)

    made.cycle()

    made.watched = watched
    row = integration(made)
    assert (asked, row["requested_number"], row["handled_number"]) == ([1], 1, 0)
    assert row["due_at"] == last(made)["ended_at"]

    made.cycle()
    row = integration(made)
    assert (row["handled_number"], row["due_at"]) == (1, last(made)["ended_at"] + HOUR)

    assert ask(made) == 2
    assert integration(made)["due_at"] <= made.now()


class _Asking(list[Any]):
    """Asks for a cycle when the first page has been taken."""

    def __init__(self, made: World, asked: list[int]) -> None:
        super().__init__()
        self._made, self._asked = made, asked

    def append(self, progress: Any) -> None:
        """A page has been taken."""
        super().append(progress)
        if not self._asked:
            self._asked.append(ask(self._made))


@pytest.mark.req("CRM-11", "CRM-58")
def test_while_no_cycle_may_run_none_can_be_asked_for_and_none_stays_due(synchronised: World) -> None:
    made = synchronised
    for state, why in (
        ({"state": IntegrationState.INACTIVE, "connected": True}, NotActive),
        ({"state": IntegrationState.ACTIVE, "connected": False}, Disconnected),
    ):
        made.set(**state, due_at=made.now())
        with pytest.raises(why):
            ask(made)
        with pytest.raises(why):
            made.cycle()
        assert (integration(made)["due_at"], integration(made)["lease_owner"]) == (None, None)
    assert len(made.rows("cycles")) == 1


@pytest.mark.req("CRM-07")
def test_a_cycle_that_was_stopped_goes_on_at_once_and_one_that_broke_down_after_a_pause(synchronised: World) -> None:
    made = synchronised
    failing(made, Interrupted("the service was stopped"))
    assert (integration(made)["failures"], integration(made)["due_at"]) == (0, last(made)["ended_at"])

    with pytest.raises(MemoryError):
        failing(made, MemoryError())
    row = integration(made)
    assert (row["failures"], row["lease_owner"]) == (1, None)
    assert MINUTE * 0.9 <= row["due_at"] - made.now() <= 1.5 * MINUTE
    assert made.cycle().problem is None
    assert made.rows("cycles")[-2]["error_code"] == "interrupted"


@pytest.mark.req("CRM-09")
def test_once_a_day_the_totality_takes_the_place_of_the_differences(synchronised: World) -> None:
    made = synchronised
    first = integration(made)["last_resync_at"]
    assert first == last(made)["ended_at"]  # a first synchronisation is one
    in_an_hour = made.now() + HOUR
    made.set(zone="UTC", daily_resync_at=in_an_hour.time().replace(microsecond=0))
    assert made.cycle().kind is CycleKind.DIFFERENTIAL
    assert integration(made)["due_at"] <= in_an_hour
    with made.store.writing() as session:
        # Behind the engine's back: no change log and no mark tells it.
        session.execute(update(Company).values(contact_person="Derrière"))
        session.execute(update(Account).values(contact_person="Derrière"))

    made.later(minutes=61)
    assert made.preview().kind is CycleKind.DIFFERENTIAL
    failing(made, Unreachable("no answer"))
    assert (last(made)["kind"], integration(made)["last_resync_at"]) == (CycleKind.RESYNC, first)

    report = made.cycle()
    assert (report.kind, report.problem, report.counts.sent) == (CycleKind.RESYNC, None, 3)
    assert integration(made)["last_resync_at"] == last(made)["ended_at"]
    assert integration(made)["due_at"] == last(made)["ended_at"] + HOUR
    assert made.cycle().kind is CycleKind.DIFFERENTIAL
    made.later(days=1)
    assert made.cycle().kind is CycleKind.RESYNC


@pytest.mark.req("CRM-06", "CRM-07")
def test_a_clock_that_was_set_back_stalls_nothing(synchronised: World) -> None:
    made = synchronised
    made.later(days=400)
    made.cycle()
    made.ahead = timedelta()
    assert integration(made)["due_at"] > made.now() + timedelta(days=399)

    for found in (1, 0):
        with made.store.writing() as session:
            assert integrations.bring_forward(session, at=made.now()) == found
    assert integration(made)["due_at"] <= made.now()

    made.cycle()
    row = integration(made)
    assert row["due_at"] == last(made)["ended_at"] + HOUR
    assert last(made)["started_at"] <= row["parameters_refreshed_at"] <= made.now()


@pytest.mark.req("CRM-07")
def test_a_due_cycle_that_cannot_even_begin_is_tried_again_at_the_interval(
    synchronised: World, settings: EngineSettings, secrets: Secrets
) -> None:
    made = synchronised
    made.set(erp_password=None)
    engine = Engine(settings=settings, store=made.store, secrets=secrets)
    for order, failures in ((Order(), 0), (Order(due_at=made.now()), 1)):
        with pytest.raises(IntegrationInvalid):
            synchronise(engine, made.integration_id, screen=False, order=order)
        assert integration(made)["failures"] == failures
    assert HOUR - MINUTE < integration(made)["due_at"] - made.now() <= HOUR + MINUTE
    assert len(made.rows("cycles")) == 1
