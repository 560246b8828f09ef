"""The span of a cycle: its beginning and its end as the base records them, and the lease it holds in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contracts.errors import Problem
from syncengine.cycle import due
from syncengine.cycle import lease as leases
from syncengine.cycle.alerting import cycle_ended
from syncengine.cycle.keeper import kept
from syncengine.cycle.preview import CYCLE_ID, Preview
from syncengine.cycle.run import Order, Report, Run, Surroundings
from syncengine.cycle.taking import may_run
from syncengine.errors import AlreadyRunning, Disconnected, Interrupted, LeaseLost, NotActive
from syncengine.model import Cursor, Cycle, CycleKind, CycleStatus, Integration, RunRequest, RunState, Side
from syncengine.storage.store import Store

_log = structlog.get_logger(__name__)


def begin(
    store: Store, integration_id: int, around: Surroundings, order: Order, *, trial: Preview | None = None
) -> Run:
    """Take the lease and record the cycle, unless it is a trial; one that its process left unfinished has failed."""
    try:
        with store.writing() as session:
            return _begun(session, store, integration_id, around, order, trial)
    except (NotActive, Disconnected):
        with store.writing() as session:
            due.clear(session, integration_id)
        raise


def _begun(
    session: Session, store: Store, integration_id: int, around: Surroundings, order: Order, trial: Preview | None
) -> Run:
    now = around.clock()
    lease = leases.take(session, integration_id, at=now)
    integration = session.get_one(Integration, integration_id)
    may_run(integration, order)
    run = Run(
        store=store,
        integration=integration,
        cycle_id=CYCLE_ID,
        kind=CycleKind.DIFFERENTIAL,
        order=order,
        lease=lease,
        around=around,
        requested=integration.requested_number,
        preview=trial,
    )
    run.kind = _kind(session, run)
    if trial is None:
        _turn_into_totality(run, now)
        run.cycle_id = _record(session, run, now)
    return run


def _turn_into_totality(run: Run, now: datetime) -> None:
    """The first cycle after the time of day compares everything instead of following the changes (CRM-09)."""
    plain = run.kind is CycleKind.DIFFERENTIAL and run.order.follows_changes
    if plain and due.totality_due(run.integration, at=now):
        run.order, run.kind = replace(run.order, full=True), CycleKind.RESYNC


def _kind(session: Session, run: Run) -> CycleKind:
    if run.order.undoes is not None:
        return CycleKind.UNDO
    if run.order.full:
        return CycleKind.FULL_SEND if run.order.preferred is Side.CRM else CycleKind.RESYNC
    query = select(Cursor.entity_set).where(Cursor.integration_id == run.integration.id, Cursor.at_end)
    at_end = set(session.scalars(query))
    return CycleKind.DIFFERENTIAL if at_end.issuperset(run.entity_sets) else CycleKind.FIRST


def _record(session: Session, run: Run, now: datetime) -> int:
    session.execute(
        update(Cycle)
        .where(Cycle.integration_id == run.integration.id, Cycle.ended_at.is_(None))
        .values(
            status=CycleStatus.FAILURE,
            ended_at=now,
            error_code=Interrupted.code,
            error_message="the process ended in the middle of the cycle",
            error_remedy=Interrupted.remedy_default,
        )
    )
    cycle = Cycle(
        integration_id=run.integration.id,
        kind=run.kind,
        status=CycleStatus.WAITING,
        due_at=run.order.due_at,
        worker=run.lease.owner,
        lease_token=run.lease.token,
        started_at=now,
        log_file=f"integration-{run.integration.id}.log",
        undoes_id=run.order.undoes,
    )
    session.add(cycle)
    session.flush()
    _carry_out(session, run.order.request_id, cycle.id)
    return cycle.id


def _carry_out(session: Session, request_id: int | None, cycle_id: int) -> None:
    """Tie the cycle to the request it carries out, with the same commit. Raises AlreadyRunning for one that is over."""
    if request_id is None:
        return
    mine = (RunRequest.id == request_id, RunRequest.state == RunState.RUNNING)
    tied = update(RunRequest).where(*mine).values(cycle_id=cycle_id).returning(RunRequest.id)
    if session.scalar(tied.execution_options(synchronize_session=False)) is None:
        raise AlreadyRunning("another worker has carried the request out", record=str(request_id))


@contextmanager
def holding(run: Run) -> Iterator[None]:
    """Keep the lease, and give it back at the end if the cycle has not."""
    try:
        with kept(run.store, run.lease, run.around.clock):
            yield
    finally:
        leases.forget(run.lease)
        if not run.closed:
            _give_up(run)


def _give_up(run: Run) -> None:
    with run.store.writing() as session:
        held = leases.release(session, run.lease)
        if held and run.preview is None:
            due.end_badly(session, run.integration.id, at=run.around.clock())


def close(run: Run, problem: Problem | None) -> Report:
    """Record how it ended: status, counts, what stopped it (CRM-10), and when the next one is due; the lease goes with it."""
    if problem is not None:
        status = CycleStatus.FAILURE
        _log.error("cycle_failed", code=problem.problem_code, reason=problem.message, remedy=problem.remedy)
    else:
        status = CycleStatus.WARNING if run.counts.anomalies else CycleStatus.SUCCESS
        _log.info("cycle_ended", status=status.value, calls=run.calls, **run.counts.as_dict())
    try:
        _record_end(run, status, problem)
    except LeaseLost as lost:
        # Who took over has recorded what became of this cycle; not a word of it is this process's any more.
        _log.warning("cycle_overtaken", reason=lost.message)
        status, problem = CycleStatus.FAILURE, problem or lost
    run.closed = True
    return Report(
        cycle_id=run.cycle_id, kind=run.kind, status=status, counts=run.counts, calls=run.calls, problem=problem
    )


def _record_end(run: Run, status: CycleStatus, problem: Problem | None) -> None:
    now = run.around.clock()
    with run.store.writing() as session:
        leases.renew(session, run.lease, at=now)
        session.execute(
            update(Cycle)
            .where(Cycle.id == run.cycle_id)
            .values(
                status=status,
                ended_at=now,
                counts=run.counts.as_dict(),
                error_code=problem.problem_code if problem else None,
                error_message=problem.message if problem else None,
                error_remedy=problem.remedy if problem else None,
            )
        )
        totality = run.order.full or run.kind is CycleKind.FIRST
        due.end_cycle(session, run.integration.id, requested=run.requested, totality=totality, problem=problem, at=now)
        cycle_ended(
            session,
            integration_id=run.integration.id,
            status=status,
            problem=problem,
            at=now,
            grace=run.around.grace,
        )
        leases.release(session, run.lease)
