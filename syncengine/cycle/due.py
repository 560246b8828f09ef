"""Due: the columns of an integration that say when its next cycle is (CRM-07, CRM-09, CRM-11), written where that is decided."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sqlalchemy import not_, or_, update
from sqlalchemy.orm import Session

from contracts.errors import Problem
from syncengine.core.schedule import Daily, Timetable, spread
from syncengine.errors import Disconnected, Interrupted, NotActive
from syncengine.model import Integration, IntegrationState, TurnoverMode

_NO_FAILURES = (NotActive, Disconnected, Interrupted)
"""Ends that somebody wanted: they say nothing of the other side."""


def timetable(integration: Integration) -> Timetable:
    """What the integration wants, as its settings are."""
    daily = None if integration.daily_resync_at is None else _daily(integration, integration.daily_resync_at)
    return Timetable(number=integration.id, interval=timedelta(minutes=integration.interval_min), daily=daily)


def turnover_times(integration: Integration) -> Daily | None:
    """When the turnover is read anew by itself, beside the cycles; None: not so (CRM-48)."""
    if integration.turnover_mode is not TurnoverMode.DAILY or integration.turnover_at is None:
        return None
    return _daily(integration, integration.turnover_at)


def _daily(integration: Integration, at: time) -> Daily:
    return Daily(at=at, zone=integration.zone, spread=spread(integration.id))


def totality_due(integration: Integration, *, at: datetime) -> bool:
    """Whether a cycle that begins now is to be the daily totality (CRM-09)."""
    return timetable(integration).totality_due(at, resynced=_resynced(integration))


def end_cycle(
    session: Session, integration_id: int, *, requested: int, totality: bool, problem: Problem | None, at: datetime
) -> None:
    """A cycle ends: what was asked for before it began is dealt with, and the next one is due, in the caller's transaction.

    ``requested`` is the number it began with; ``totality`` that it compared everything, which counts unless a problem stopped it.
    """
    integration = _locked(session, integration_id)
    integration.handled_number = requested
    if problem is None:
        integration.failures = 0
    elif not isinstance(problem, _NO_FAILURES):
        integration.failures += 1
    if totality and problem is None:
        integration.last_resync_at = at
    integration.due_at = _next(integration, problem, at) if is_wanted(integration) else None


def end_badly(session: Session, integration_id: int, *, at: datetime, passing: bool = True) -> None:
    """A cycle could not even record its end, or its beginning: the next one comes after the pause of a failure."""
    integration = _locked(session, integration_id)
    integration.failures += 1
    if is_wanted(integration):
        integration.due_at = _after_failure(integration, at, passing=passing)


def clear(session: Session, integration_id: int) -> None:
    """None is due while no cycle may run (CRM-11, CRM-58)."""
    unwanted = or_(Integration.state != IntegrationState.ACTIVE, not_(Integration.connected))
    session.execute(update(Integration).where(Integration.id == integration_id, unwanted).values(due_at=None))


def is_wanted(integration: Integration) -> bool:
    """Whether cycles may run by themselves (CRM-11, CRM-58)."""
    return integration.state is IntegrationState.ACTIVE and integration.connected


def may_read(integration: Integration) -> None:
    """Raises Disconnected: nothing is read from a base that is released for exclusive work (CRM-58)."""
    if not integration.connected:
        raise Disconnected(f"integration {integration.name} is disconnected from the ERP", record=integration.name)


def _next(integration: Integration, problem: Problem | None, at: datetime) -> datetime:
    if integration.requested_number > integration.handled_number or isinstance(problem, Interrupted):
        return at
    if problem is None:
        return timetable(integration).after_success(at, resynced=_resynced(integration))
    return _after_failure(integration, at, passing=problem.may_retry)


def _after_failure(integration: Integration, at: datetime, *, passing: bool) -> datetime:
    return timetable(integration).after_failure(at, failures=integration.failures, passing=passing)


def _resynced(integration: Integration) -> datetime:
    # Before the first totality: as of the last change of the settings, so that setting a time of day starts none at once.
    return integration.last_resync_at or integration.updated_at


def _locked(session: Session, integration_id: int) -> Integration:
    return session.get_one(Integration, integration_id, with_for_update=True, populate_existing=True)
