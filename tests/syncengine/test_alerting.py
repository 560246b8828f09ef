"""Somebody is told once when something is wrong, and once when it is over."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from contracts.client import GatewayClient
from contracts.errors import BaseReleased, Problem, RemoteFault, Unreachable
from syncengine.cycle import alerting
from syncengine.cycle.alerting import GRACE
from syncengine.cycle.pull import Patience
from syncengine.desk.alerts import close_alert, count_open, list_alerts
from syncengine.engine import Engine
from syncengine.errors import GuardStopped, InputRefused, Interrupted, NotActive
from syncengine.model import (
    Alert,
    AlertCause,
    AlertChannel,
    ChannelKind,
    Cycle,
    CycleKind,
    CycleStatus,
    Delivery,
    Integration,
    IntegrationState,
)
from syncengine.secrets import Secrets
from syncengine.service.ticket import JobKind, Ticket
from syncengine.service.worker import Worker
from syncengine.settings import EngineSettings
from syncengine.storage.store import Store
from tests.syncengine.conftest import NOW
from tests.syncengine.records import integration
from tests.syncengine.world import World, world

AWAY = Unreachable("no answer")
WRONG_PASSWORD = RemoteFault("refused", code="credentials_refused", remedy="Correct the password.")
GUARD = GuardStopped("CRM: 900 tiers would be changed; see plan 3")


def channel(store: Store, integration_id: int | None = None, **values: Any) -> int:
    """Somebody to tell."""
    row = {"kind": ChannelKind.EMAIL, "target": "compta@societe.example", "created_at": NOW} | values
    with store.writing() as session:
        made = AlertChannel(integration_id=integration_id, **row)
        session.add(made)
        session.flush()
        return made.id


@pytest.fixture
def served(store: Store) -> int:
    """An active integration, with a channel that is told of everything."""
    channel(store)
    with store.writing() as session:
        return integration(session).id


def end(store: Store, integration_id: int, problem: Problem | None, *, after: timedelta = timedelta()) -> None:
    """A cycle ends so, so long after NOW."""
    status = CycleStatus.SUCCESS if problem is None else CycleStatus.FAILURE
    code = None if problem is None else problem.problem_code
    at = NOW + after
    with store.writing() as session:
        facts: dict[str, Any] = {"integration_id": integration_id, "kind": CycleKind.DIFFERENTIAL, "status": status}
        session.add(Cycle(**facts, started_at=at, ended_at=at, error_code=code))
        session.flush()
        alerting.cycle_ended(session, integration_id=integration_id, status=status, problem=problem, at=at)


def told(store: Store) -> list[tuple[str, str]]:
    """What was written to channels, and of which cause."""
    with store.reading() as session:
        payloads = session.scalars(select(Delivery.payload).order_by(Delivery.id)).all()
    return [(one["type"], one["data"]["cause"]) for one in map(json.loads, payloads)]


def stale(store: Store, after: timedelta) -> int:
    """What the periodic check finds so long after NOW."""
    with store.writing() as session:
        return alerting.check_stale(session, at=NOW + after)


@pytest.fixture
def both_sides(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A synchronised base."""
    with world(tmp_path, database_url, tiers=3) as made:
        made.cycle()
        yield made


@pytest.mark.req("NEW-09")
def test_an_erp_down_for_a_day_makes_one_alert_and_one_recovery(both_sides: World) -> None:
    # Given somebody to tell, and an ERP that does not answer
    channel(both_sides.store)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        both_sides.connect = lambda: GatewayClient(away, "crm", "secret", timeout_s=1)
        both_sides.patience = Patience(attempts=1)

        # When a day passes, with a cycle whenever one is due, and the periodic check
        day, attempts = both_sides.now() + timedelta(days=1), 0
        while both_sides.now() < day:
            (due,) = {row["due_at"] for row in both_sides.rows("integrations")}
            both_sides.ahead += due - both_sides.now()
            assert both_sides.cycle().status is CycleStatus.FAILURE
            attempts += 1
            with both_sides.store.writing() as session:
                assert alerting.check_stale(session, at=both_sides.now()) == 0

    # Then there is one alert, told once, although a cycle failed time and again
    (alert,) = both_sides.rows("alerts")
    assert attempts > 20
    assert (alert["cause"], alert["code"], alert["closed_at"]) == (AlertCause.FAILURE, "gateway_unreachable", None)
    assert 15 < alert["times"] < attempts
    assert told(both_sides.store) == [("alert.opened", "failure")]

    # And when the ERP is back, one recovery
    both_sides.connect = None
    assert both_sides.cycle().status is CycleStatus.SUCCESS
    assert both_sides.cycle().status is CycleStatus.SUCCESS
    assert told(both_sides.store) == [("alert.opened", "failure"), ("alert.closed", "failure")]


@pytest.mark.req("NEW-09")
def test_a_failure_that_may_pass_alerts_only_when_it_lasts(store: Store, served: int) -> None:
    # A blip, a moment of work, and another blip much later: nobody is woken.
    end(store, served, AWAY)
    end(store, served, None, after=timedelta(minutes=1))
    end(store, served, AWAY, after=timedelta(hours=2))
    # Twice in a row, but not for long yet
    end(store, served, AWAY, after=timedelta(hours=2, minutes=1))
    # Stopped by hand in between: that is no failure, and no recovery
    end(store, served, Interrupted("stopped"), after=timedelta(hours=2, minutes=2))
    assert told(store) == []

    end(store, served, AWAY, after=timedelta(hours=2) + GRACE)
    assert told(store) == [("alert.opened", "failure")]


@pytest.mark.req("NEW-09")
def test_a_failure_that_needs_a_person_alerts_at_once_and_once(store: Store, served: int) -> None:
    end(store, served, WRONG_PASSWORD)
    end(store, served, AWAY, after=timedelta(hours=1))

    with store.reading() as session:
        (alert,) = list_alerts(session)
    assert (alert.cause, alert.code, alert.times) == (AlertCause.FAILURE, "gateway_unreachable", 2)
    assert (alert.opened_at, alert.seen_at) == (NOW, NOW + timedelta(hours=1))
    assert told(store) == [("alert.opened", "failure")]


def test_what_somebody_wanted_alerts_nobody(store: Store, served: int) -> None:
    problems = (NotActive("x"), InputRefused("x"), Interrupted("x"), BaseReleased("x", code="base_released"))
    for minutes, problem in enumerate(problems * 10):
        end(store, served, problem, after=timedelta(minutes=minutes))
    assert told(store) == []


@pytest.mark.req("NEW-09")
def test_a_cycle_that_cannot_even_begin_alerts_too(store: Store, served: int, settings: EngineSettings) -> None:
    # Given a stored password whose key is lost
    engine = Engine(settings=settings, store=store, secrets=Secrets(settings))
    with store.writing() as session:
        session.get_one(Integration, served).erp_password = engine.secrets.encrypt(SecretStr("x"))
    settings.key_path.unlink()

    # When a worker tries to run the cycles that are due
    worker = Worker(engine, concurrency=1)
    for _ in range(2):
        worker.run(Ticket(kind=JobKind.CYCLE, integration_id=served, token=0, due_at=NOW))
    worker.close()

    assert told(store) == [("alert.opened", "failure")]
    with store.reading() as session:
        assert [(one.code, one.times) for one in list_alerts(session)] == [("key_missing", 2)]


@pytest.mark.req("NEW-09", "NEW-06")
def test_a_guard_stop_is_told_and_ends_with_the_approved_plan(store: Store, served: int) -> None:
    end(store, served, WRONG_PASSWORD)
    # The guard is met: so the gateway answers again
    end(store, served, GUARD, after=timedelta(hours=1))
    end(store, served, GUARD, after=timedelta(hours=2))
    # A blip does not make the guard's stop a failure that lasts
    end(store, served, AWAY, after=timedelta(hours=3))
    end(store, served, None, after=timedelta(hours=4))

    failure = [("alert.opened", "failure"), ("alert.closed", "failure")]
    assert told(store) == [*failure, ("alert.opened", "guard"), ("alert.closed", "guard")]


@pytest.mark.req("NEW-09")
def test_nothing_synchronised_for_three_intervals_is_told_unless_the_cause_is_known(store: Store, served: int) -> None:
    # Given an integration that works, one that fails, one that is at work, and one that nobody wants to run
    def other(name: str, **values: Any) -> int:
        with store.writing() as session:
            return integration(session, name=name, **values).id

    failing = other("failing")
    other("at work", lease_owner="host 1 2", lease_until=NOW + timedelta(days=1))
    other("inactive", state=IntegrationState.INACTIVE)
    other("released", connected=False)
    other("slow", interval_min=600)
    end(store, served, None, after=timedelta(minutes=30))
    end(store, failing, WRONG_PASSWORD)

    # When nobody runs cycles any more
    assert stale(store, timedelta(minutes=200)) == 0
    assert stale(store, timedelta(minutes=215)) == 1
    assert stale(store, timedelta(minutes=230)) == 0

    # Then only the one that nothing is known of is told; a failure that may pass is the same cause
    end(store, served, AWAY, after=timedelta(minutes=231))
    end(store, served, AWAY, after=timedelta(minutes=260))
    assert told(store) == [("alert.opened", "failure"), ("alert.opened", "stale")]
    end(store, served, None, after=timedelta(minutes=261))
    assert told(store)[2:] == [("alert.closed", "stale")]


@pytest.mark.req("NEW-09")
def test_a_difference_that_an_audit_finds_is_told_until_it_is_settled(store: Store, served: int) -> None:
    for minutes, count in ((0, 3), (10, 2), (20, 0)):
        with store.writing() as session:
            at = NOW + timedelta(minutes=minutes)
            if count:
                alerting.drift_found(session, integration_id=served, count=count, at=at)
            else:
                alerting.drift_settled(session, integration_id=served, at=at)

    assert told(store) == [("alert.opened", "drift"), ("alert.closed", "drift")]
    with store.reading() as session:
        (alert,) = list_alerts(session, closed_too=True)
    assert (alert.times, alert.message[:9], alert.words) == (2, "2 records", "le CRM et Sage 100 divergent")


def test_only_the_channels_of_the_integration_and_those_of_all_are_told(store: Store, served: int) -> None:
    with store.writing() as session:
        other = integration(session, name="other").id
    own, _ = channel(store, served, target="own@societe.example"), channel(store, other)
    channel(store, served, target="off@societe.example", active=False)

    end(store, served, WRONG_PASSWORD)

    with store.reading() as session:
        rows = session.scalars(select(Delivery).order_by(Delivery.channel_id)).all()
    assert [row.channel_id for row in rows] == [1, own]
    assert {row.due_at for row in rows} == {NOW}
    assert len({row.message_id for row in rows}) == 2
    facts = json.loads(rows[0].payload)["data"]
    assert (facts["name"], facts["code"], facts["opened_at"]) == ("Sage100", "credentials_refused", NOW.isoformat())


def test_an_alert_is_closed_by_hand_and_opens_again_when_its_cause_is_met_again(store: Store, served: int) -> None:
    end(store, served, WRONG_PASSWORD)
    with store.writing() as session:
        (alert,) = session.scalars(select(Alert)).all()
        close_alert(session, alert.id, at=NOW)
    with store.writing() as session, pytest.raises(InputRefused, match="over already"):
        close_alert(session, 1, at=NOW)
    with store.writing() as session, pytest.raises(InputRefused, match="no such alert"):
        close_alert(session, 99, at=NOW)

    end(store, served, WRONG_PASSWORD, after=timedelta(minutes=1))
    assert [event for event, _ in told(store)] == ["alert.opened", "alert.closed", "alert.opened"]


def test_an_alert_that_cannot_be_kept_is_not_told_either(store: Store, served: int) -> None:
    class Broken(Exception):
        pass

    def fail(session: Any, at: datetime) -> None:
        alerting.drift_found(session, integration_id=served, count=1, at=at)
        raise Broken

    with pytest.raises(Broken), store.writing() as session:
        fail(session, NOW)
    assert told(store) == []
    with store.reading() as session:
        assert count_open(session) == 0
        assert session.get_one(Integration, served).name == "Sage100"
