"""Keeper: renews the lease of a cycle from a thread of its own, while the cycle waits for the other side or computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Event, Thread

from contracts.errors import Problem
from syncengine.cycle import lease as leases
from syncengine.cycle.lease import Lease
from syncengine.errors import LeaseLost
from syncengine.storage.store import Store


@contextmanager
def kept(store: Store, lease: Lease, clock: Callable[[], datetime]) -> Iterator[None]:
    """Renew the lease three times within its time, as long as the block lasts.

    One that was lost is left alone: the cycle learns it in its next commit.
    """
    stopped = Event()
    keeper = Thread(target=_keep, args=(store, lease, clock, stopped), name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopped.set()
        keeper.join()


def _keep(store: Store, lease: Lease, clock: Callable[[], datetime], stopped: Event) -> None:
    while not stopped.wait(leases.LEASE_TIME.total_seconds() / 3):
        try:
            with store.writing() as session:
                leases.renew(session, lease, at=clock())
        except LeaseLost:
            return
        except Problem:
            # A base that is busy with this very cycle, or away for a moment: the next time does, or the lease expires.
            continue
