"""Figures of what a process does and of how all integrations stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import update

from gateway.demo.edits import edit_tiers
from syncengine.cycle import alerting
from syncengine.cycle.pull import Patience
from syncengine.engine import Engine
from syncengine.errors import DatabaseUnreachable
from syncengine.model import (
    Account,
    Cycle,
    CycleKind,
    CycleStatus,
    Integration,
    IntegrationState,
    Link,
    Side,
    SyncError,
    SyncErrorState,
)
from syncengine.secrets import Secrets
from syncengine.service.metrics import Figures, exposition
from syncengine.settings import settings_from
from syncengine.storage.store import Store
from syncengine.sync import synchronise
from tests.gateway.live import PASSWORD
from tests.syncengine.conftest import NOW
from tests.syncengine.records import account, integration
from tests.syncengine.world import World, world

MINUTE = timedelta(minutes=1)


def engine_of(store: Store, home: Path, **settings: Any) -> Engine:
    """An engine that counts."""
    made = settings_from({"home": home, **settings})
    return Engine(settings=made, store=store, secrets=Secrets(made), observer=Figures())


def samples(engine: Engine) -> dict[tuple[str, ...], float]:
    """What is exposed: name and label values → value."""
    found = text_string_to_metric_families(exposition(engine)[0].decode())
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in found
        for sample in family.samples
    }


@pytest.fixture
def both_sides(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """A base that was not synchronised yet, to which the engine can sign in."""
    with world(tmp_path, sqlite_url) as made:
        made.set(erp_password=Secrets(settings_from({"home": tmp_path / "engine"})).encrypt(SecretStr(PASSWORD)))
        yield made


@pytest.mark.req("NEW-09")
def test_cycles_records_and_calls_are_counted_as_they_happen(both_sides: World, tmp_path: Path) -> None:
    # Given an engine that runs a first cycle, one with a change, and one that the gateway's password stops
    engine = engine_of(both_sides.store, tmp_path / "engine")
    number = both_sides.integration_id
    first = synchronise(engine, number)
    with both_sides.erp() as connection:
        edit_tiers(connection, str(both_sides.rows("accounts")[0]["code"]), CT_Contact="New")
    synchronise(engine, number)
    both_sides.set(erp_user="nobody")
    synchronise(engine, number, patience=Patience(attempts=1))

    # Then the figures say so, with nothing of the records in them
    found = samples(engine)
    assert found["syncengine_cycles_total", "first", "success"] == 1
    assert found["syncengine_cycles_total", "differential", "success"] == 1
    assert found["syncengine_cycles_total", "differential", "failure"] == 1
    assert found["syncengine_problems_total", "credentials_refused"] == 1
    assert found["syncengine_records_total", "erp_to_crm", "tiers", "created"] == first.counts.arrived > 0
    assert found["syncengine_records_total", "erp_to_crm", "tiers", "changed"] == 1
    assert found["syncengine_cycle_duration_seconds_count", "first"] == 1
    assert found["syncengine_gateway_call_duration_seconds_count", "GetChangeLog", "answered"] >= 2
    refused = [value for key, value in found.items() if key[-1] == "credentials_refused" and "call" in key[0]]
    assert sum(refused) > 0
    # And what the base knows: the failure needs a person, so there is an alert
    assert found["syncengine_alerts", "failure"] == 1
    assert found["syncengine_integrations_failing",] == 1
    names = {str(row["name"]) for row in both_sides.rows("accounts")}
    assert not any(name in exposition(engine)[0].decode() for name in names)


@pytest.mark.req("NEW-09")
def test_lag_freshness_queue_and_work_are_read_from_the_base(store: Store, tmp_path: Path) -> None:
    engine = replace(engine_of(store, tmp_path), store=replace(store, clock=lambda: NOW))
    with store.writing() as session:
        # Given one with a change that waits for 40 minutes, one all done, and three that are not served or at work
        late = integration(session, name="late", due_at=NOW - 7 * MINUTE, failures=2)
        row = account(session, late, code="C1")
        session.add(
            Link(integration_id=late.id, entity="account", local_id=row.id, erp_key="C1", changed_at=NOW - 40 * MINUTE)
        )
        done = integration(session, name="done", due_at=NOW + MINUTE)
        facts = {"kind": CycleKind.DIFFERENTIAL, "status": CycleStatus.WARNING}
        session.add(Cycle(integration_id=done.id, **facts, started_at=NOW - 5 * MINUTE, ended_at=NOW))
        integration(session, name="off", state=IntegrationState.INACTIVE)
        integration(session, name="released", connected=False)
        busy = integration(session, name="busy", lease_owner="srv1 42 1.5", lease_until=NOW + MINUTE, due_at=NOW)
        session.execute(update(Integration).where(Integration.id == busy.id).values(updated_at=NOW - MINUTE))
        error = {"entity": "account", "message": "x", "first_at": NOW, "last_at": NOW}
        for key, state in (("C1", SyncErrorState.OPEN), ("C2", SyncErrorState.RETRY), ("C3", SyncErrorState.RESOLVED)):
            session.add(
                SyncError(integration_id=late.id, side=Side.CRM, erp_key=key, code="too_long", state=state, **error)
            )
        alerting.drift_found(session, integration_id=late.id, count=1, at=NOW)

    found = samples(engine)

    assert found["syncengine_base_up",] == 1
    states = {name: found["syncengine_integrations", name] for name in ("active", "inactive", "disconnected")}
    assert states == {"active": 3, "inactive": 1, "disconnected": 1}
    assert (found["syncengine_queue_depth",], found["syncengine_queue_oldest_seconds",]) == (1, 420)
    assert found["syncengine_leases", "srv1 42"] == 1
    assert found["syncengine_integration_lag_seconds", "late"] == 2_400
    assert found["syncengine_integration_lag_seconds", "done"] == 0
    assert found["syncengine_integration_freshness_seconds", "done"] == 300
    assert ("syncengine_integration_lag_seconds", "off") not in found
    assert (found["syncengine_lag_seconds", "0.5"], found["syncengine_lag_seconds", "1"]) == (0, 2_400)
    assert (found["syncengine_integrations_lagging", "900"], found["syncengine_integrations_lagging", "3600"]) == (1, 0)
    assert found["syncengine_record_errors", "too_long", "crm"] == 2
    assert found["syncengine_alerts", "drift"] == 1
    assert found["syncengine_integrations_failing",] == 1


@pytest.mark.req("NEW-09", "NEW-10")
def test_beyond_the_limit_only_the_spread_is_told_and_reading_is_not_repeated_at_once(
    store: Store, tmp_path: Path
) -> None:
    engine = engine_of(store, tmp_path, metrics_integrations=1)
    with store.writing() as session:
        for number in range(2):
            integration(session, name=f"integration {number}")
    assert isinstance(engine.observer, Figures)

    found = samples(engine)
    engine.observer.base._until += 60
    with store.writing() as session:
        integration(session, name="one more")

    assert ("syncengine_integration_lag_seconds", "integration 0") not in found
    assert found["syncengine_integrations", "active"] == 2
    assert samples(engine)["syncengine_integrations", "active"] == 2
    engine.observer.base._until = 0
    assert samples(engine)["syncengine_integrations", "active"] == 3


def test_a_creation_that_is_awaited_is_a_change_that_waits(store: Store, tmp_path: Path) -> None:
    engine = replace(engine_of(store, tmp_path), store=replace(store, clock=lambda: NOW + MINUTE))
    with store.writing() as session:
        link = integration(session)
        row = account(session, link, code="C1")
        session.execute(update(Account).where(Account.id == row.id).values(erp_state="awaited", updated_at=NOW))
    assert samples(engine)["syncengine_integration_lag_seconds", "Sage100"] == 60


def test_while_the_base_is_away_the_process_is_still_told(store: Store, tmp_path: Path) -> None:
    def fail() -> Any:
        raise DatabaseUnreachable("no answer")

    engine = replace(engine_of(store, tmp_path), store=replace(store, clock=fail))
    found = samples(engine)
    assert found["syncengine_base_up",] == 0
    assert ("syncengine_queue_depth",) not in found
    assert ("syncengine_cycle_lateness_seconds_count",) in found
