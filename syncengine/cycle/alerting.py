"""Alerts: opened, seen again and closed in the transaction that ends a cycle (NEW-09).

An integration has at most one open alert of each cause, and none of two causes for one reason:

- **failure**: a problem that needs a person alerts at once; one that may pass by itself not before it has come twice, over a
  grace period. The next cycle that ends well closes it.
- **guard**: a guard stopped a cycle. Closed by the next cycle that ends well: the approved plan, or one that changes less.
- **stale**: no cycle ended well for three intervals although nothing is known to be wrong: nobody runs them.
- **drift**: an audit found both sides to differ. Closed when they no longer do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ScalarSelect, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from contracts.errors import BaseReleased, Problem
from syncengine.cycle.alert_messages import Event, tell
from syncengine.errors import (
    AlreadyRunning,
    Disconnected,
    GuardStopped,
    InputRefused,
    Interrupted,
    LeaseLost,
    NotActive,
    PlanOutdated,
)
from syncengine.model import Alert, AlertCause, Cycle, CycleStatus, Integration, IntegrationState

GRACE: Final = timedelta(minutes=10)
"""How long a failure that may pass by itself goes on before it alerts, unless the engine's settings say otherwise."""
STALE_INTERVALS: Final = 3
LONG_CYCLE: Final = timedelta(days=1)
"""A cycle under way excuses that none ended well: a first synchronisation takes its time, but not that much."""
STALE_AT_ONCE: Final = 1_000
"""Alerts in one transaction of the periodic check; the others follow with the next call."""

_ON_PURPOSE: Final = (PlanOutdated, NotActive, Disconnected, Interrupted, LeaseLost, AlreadyRunning)
"""What ends a cycle because somebody wanted it, or because another process goes on with it."""
_ON_PURPOSE_CODES: Final = (*(kind.code for kind in _ON_PURPOSE), "base_released")
_WELL: Final = (CycleStatus.SUCCESS, CycleStatus.WARNING)


@dataclass(frozen=True, kw_only=True)
class _Reason:
    """What an alert says: the code of the problem, what happened, what to do."""

    code: str
    message: str
    remedy: str = ""


def cycle_ended(
    session: Session,
    *,
    integration_id: int,
    status: CycleStatus,
    problem: Problem | None,
    at: datetime,
    grace: timedelta = GRACE,
) -> None:
    """Open, update or close the alerts of an integration one of whose cycles has ended and been recorded so."""
    if isinstance(problem, (InputRefused, BaseReleased, *_ON_PURPOSE)):
        return
    integration = _locked(session, integration_id)
    if problem is None or status in _WELL:
        for cause in (AlertCause.FAILURE, AlertCause.GUARD, AlertCause.STALE):
            _settle(session, integration, cause, at)
    elif isinstance(problem, GuardStopped):
        _settle(session, integration, AlertCause.FAILURE, at)
        _settle(session, integration, AlertCause.STALE, at)
        _raise(session, integration, AlertCause.GUARD, _reason(problem), at)
    else:
        _failed(session, integration, problem, at, grace)


def check_stale(session: Session, *, at: datetime) -> int:
    """Open an alert for active, connected integrations no cycle of which ended well for three intervals; how many were opened.

    For the dispatcher, every few minutes. Where an open alert says already why nothing ends well there is no second one.
    """
    found = 0
    for interval in session.scalars(select(Integration.interval_min).distinct()).all():
        query = _stale(timedelta(minutes=interval), at).limit(STALE_AT_ONCE)
        for integration in session.scalars(query.with_for_update(of=Integration, skip_locked=True)).all():
            reason = _Reason(
                code=AlertCause.STALE.value,
                message=f"no cycle of {integration.name} ended well for more than {STALE_INTERVALS * interval} minutes",
                remedy="See `syncengine status`; check that `syncengine serve`, or a worker, is running.",
            )
            _raise(session, integration, AlertCause.STALE, reason, at)
            found += 1
    return found


def drift_found(session: Session, *, integration_id: int, count: int, at: datetime) -> None:
    """An audit found that many records to differ although nothing waits to be synchronised."""
    integration = _locked(session, integration_id)
    reason = _Reason(
        code=AlertCause.DRIFT.value,
        message=f"{count} records of {integration.name} differ between the two sides",
        remedy="See `syncengine audit list`.",
    )
    _raise(session, integration, AlertCause.DRIFT, reason, at)


def drift_settled(session: Session, *, integration_id: int, at: datetime) -> None:
    """Nothing differs any more."""
    _settle(session, _locked(session, integration_id), AlertCause.DRIFT, at)


def close(session: Session, alert: Alert, *, at: datetime) -> None:
    """End an alert, and tell those who were told of it."""
    integration = _locked(session, alert.integration_id)
    alert.closed_at = at
    session.flush()
    tell(session, integration, alert, Event.CLOSED, at=at)


def _failed(session: Session, integration: Integration, problem: Problem, at: datetime, grace: timedelta) -> None:
    if not problem.may_retry:
        _raise(session, integration, AlertCause.FAILURE, _reason(problem), at)
    elif _open(session, integration, AlertCause.STALE) is not None:
        # Told already that nothing ends well: the failure is why.
        _raise(session, integration, AlertCause.STALE, _reason(problem), at)
    elif _open(session, integration, AlertCause.FAILURE) or _lasting(session, integration, at, grace):
        _raise(session, integration, AlertCause.FAILURE, _reason(problem), at)


def _lasting(session: Session, integration: Integration, at: datetime, grace: timedelta) -> bool:
    """Whether this is not the first failure in a row, and the first one is the grace period ago."""
    own = Cycle.integration_id == integration.id
    well = or_(Cycle.status.in_(_WELL), Cycle.error_code == GuardStopped.code)
    last_well = select(func.max(Cycle.id)).where(own, well).scalar_subquery()
    row = select(func.count(), func.min(Cycle.ended_at)).where(
        own,
        Cycle.id > func.coalesce(last_well, 0),
        Cycle.status == CycleStatus.FAILURE,
        Cycle.error_code.not_in(_ON_PURPOSE_CODES),
    )
    failures, first = session.execute(row).one()
    return failures > 1 and first is not None and at - first >= grace


def _stale(interval: timedelta, at: datetime) -> Select[Integration]:
    """The integrations of that interval that nothing was synchronised for; one just activated has its time, too."""
    limit, well = at - STALE_INTERVALS * interval, func.coalesce(_last_well(), Integration.updated_at)
    at_work = and_(Integration.lease_until.is_not(None), Integration.lease_until >= at)
    told = select(Alert.id).where(
        Alert.integration_id == Integration.id,
        Alert.closed_at.is_(None),
        Alert.cause.in_((AlertCause.FAILURE, AlertCause.GUARD, AlertCause.STALE)),
    )
    conditions = (
        Integration.state == IntegrationState.ACTIVE,
        Integration.connected,
        Integration.interval_min == interval // timedelta(minutes=1),
        Integration.updated_at < limit,
        ~told.exists(),
        well < limit,
        or_(~at_work, well < at - LONG_CYCLE),
    )
    return select(Integration).where(*conditions).order_by(Integration.id)


def _last_well() -> ScalarSelect[Any]:
    """When the last cycle that ended well did, by the index of an integration's cycles."""
    query = select(Cycle.ended_at).where(Cycle.integration_id == Integration.id, Cycle.status.in_(_WELL))
    return query.order_by(Cycle.id.desc()).limit(1).correlate(Integration).scalar_subquery()


def _locked(session: Session, integration_id: int) -> Integration:
    # A check and the end of a cycle must not both open an alert, or one open what the other closes.
    query = select(Integration).where(Integration.id == integration_id).with_for_update()
    return session.scalars(query).one()


def _open(session: Session, integration: Integration, cause: AlertCause) -> Alert | None:
    query = select(Alert).where(Alert.integration_id == integration.id, Alert.cause == cause, Alert.closed_at.is_(None))
    return session.scalars(query).one_or_none()


def _raise(session: Session, integration: Integration, cause: AlertCause, reason: _Reason, at: datetime) -> None:
    """Open the alert and tell of it; one that is open is seen again, and nobody is told twice."""
    alert = _open(session, integration, cause)
    if alert is not None:
        alert.code, alert.message, alert.remedy = reason.code, reason.message, reason.remedy
        alert.seen_at, alert.times = at, alert.times + 1
        return
    alert = Alert(
        integration_id=integration.id,
        cause=cause,
        code=reason.code,
        message=reason.message,
        remedy=reason.remedy,
        opened_at=at,
        seen_at=at,
    )
    session.add(alert)
    session.flush()
    tell(session, integration, alert, Event.OPENED, at=at)


def _settle(session: Session, integration: Integration, cause: AlertCause, at: datetime) -> None:
    alert = _open(session, integration, cause)
    if alert is not None:
        close(session, alert, at=at)


def _reason(problem: Problem) -> _Reason:
    return _Reason(code=problem.problem_code, message=problem.message, remedy=problem.remedy)
