"""Runs that people asked for, carried out by a worker: each by one at a time, and never again once it is over.

The cycle that carries a request out is tied to it with the commit that begins the cycle, and only while the request is running:
a worker that was overtaken begins nothing. A worker that dies leaves its request claimed; whoever claims it next finds either that
its cycle has ended, and notes that, or one cut off in the middle, and goes on with another cycle from where that was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.orm import Session, aliased

from contracts.errors import Problem
from syncengine.cycle import lease as leases
from syncengine.cycle.progress import Progress
from syncengine.cycle.run import Order, Report
from syncengine.desk.run_requests import order_of
from syncengine.engine import Engine
from syncengine.errors import AlreadyRunning, GuardStopped, Interrupted, LeaseLost
from syncengine.model import Cycle, Integration, RunRequest, RunState
from syncengine.sync import preview, synchronise

OPEN: Final = (RunState.WAITING, RunState.RUNNING)
_AGAIN: Final = (AlreadyRunning, LeaseLost, Interrupted)
"""Ends after which it is tried again: another cycle is under way, or the service stops."""
_AGAIN_IN: Final = timedelta(seconds=2)


def may_be_carried_out(at: datetime) -> ColumnElement[bool]:
    """The condition that a request is open, the first one of its integration, and that no cycle of that is under way."""
    free = select(Integration.id).where(leases.is_free(at))
    other = aliased(RunRequest)
    earlier = exists().where(
        other.integration_id == RunRequest.integration_id, other.id < RunRequest.id, other.state.in_(OPEN)
    )
    return and_(RunRequest.state.in_(OPEN), RunRequest.integration_id.in_(free), ~earlier)


def carry_out(engine: Engine, request_id: int, stopping: Callable[[], bool]) -> None:
    """Carry a request out, unless that was done; what came of it stands in the request."""
    begun = _begun(engine, request_id)
    if begun is None:
        return
    integration_id, order, is_preview = begun

    def heed(_progress: Progress) -> None:
        if stopping():
            raise Interrupted("the service was stopped")

    try:
        if is_preview:
            made = preview(engine, integration_id, watch=heed, screen=False, order=order)
            _end(engine, request_id, state=RunState.DONE, plan_id=made)
        else:
            report = synchronise(engine, integration_id, watch=heed, screen=False, order=order)
            _reported(engine, request_id, report)
    except _AGAIN:
        _wait_again(engine, request_id)
    except Problem as problem:
        refuse(engine, request_id, problem)


def refuse(engine: Engine, request_id: int, problem: Problem) -> None:
    """Nothing came of it, and this is why."""
    told = {"code": problem.problem_code, "message": problem.message, "remedy": problem.remedy}
    _end(engine, request_id, state=RunState.REFUSED, problem=told, plan_id=_plan_of(problem))


def _begun(engine: Engine, request_id: int) -> tuple[int, Order, bool] | None:
    """The request as running from now on; None when there is nothing left to do."""
    with engine.store.writing() as session:
        request = session.get(RunRequest, request_id, with_for_update=True)
        if request is None or request.state not in OPEN:
            return None
        if _was_carried_out(session, request):
            request.state, request.ended_at = RunState.DONE, engine.store.clock()
            return None
        request.state = RunState.RUNNING
        order = replace(order_of(request.order), request_id=request.id)
        return request.integration_id, order, request.preview


def _was_carried_out(session: Session, request: RunRequest) -> bool:
    """Whether its cycle has ended, and not because its process did."""
    cycle = None if request.cycle_id is None else session.get(Cycle, request.cycle_id)
    return cycle is not None and cycle.ended_at is not None and cycle.error_code != Interrupted.code


def _reported(engine: Engine, request_id: int, report: Report) -> None:
    if isinstance(report.problem, _AGAIN):
        _wait_again(engine, request_id)
    else:
        # A guard that stopped it has left a plan to look at (NEW-06).
        plan_id = None if report.problem is None else _plan_of(report.problem)
        _end(engine, request_id, state=RunState.DONE, cycle_id=report.cycle_id, plan_id=plan_id)


def _plan_of(problem: Problem) -> int | None:
    return int(problem.record) if isinstance(problem, GuardStopped) and problem.record else None


def _wait_again(engine: Engine, request_id: int) -> None:
    values = {"state": RunState.WAITING, "claimed_until": engine.store.clock() + _AGAIN_IN}
    with engine.store.writing() as session:
        session.execute(_running(request_id).values(values))


def _end(engine: Engine, request_id: int, **values: Any) -> None:
    said = {name: value for name, value in values.items() if value is not None}
    with engine.store.writing() as session:
        session.execute(_running(request_id).values(said | {"ended_at": engine.store.clock()}))


def _running(request_id: int) -> Any:
    mine = (RunRequest.id == request_id, RunRequest.state == RunState.RUNNING)
    return update(RunRequest).where(*mine).execution_options(synchronize_session=False)
