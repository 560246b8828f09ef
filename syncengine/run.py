"""A cycle under way: what it meets the world through, what it carries along, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contracts.client import GatewayClient
from contracts.errors import Problem
from syncengine import lease as leases
from syncengine.bulk import Bulk
from syncengine.lease import Lease
from syncengine.model import CycleKind, CycleStatus, Integration
from syncengine.progress import Progress
from syncengine.pull import PATIENCE, Patience
from syncengine.replicate import Rules
from syncengine.store import Store
from syncengine.tiers import Counts


def utc_now() -> datetime:
    """The present instant, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a cycle meets the world through: how to call the gateway and how patiently, the time, and who watches."""

    connect: Callable[[Integration], GatewayClient]
    clock: Callable[[], datetime] = utc_now
    watch: Callable[[Progress], None] = lambda _progress: None
    page_size: int | None = None
    patience: Patience = PATIENCE


@dataclass(frozen=True, kw_only=True)
class Report:
    """How a cycle ended."""

    cycle_id: int
    kind: CycleKind
    status: CycleStatus
    counts: Counts
    calls: int
    problem: Problem | None = None


@dataclass(kw_only=True)
class Run:
    """A cycle under way."""

    store: Store
    integration: Integration
    cycle_id: int
    kind: CycleKind
    lease: Lease
    around: Surroundings
    counts: Counts = field(default_factory=Counts)
    rules: Rules | None = None
    refreshed: bool = False
    calls: int = 0
    done: int = 0

    @contextmanager
    def commit(self) -> Iterator[Bulk]:
        """One transaction of the cycle; it holds only while the lease does."""
        with self.store.writing() as session:
            self.lease = leases.renew(session, self.lease, at=self.around.clock())
            yield Bulk(session.connection())
