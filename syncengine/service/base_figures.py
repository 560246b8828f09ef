"""How all integrations stand, read from the base when somebody asks for it (NEW-09).

What was read is handed out again for twenty times as long as reading took: however many integrations there are and however often
somebody asks, reading takes at most a twentieth of one connection's time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from contracts.errors import Problem
from syncengine.engine import Engine
from syncengine.model import (
    Account,
    Alert,
    Conflict,
    ConflictState,
    Cycle,
    CycleStatus,
    Delivery,
    DeliveryState,
    Difference,
    ErpState,
    Integration,
    IntegrationState,
    Link,
    Outbox,
    OutboxState,
    SyncError,
)
from syncengine.model.sync_error import STANDING

KEPT_TIMES: Final = 20
QUANTILES: Final = (0.5, 0.95, 1.0)
OVER_S: Final = (60, 900, 3_600, 14_400, 86_400)
"""Integrations whose lag or freshness is more than that are counted."""

_SERVED: Final = (Integration.state == IntegrationState.ACTIVE, Integration.connected)
_WELL: Final = (CycleStatus.SUCCESS, CycleStatus.WARNING)


class BaseFigures:
    """Reads the figures, and keeps them for a while. May be asked by several threads: one reads, the others get the same."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._kept: list[GaugeMetricFamily] = []
        self._until = 0.0

    def families(self, engine: Engine) -> list[GaugeMetricFamily]:
        """The figures, some seconds old in a large base; only that it is away when the base does not answer."""
        with self._reading:
            if time.monotonic() >= self._until:
                began = time.monotonic()
                self._kept = _families(engine)
                took = time.monotonic() - began
                self._kept.append(
                    _gauge("base_reading_seconds", "How long it took to read the figures of the base", took)
                )
                self._until = time.monotonic() + KEPT_TIMES * took
            return self._kept


def _families(engine: Engine) -> list[GaugeMetricFamily]:
    up = "Whether the CRM base answered"
    try:
        now, limit = engine.store.clock(), engine.settings.metrics_integrations
        with engine.store.reading() as session:
            found = [*_states(session), *_queue(session, now), *_delays(session, now, limit), *_work(session, now)]
    except Problem:
        return [_gauge("base_up", up, 0)]
    return [_gauge("base_up", up, 1), *found]


def _states(session: Session) -> Iterator[GaugeMetricFamily]:
    states: dict[Sequence[str], float] = {("active",): 0, ("inactive",): 0, ("disconnected",): 0}
    query = select(Integration.state, Integration.connected, func.count())
    for state, connected, count in session.execute(query.group_by(Integration.state, Integration.connected)):
        active = state is IntegrationState.ACTIVE
        states[("disconnected" if active and not connected else state.value,)] += count
    yield _labelled("integrations", "Integrations by state", ("state",), states)
    failing = select(func.count()).where(*_SERVED, Integration.failures > 0)
    yield _gauge("integrations_failing", "Integrations whose last cycle failed", session.scalars(failing).one())
    fallen_back = select(func.count()).where(*_SERVED, Integration.live, Integration.live_problem.is_not(None))
    words = "Integrations in live mode for which the interval has to do for now"
    yield _gauge("integrations_live_fallen_back", words, session.scalars(fallen_back).one())


def _queue(session: Session, now: datetime) -> Iterator[GaugeMetricFamily]:
    free = or_(Integration.lease_until.is_(None), Integration.lease_until < now)
    due = select(func.count(), func.min(Integration.due_at)).where(Integration.due_at <= now, free)
    depth, oldest = session.execute(due).one()
    yield _gauge("queue_depth", "Integrations that are due and wait for a worker", depth)
    yield _gauge("queue_oldest_seconds", "How long the first of them has been due", _age(now, oldest))
    held = select(Integration.lease_owner, func.count()).where(Integration.lease_until >= now)
    running: dict[Sequence[str], float] = {}
    for owner, count in session.execute(held.group_by(Integration.lease_owner)):
        running[(str(owner).rpartition(" ")[0],)] = count
    yield _labelled("leases", "Cycles under way, by the worker (host and process) that runs them", ("worker",), running)


def _delays(session: Session, now: datetime, limit: int) -> Iterator[GaugeMetricFamily]:
    waiting = _oldest_waiting(session)
    rows = session.execute(_last_well()).all()
    lag = {name: _age(now, waiting.get(number)) for number, name, _ in rows}
    fresh = {name: _age(now, began) for _, name, began in rows}
    told = "age of the oldest change in the CRM that is not in Sage 100 yet"
    yield from _spread("lag_seconds", "integrations_lagging", f"Lag: {told}", lag)
    seen = "time since the beginning of the last cycle that ended well"
    yield from _spread("freshness_seconds", "integrations_not_fresh", f"Freshness: {seen}", fresh)
    if len(rows) <= limit:
        yield _labelled("integration_lag_seconds", told.capitalize(), ("integration",), _by_name(lag))
        yield _labelled("integration_freshness_seconds", seen.capitalize(), ("integration",), _by_name(fresh))


def _spread(name: str, over: str, words: str, ages: Mapping[str, float]) -> Iterator[GaugeMetricFamily]:
    """Quantiles of all integrations, and how many are over each of ``OVER_S``."""
    ordered = sorted(ages.values())
    quantiles: dict[Sequence[str], float] = {
        (f"{quantile:g}",): ordered[max(0, ceil(quantile * len(ordered)) - 1)] if ordered else 0.0
        for quantile in QUANTILES
    }
    yield _labelled(name, words, ("quantile",), quantiles)
    counts: dict[Sequence[str], float] = {(str(limit),): sum(age > limit for age in ordered) for limit in OVER_S}
    yield _labelled(over, f"{words}: integrations for which it is more than so many seconds", ("over",), counts)


def _oldest_waiting(session: Session) -> dict[int, datetime]:
    """The oldest change of the CRM's that Sage 100 has not, by integration: marks, writes without a result, creations."""
    sources: tuple[tuple[Any, Any, ColumnElement[bool]], ...] = (
        (Link.integration_id, Link.changed_at, Link.changed_at.is_not(None)),
        (
            Outbox.integration_id,
            func.coalesce(Outbox.edited_at, Outbox.created_at),
            Outbox.state.in_((OutboxState.PENDING, OutboxState.SENT)),
        ),
        (
            Account.integration_id,
            Account.updated_at,
            and_(Account.erp_state == ErpState.AWAITED, Account.integration_id.is_not(None)),
        ),
    )
    oldest: dict[int, datetime] = {}
    for number, instant, condition in sources:
        for found, first in session.execute(select(number, func.min(instant)).where(condition).group_by(number)):
            oldest[found] = min(first, oldest.get(found, first))
    return oldest


def _last_well() -> Select[int, str, datetime]:
    """Number, name and when the last cycle that ended well began, of each integration that is served; else its activation."""
    began = select(Cycle.started_at).where(Cycle.integration_id == Integration.id, Cycle.status.in_(_WELL))
    last = began.order_by(Cycle.id.desc()).limit(1).correlate(Integration).scalar_subquery()
    return select(Integration.id, Integration.name, func.coalesce(last, Integration.updated_at)).where(*_SERVED)


def _work(session: Session, now: datetime) -> Iterator[GaugeMetricFamily]:
    """What waits for somebody: records in error, conflicts, differences, alerts, messages."""
    errors: dict[Sequence[str], float] = {}
    standing = select(SyncError.side, SyncError.code, func.count()).where(SyncError.state.in_(STANDING))
    for side, code, count in session.execute(standing.group_by(SyncError.side, SyncError.code)):
        errors[(side.value, code)] = count
    yield _labelled("record_errors", "Records in error, by the side that refused them", ("side", "code"), errors)
    conflicts = select(func.count()).where(Conflict.state == ConflictState.OPEN)
    yield _gauge("conflicts", "Fields that wait for a decision", session.scalars(conflicts).one())
    differences = select(func.count()).where(Difference.settled_at.is_(None))
    yield _gauge("differences", "Records that an audit found to differ", session.scalars(differences).one())
    alerts: dict[Sequence[str], float] = {}
    for cause, count in session.execute(
        select(Alert.cause, func.count()).where(Alert.closed_at.is_(None)).group_by(Alert.cause)
    ):
        alerts[(cause.value,)] = count
    yield _labelled("alerts", "Open alerts by cause", ("cause",), alerts)
    waiting = select(func.count(), func.min(Delivery.created_at)).where(Delivery.state == DeliveryState.WAITING)
    count, oldest = session.execute(waiting).one()
    yield _gauge("deliveries_waiting", "Messages of alerts that wait to be sent, or sent again", count)
    yield _gauge("deliveries_oldest_seconds", "How long the first of them has waited", _age(now, oldest))


def _age(now: datetime, instant: datetime | None) -> float:
    return 0.0 if instant is None else max(0.0, (now - instant).total_seconds())


def _by_name(ages: Mapping[str, float]) -> dict[Sequence[str], float]:
    return {(name,): age for name, age in ages.items()}


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"syncengine_{name}", words, value=value)


def _labelled(name: str, words: str, labels: Sequence[str], values: Mapping[Sequence[str], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"syncengine_{name}", words, labels=labels)
    for found, value in values.items():
        family.add_metric(found, value)
    return family
