"""A cycle under way: what it meets the world through, what it was ordered to do, what it carries along, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Never

from sqlalchemy.orm import Session

from contracts.client import GatewayClient
from contracts.errors import Problem
from contracts.messages import EntitySet
from syncengine.core.replicate import Rules
from syncengine.cycle import lease as leases
from syncengine.cycle.alerting import GRACE
from syncengine.cycle.lease import Lease
from syncengine.cycle.preview import Preview
from syncengine.cycle.progress import Progress
from syncengine.cycle.pull import PATIENCE, Patience
from syncengine.cycle.reconcile import Reconciler
from syncengine.cycle.rules import load_rules
from syncengine.cycle.tiers import Counts
from syncengine.model import CycleKind, CycleStatus, Integration, Side, TurnoverMode
from syncengine.storage.bulk import Bulk
from syncengine.storage.journal import Ids
from syncengine.storage.store import Store


def utc_now() -> datetime:
    """The present instant, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a cycle meets the world through: how to call the gateway and how patiently, the time, and who watches.

    ``grace`` is how long a failure that may pass by itself goes on before it alerts (NEW-09).
    """

    connect: Callable[[Integration], GatewayClient]
    clock: Callable[[], datetime] = utc_now
    watch: Callable[[Progress], None] = lambda _progress: None
    page_size: int | None = None
    patience: Patience = PATIENCE
    grace: timedelta = GRACE


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a cycle is to do: the differences (``full`` False), or the totality (CRM-09, CRM-19), or to undo another (NEW-04).

    ``preferred`` is the side that is right wherever the two differ; None: base and policies decide, as ever. ``plan_id`` is the
    plan that somebody looked at and approves: the cycle does exactly that, or nothing (NEW-02). ``due_at`` is when it should have
    begun; None: somebody ordered it. ``request_id`` is the RunRequest that the cycle carries out.
    """

    full: bool = False
    preferred: Side | None = None
    undoes: int | None = None
    changed_since_too: bool = False
    plan_id: int | None = None
    by: str | None = None
    due_at: datetime | None = None
    request_id: int | None = None

    @property
    def follows_changes(self) -> bool:
        """Whether it is to follow the changes, and nothing else: the daily totality may take its place (CRM-09)."""
        return not self.full and self.undoes is None and self.plan_id is None

    @property
    def needs_inactive(self) -> bool:
        """Whether the integration has to be deactivated: a full run in one direction (CRM-19)."""
        return self.preferred is not None


DIFFERENTIAL: Final = Order()


@dataclass(frozen=True, kw_only=True)
class Report:
    """How a cycle ended."""

    cycle_id: int
    kind: CycleKind
    status: CycleStatus
    counts: Counts
    calls: int
    problem: Problem | None = None
    plan_id: int | None = None


class _RolledBack(Exception):
    """Ends a transaction of a preview."""


def _roll_back() -> Never:
    raise _RolledBack


def entity_sets_of(integration: Integration) -> tuple[EntitySet, ...]:
    """What cycles of this integration read: turnover only when it is refreshed with each of them (CRM-48)."""
    each = integration.turnover_mode is TurnoverMode.EACH_CYCLE
    return tuple(one for one in EntitySet if each or one is not EntitySet.TURNOVER)


@dataclass(kw_only=True)
class Run:
    """A cycle under way; with ``preview`` it writes nothing, and that gathers what it would.

    ``options_known``: in this cycle the gateway said which kinds it tells (CRM-12). ``requested``: the last request that it deals
    with. ``closed``: its end is recorded and the lease given back.
    """

    store: Store
    integration: Integration
    cycle_id: int
    kind: CycleKind
    order: Order
    lease: Lease
    around: Surroundings
    requested: int = 0
    closed: bool = False
    preview: Preview | None = None
    counts: Counts = field(default_factory=Counts)
    rules: Rules | None = None
    skew: timedelta | None = None
    calls: int = 0
    done: int = 0
    foreseen: set[str] = field(default_factory=set)
    options_known: bool = False

    @property
    def ids(self) -> Ids:
        """The integration and the cycle, as what is recorded names them."""
        return Ids(integration_id=self.integration.id, cycle_id=self.cycle_id)

    @property
    def refreshed_at(self) -> datetime | None:
        """When the parameters were refreshed last: records refused before are tried again, what they lacked may be there."""
        return self.integration.parameters_refreshed_at

    @property
    def entity_sets(self) -> tuple[EntitySet, ...]:
        """What its pages bring."""
        return entity_sets_of(self.integration)

    @contextmanager
    def commit(self) -> Iterator[Bulk]:
        """One transaction of the cycle; it holds only while the lease does. In a preview it is rolled back at its end."""
        if self.preview is None:
            with self.store.writing() as session:
                self._renew(session)
                yield Bulk(session.connection())
                if self.lease.until - self.around.clock() < leases.LEASE_TIME / 2:
                    # It took long: with its end the others could take an integration whose lease looks expired.
                    self._renew(session)
            return
        with self.store.writing() as session:
            self._renew(session)
        try:
            with self.store.writing() as session:
                bulk = Bulk(session.connection())
                self.preview.begin(bulk)
                yield bulk
                self.preview.gather(bulk)
                _roll_back()
        except _RolledBack:
            pass

    def _renew(self, session: Session) -> None:
        self.lease = leases.renew(session, self.lease, at=self.around.clock())

    def known_rules(self, bulk: Bulk) -> Rules:
        """The rules of this cycle, read once, and again after what they are made of changed."""
        if self.rules is None:
            self.rules = load_rules(bulk, self.integration, cycle_id=self.cycle_id)
        return self.rules

    def reconciler(self, bulk: Bulk) -> Reconciler:
        """What merges tiers in this transaction."""
        return Reconciler(
            bulk, self.known_rules(bulk), self.around.clock(), skew=self.skew, preferred=self.order.preferred
        )

    def told(self, bulk: Bulk, values: dict[str, Any]) -> None:
        """Take over what the gateway says of itself, as this transaction has it."""
        for name, value in values.items():
            setattr(self.integration, name, value)
        self.rules = None
        self.known_rules(bulk)
