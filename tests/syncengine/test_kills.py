"""G9: killed at any transaction or call of a cycle that has every kind of change, the next one ends as if nothing had been.

Enumerated, not sampled: a cycle is run once to learn its transactions and calls, then once for each of them and each way to die.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from gateway.database import transacting
from syncengine.cycle.pull import Patience
from syncengine.cycle.run import Report
from tests.syncengine import busy_day
from tests.syncengine.evening import Evening, State, differences, lived, state
from tests.syncengine.mortal import NEVER, Fate, Killed, MortalClient, MortalStore
from tests.syncengine.world import World

LATER = timedelta(minutes=31)
"""When the parameters are refreshed again (CRM-06)."""
EXPIRED = LATER + timedelta(minutes=3)
"""When the lease of the process that died has expired."""
BATCH = 5
"""Small: each batch sent is one more moment to die."""
pytestmark = pytest.mark.guarantees


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    """The busy day, lived once; small batches from then on."""
    with lived(tmp_path_factory.mktemp("kills")) as one, pytest.MonkeyPatch.context() as patch:
        patch.setattr("syncengine.cycle.outgoing.BATCH", BATCH)
        yield one


def cycle(made: World, ahead: timedelta, fate: Fate | None = None) -> tuple[Report, Fate]:
    """A cycle of a process with that fate; somebody works in the ERP while it is about to send."""
    mortal = fate or Fate()
    meanwhile = partial(busy_day.meanwhile, made.sage)
    process = replace(
        made,
        store=MortalStore.of(made.store, mortal),
        ahead=ahead,
        connect=partial(MortalClient, made.gateway.url, mortal, meanwhile),
        patience=Patience(attempts=1),
    )
    return process.cycle(), mortal


@contextmanager
def gateway_dies(number: int = NEVER, *, after: bool = False) -> Iterator[Fate]:
    """The gateway dies at its n-th transaction for a write, counted from 0, and comes back at the end of the block."""
    fate = Fate(transaction=number, after=after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.writing.transacting", lambda connection: fate.spans(transacting(connection)))
        yield fate


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """The cycle that nobody kills: what it leaves, its transactions and calls, and the gateway's transactions for its writes."""

    state: State
    transactions: int
    operations: list[str]
    writes: int


@pytest.fixture(scope="module")
def undisturbed(evening: Evening) -> Undisturbed:
    """Run it, make sure that it has something of everything, and that the next one has nothing left to do."""
    with evening.again() as made, gateway_dies() as gateway:
        report, fate = cycle(made, LATER)
        busy_day.done(made, report)
        left, writes = state(made), gateway.transactions
        cycle(made, EXPIRED)
        assert differences(left, state(made)) == {}
        return Undisturbed(
            state=left,
            transactions=fate.transactions,
            operations=fate.operations,
            writes=writes,
        )


def survives(evening: Evening, undisturbed: Undisturbed, **fate: Any) -> dict[str, Any]:
    """Die, run again, compare."""
    with evening.again() as made:
        with pytest.raises(Killed):
            cycle(made, LATER, Fate(**fate))
        report, _ = cycle(made, EXPIRED)
        assert report.problem is None
        assert {row["state"].value for row in made.rows("outbox")} <= {"done", "refused", "stale"}
        return differences(undisturbed.state, state(made))


@pytest.mark.req("CRM-01", "NEW-05")
@pytest.mark.parametrize("after", [False, True], ids=["before its commit", "after its commit"])
def test_killed_at_any_transaction_the_next_cycle_ends_in_the_state_of_an_undisturbed_one(
    evening: Evening, undisturbed: Undisturbed, *, after: bool
) -> None:
    found = {
        number: survives(evening, undisturbed, transaction=number, after=after)
        for number in range(undisturbed.transactions)
    }

    assert undisturbed.transactions > 14
    assert {number: different for number, different in found.items() if different} == {}


@pytest.mark.req("CRM-01", "NEW-05")
@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "before its answer arrives"])
def test_killed_at_any_call_the_next_cycle_ends_in_the_state_of_an_undisturbed_one(
    evening: Evening, undisturbed: Undisturbed, *, after: bool
) -> None:
    found = {
        (number, operation): survives(evening, undisturbed, call=number, after=after)
        for number, operation in enumerate(undisturbed.operations)
    }

    assert undisturbed.operations.count("ExecuteTransactions") == 4
    assert {call: different for call, different in found.items() if different} == {}


@pytest.mark.req("CRM-01", "NEW-05")
@pytest.mark.parametrize("after", [False, True], ids=["before its commit", "after its commit"])
def test_the_gateway_killed_at_any_write_the_next_cycle_ends_in_the_state_of_an_undisturbed_one(
    evening: Evening, undisturbed: Undisturbed, *, after: bool
) -> None:
    found: dict[int, dict[str, Any]] = {}
    for number in range(undisturbed.writes):
        with evening.again() as made:
            with gateway_dies(number, after=after):
                report, _ = cycle(made, LATER)
            assert report.problem is not None
            report, _ = cycle(made, EXPIRED)
            assert report.problem is None
            found[number] = differences(undisturbed.state, state(made))

    assert undisturbed.writes > 10
    assert {number: different for number, different in found.items() if different} == {}
