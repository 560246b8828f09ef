"""Stopped anywhere, the next run goes on from the last committed page and ends in the same state (G8, G9)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from benchmarks.kills import kills
from gateway.demo.changes import apply_changes
from syncengine.model import CycleStatus
from syncengine.storage.store import Store
from tests.crm import Dump, differences, dump
from tests.syncengine.world import World, crm, world


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass(frozen=True, kw_only=True)
class MortalStore(Store):
    """A base whose process dies at the n-th transaction: before it is committed, or just after."""

    deadly: int
    after: bool
    count: list[int] = field(default_factory=lambda: [0])

    @contextmanager
    def writing(self) -> Iterator[Session]:
        number = self.count[0]
        self.count[0] += 1
        if number > self.deadly or (number == self.deadly and not self.after):
            raise Killed
        with super().writing() as session:
            yield session
        if number == self.deadly:
            raise Killed


def mortal(store: Store, deadly: int, *, after: bool) -> MortalStore:
    """The same base, whose process dies."""
    parts = {name: getattr(store, name) for name in ("url", "dialect", "engine", "sessions", "readers")}
    return MortalStore(**parts, deadly=deadly, after=after)


def transactions(made: World) -> int:
    """How many transactions a cycle of this world has; runs it."""
    immortal = mortal(made.store, 10**9, after=False)
    replace(made, store=immortal).cycle()
    return immortal.count[0]


@contextmanager
def another(made: World, folder: Path, name: str) -> Iterator[World]:
    """The same ERP with a CRM base that knows nothing yet."""
    with crm(folder, f"sqlite:///{folder / name}.db", made.gateway) as (store, integration_id):
        yield replace(made, store=store, integration_id=integration_id)


def survives(made: World, deadly: int, expected: Dump, *, after: bool) -> None:
    """Die at that transaction, run again, compare."""
    with pytest.raises(Killed):
        replace(made, store=mortal(made.store, deadly, after=after)).cycle()
    # This process, which holds the lease, is not really dead: the lease has to expire.
    again = replace(made, ahead=timedelta(minutes=3))

    report = again.cycle()

    assert report.problem is None
    assert differences(expected, dump(made.store)) == []


@pytest.mark.guarantees
@pytest.mark.req("CRM-13", "NEW-05")
def test_a_first_synchronisation_that_dies_at_any_transaction_ends_in_the_same_state(
    tmp_path: Path, sqlite_url: str
) -> None:
    with world(tmp_path, sqlite_url, tiers=14) as made:
        made.page_size = 5
        points = transactions(made)
        expected = dump(made.store)
        assert points > 8
        for deadly in range(1, points - 1):
            for after in (False, True):
                with another(made, tmp_path, f"dead-{deadly}-{after}") as victim:
                    survives(victim, deadly, expected, after=after)


@pytest.mark.guarantees
@pytest.mark.req("CRM-01", "NEW-05")
def test_a_differential_cycle_that_dies_at_any_transaction_ends_in_the_same_state(
    tmp_path: Path, sqlite_url: str
) -> None:
    with world(tmp_path, sqlite_url, tiers=14) as made:
        made.page_size = 2
        victims = [(deadly, after) for deadly in range(1, 8) for after in (False, True)]
        made.cycle()
        with ExitStack() as stack:
            prepared = [stack.enter_context(another(made, tmp_path, f"{deadly}-{after}")) for deadly, after in victims]
            for victim in prepared:
                victim.cycle()
            apply_changes(made.sage)
            points = transactions(made)
            expected = dump(made.store)
            for victim, (deadly, after) in zip(prepared, victims, strict=True):
                if deadly < points - 1:
                    survives(victim, deadly, expected, after=after)


@pytest.mark.req("CRM-10")
def test_the_cycle_that_died_is_shown_as_failed_with_what_to_do(tmp_path: Path, sqlite_url: str) -> None:
    with world(tmp_path, sqlite_url, tiers=14) as made:
        with pytest.raises(Killed):
            replace(made, store=mortal(made.store, 3, after=False)).cycle()
        made.ahead = timedelta(minutes=3)
        made.cycle()

        died, finished = made.rows("cycles")
        assert (died["status"], died["error_code"]) == (CycleStatus.FAILURE, "interrupted")
        assert "last committed page" in died["error_remedy"]
        assert finished["status"] is CycleStatus.SUCCESS


@pytest.mark.guarantees
@pytest.mark.req("NEW-05")
def test_killed_for_real_at_random_moments_it_ends_in_the_same_state() -> None:
    figures = kills(tiers=600, count=4, seed=7)

    assert figures["different"] == []
    assert figures["identical"] == 4
