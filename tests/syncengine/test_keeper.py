"""The lease while a cycle runs: kept as long as it lives, lost when it freezes, and then it writes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.client import GatewayClient
from contracts.fields import Record
from contracts.messages import Operation
from gateway.demo.edits import edit_tiers
from syncengine.cycle import lease as leases
from syncengine.cycle.run import DIFFERENTIAL
from syncengine.cycle.span import begin, holding
from syncengine.errors import AlreadyRunning
from syncengine.model import Base
from tests.gateway.live import PASSWORD, USER
from tests.syncengine.world import World, world

pytestmark = pytest.mark.guarantees


@pytest.fixture
def synchronised(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A base of 6 tiers after its first synchronisation, page by page."""
    with world(tmp_path, database_url, tiers=6, documents=0) as made:
        made.cycle()
        made.page_size = 2
        yield made


def everything(made: World) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of the CRM base."""
    return {table.name: made.rows(table.name) for table in Base.metadata.sorted_tables}


class _Overtaken(list[Any]):
    """Freezes the process after its first page for longer than the lease; meanwhile another one takes over."""

    def __init__(self, made: World) -> None:
        super().__init__()
        self._made, self.left = made, dict[str, Any]()

    def append(self, progress: Any) -> None:
        """A page has been taken."""
        super().append(progress)
        if not self.left:
            self._made.later(seconds=leases.LEASE_TIME.total_seconds() + 1)
            with self._made.store.writing() as session:
                leases.take(session, self._made.integration_id, at=self._made.now())
            self.left = everything(self._made)


@pytest.mark.req("CRM-07")
def test_frozen_past_its_lease_and_thawed_a_cycle_writes_nothing(synchronised: World) -> None:
    made = synchronised
    codes = [row["code"] for row in made.rows("accounts")]
    with made.erp() as erp:
        for code in codes:
            edit_tiers(erp, code, CT_Contact="modifié")
    made.watched = overtaken = _Overtaken(made)

    report = made.cycle()

    assert report.problem is not None
    assert report.problem.problem_code == "lease_lost"
    assert overtaken.left == everything(made)
    assert sum(row["contact_person"] == "modifié" for row in overtaken.left["companies"]) == 2


class _Slow(GatewayClient):
    """The ERP answers when it is told to."""

    answers: threading.Event
    asked: threading.Event

    def reply(self, operation: Operation, request: Record | None = None) -> bytes:
        """One call."""
        self.asked.set()
        assert self.answers.wait(30)
        return super().reply(operation, request)


@pytest.mark.req("CRM-07")
def test_a_cycle_whose_erp_takes_its_time_keeps_its_lease(synchronised: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = synchronised
    monkeypatch.setattr(leases, "LEASE_TIME", timedelta(seconds=0.6))
    answers, asked, ended = threading.Event(), threading.Event(), []
    slow = type("Slow", (_Slow,), {"answers": answers, "asked": asked})
    made.connect = lambda: slow(made.gateway.url, USER, PASSWORD)
    cycle = threading.Thread(target=lambda: ended.append(made.cycle()))
    cycle.start()
    assert asked.wait(30)

    # Several times its lease passes; asked again and again, it is not free for a moment.
    (began,) = made.rows("integrations")
    until = began["lease_until"]
    pause = threading.Event()
    while until < began["lease_until"] + timedelta(seconds=1.5):
        with pytest.raises(AlreadyRunning), made.store.writing() as session:
            leases.take(session, made.integration_id, at=made.now())
        pause.wait(0.1)
        (row,) = made.rows("integrations")
        until = row["lease_until"]
    answers.set()
    cycle.join(60)

    assert [report.problem for report in ended] == [None]
    (row,) = made.rows("integrations")
    assert (row["lease_owner"], row["lease_token"]) == (None, began["lease_token"])


def test_a_transaction_that_took_long_ends_with_the_lease_renewed(synchronised: World) -> None:
    made = synchronised
    run = begin(made.store, made.integration_id, made.around, DIFFERENTIAL)
    with holding(run):
        with run.commit():
            made.later(seconds=leases.LEASE_TIME.total_seconds() * 2)
        (row,) = made.rows("integrations")
        assert row["lease_until"] > made.now()
        with pytest.raises(AlreadyRunning), made.store.writing() as session:
            leases.take(session, made.integration_id, at=made.now())


def test_a_lease_that_ends_far_ahead_was_written_by_a_clock_since_set_back(synchronised: World) -> None:
    made = synchronised
    with made.store.writing() as session:
        leases.take(session, made.integration_id, at=made.now() + timedelta(days=30))
    made.cycle()
    assert made.rows("cycles")[-1]["error_code"] is None
