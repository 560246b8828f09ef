"""One cycle of Liaison et Synchronisation, top to bottom: guard, parameters, pull, retry, close (CRM-01, CRM-04, CRM-10).

A first synchronisation is a cycle whose cursors are at the beginning: the same code, and the same after an interruption.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from contracts.client import GatewayClient
from contracts.errors import Problem, RemoteFault
from contracts.fields import Record
from contracts.messages import CONTRACT_VERSION, SET_KEY, EntitySet
from contracts.page import Changes, Page
from syncengine import lease as leases
from syncengine.bulk import Bulk, batches
from syncengine.connection import same_company
from syncengine.errors import CompanyMismatch, Disconnected, Interrupted, NotActive
from syncengine.lease import Lease
from syncengine.model import Cursor, Cycle, CycleKind, CycleStatus, Integration, IntegrationState
from syncengine.model.link import Entity
from syncengine.progress import Progress
from syncengine.pull import pages, persistently
from syncengine.reference import apply_free_fields, apply_parameters, apply_representatives, apply_turnover
from syncengine.rules import load_rules
from syncengine.run import Report, Run, Surroundings
from syncengine.store import Store
from syncengine.sync_errors import Failure, left_open, settle
from syncengine.tiers import Counts, apply_tiers, recoverable

PARAMETERS_AGE: Final = timedelta(minutes=30)
"""Parameters are refreshed only when this much has passed (CRM-06)."""

_log = structlog.get_logger(__name__)


def run_cycle(store: Store, integration_id: int, around: Surroundings) -> Report:
    """Run one cycle of an integration; a problem that stops it is recorded and told in the report.

    Raises AlreadyRunning, NotActive, Disconnected and IntegrationUnknown before anything is recorded, and Interrupted.
    """
    with store.writing() as session:
        lease = leases.take(session, integration_id, at=around.clock())
        integration = session.get_one(Integration, integration_id)
        _may_run(integration)
        run = _begin(store, session, integration, lease, around)
    try:
        return _work(run)
    finally:
        leases.forget(run.lease)
        with store.writing() as session:
            leases.release(session, run.lease)


def _may_run(integration: Integration) -> None:
    if integration.state is not IntegrationState.ACTIVE:
        raise NotActive(f"integration {integration.name} is not active", record=integration.name)
    if not integration.connected:
        raise Disconnected(f"integration {integration.name} is disconnected from the ERP", record=integration.name)


def _begin(store: Store, session: Session, integration: Integration, lease: Lease, around: Surroundings) -> Run:
    """Record the cycle; one that its process left unfinished has failed."""
    now = around.clock()
    session.execute(
        update(Cycle)
        .where(Cycle.integration_id == integration.id, Cycle.ended_at.is_(None))
        .values(
            status=CycleStatus.FAILURE,
            ended_at=now,
            error_code=Interrupted.code,
            error_message="the process ended in the middle of the cycle",
            error_remedy=Interrupted.remedy_default,
        )
    )
    ends = session.scalars(select(Cursor.at_end).where(Cursor.integration_id == integration.id)).all()
    kind = CycleKind.DIFFERENTIAL if len(ends) == len(EntitySet) and all(ends) else CycleKind.FIRST
    log_file = f"integration-{integration.id}.log"
    cycle = Cycle(
        integration_id=integration.id, kind=kind, status=CycleStatus.WAITING, started_at=now, log_file=log_file
    )
    session.add(cycle)
    session.flush()
    return Run(store=store, integration=integration, cycle_id=cycle.id, kind=kind, lease=lease, around=around)


def _work(run: Run) -> Report:
    _log.info("cycle_started", cycle=run.cycle_id, kind=run.kind.value, company=run.integration.company)
    problem: Problem | None = None
    try:
        with run.around.connect(run.integration) as client:
            try:
                _parameters(run, client)
                _pull(run, client)
                _retry(run, client)
            finally:
                run.calls = client.calls
    except KeyboardInterrupt:
        problem = Interrupted("the cycle was stopped by hand")
        _close(run, problem)
        raise problem from None
    except Problem as met:
        problem = met
    return _close(run, problem)


def _parameters(run: Run, client: GatewayClient) -> None:
    """1. Parameters, when 30 minutes have passed since the last time (CRM-04, CRM-06)."""
    now, last = run.around.clock(), run.integration.parameters_refreshed_at
    if last is not None and now - last < PARAMETERS_AGE:
        _set_running(run)
        return
    configuration = persistently(client.get_configuration, run.around.patience)
    _same_company(run, configuration.text("company"))
    parameters = configuration.many("parameters")
    with run.commit() as bulk:
        changed = apply_parameters(bulk, parameters, integration_id=run.integration.id)
        _seen(bulk, run.integration.id, configuration, now)
    run.counts.reference["parameters"] = changed
    run.refreshed = True
    _set_running(run)


def _seen(bulk: Bulk, integration_id: int, configuration: Record, now: datetime) -> None:
    bulk.connection.execute(
        update(Integration)
        .where(Integration.id == integration_id)
        .values(
            gateway_version=configuration.text("gateway_version"),
            contract_version=configuration.text("contract_version") or CONTRACT_VERSION,
            base_currency=configuration.text("base_currency") or None,
            seen_at=now,
            parameters_refreshed_at=now,
        )
    )


def _set_running(run: Run) -> None:
    with run.commit() as bulk:
        bulk.connection.execute(update(Cycle).where(Cycle.id == run.cycle_id).values(status=CycleStatus.RUNNING))


def _pull(run: Run, client: GatewayClient) -> None:
    """2 and 3. Representatives, then tiers with their children: page by page, each committed with its cursor (G8)."""
    with run.store.reading() as session:
        stored = session.execute(
            select(Cursor.entity_set, Cursor.cursor).where(Cursor.integration_id == run.integration.id)
        )
        known = {row.entity_set: row.cursor for row in stored}
    cursors = {entity_set: known.get(entity_set.value, "") for entity_set in EntitySet}
    try:
        for page in pages(client, cursors, page_size=run.around.page_size, patience=run.around.patience):
            _take(run, page)
    except RemoteFault as fault:
        if fault.problem_code != "cursor_unknown" or not any(cursors.values()):
            raise
        # The ERP base was replaced or restored: everything is read again, and what is equal is left alone.
        _log.warning("cursors_forgotten", reason=fault.message)
        with run.commit() as bulk:
            bulk.connection.execute(delete(Cursor).where(Cursor.integration_id == run.integration.id))
        _pull(run, client)


def _take(run: Run, page: Page) -> None:
    """Apply one page; page, cursors and progress commit together."""
    _same_company(run, page.company)
    counts, done = run.counts.copy(), run.done
    with run.commit() as bulk:
        _still_wanted(run, bulk)
        for changes in page.change_sets:
            counts.add(_apply(run, bulk, changes))
            done += len(changes.records) + len(changes.tombstones) + len(changes.rejected)
            _keep_cursor(run, bulk, changes)
        total = done + sum(changes.remaining for changes in page.change_sets)
        phase = page.change_sets[-1].entity_set.value if page.change_sets else ""
        progress = Progress(phase=phase, done=done, total=total, refused=counts.refused)
        bulk.connection.execute(
            update(Cycle)
            .where(Cycle.id == run.cycle_id)
            .values(progress_done=done, progress_total=total, phase=phase, counts=counts.as_dict())
        )
    # Only what is committed counts.
    run.counts, run.done = counts, done
    run.around.watch(progress)


def _still_wanted(run: Run, bulk: Bulk) -> None:
    """A cycle ends at its next page once the integration is deactivated or disconnected (CRM-11, CRM-58)."""
    query = select(Integration.state, Integration.connected).where(Integration.id == run.integration.id)
    run.integration.state, run.integration.connected = bulk.connection.execute(query).one()
    _may_run(run.integration)


def _apply(run: Run, bulk: Bulk, changes: Changes) -> Counts:
    if changes.entity_set is EntitySet.TIERS:
        return _apply_tiers(run, bulk, changes)
    entity, key = _KEPT_AS[changes.entity_set], SET_KEY[changes.entity_set]
    failures = [Failure(entity=entity, problem=bad.error, payload=bad.xml) for bad in changes.rejected]
    records, gone = changes.records, [stone.text("key") for stone in changes.tombstones]
    integration_id, now = run.integration.id, run.around.clock()
    if changes.entity_set is EntitySet.FREE_FIELDS:
        count = apply_free_fields(bulk, records, gone, integration_id=integration_id)
    elif changes.entity_set is EntitySet.REPRESENTATIVES:
        count = apply_representatives(bulk, records, gone, integration_id=integration_id)
        run.rules = None
    else:
        count = apply_turnover(bulk, records, gone, integration_id=integration_id, now=now)
    dealt_with = [record.text(key) for record in records] + gone
    settle(bulk, entity, failures, dealt_with, integration_id=integration_id, cycle_id=run.cycle_id, now=now)
    return Counts(refused=len(failures), reference={changes.entity_set.value: count})


_KEPT_AS: Final = {
    EntitySet.FREE_FIELDS: Entity.FREE_FIELD,
    EntitySet.REPRESENTATIVES: Entity.REPRESENTATIVE,
    EntitySet.TURNOVER: Entity.TURNOVER,
}


def _apply_tiers(run: Run, bulk: Bulk, changes: Changes) -> Counts:
    if run.rules is None:
        run.rules = load_rules(bulk, run.integration, cycle_id=run.cycle_id)
    counts = apply_tiers(bulk, changes, run.rules, run.around.clock())
    _log.info("tiers_taken", **counts.as_dict())
    return counts


def _keep_cursor(run: Run, bulk: Bulk, changes: Changes) -> None:
    row = (run.integration.id, changes.entity_set.value, changes.next_cursor, changes.at_end)
    bulk.upsert(Cursor, ("integration_id", "entity_set", "cursor", "at_end"), ("integration_id", "entity_set"), [row])


def _retry(run: Run, client: GatewayClient) -> None:
    """Records in error whose reason is gone are asked for again: their category or representative exists by now (CRM-49).

    What is stored decides, not what this cycle saw change: a cycle that was stopped in between loses no retry (G9). With each
    refresh of the parameters all others are asked for too: what was damaged on its way comes right by itself.
    """
    with run.store.reading() as session:
        bulk = Bulk(session.connection())
        run.rules = load_rules(bulk, run.integration, cycle_id=run.cycle_id)
        keys = set(recoverable(bulk, run.rules))
        if run.refreshed:
            keys |= set(left_open(bulk, Entity.ACCOUNT, integration_id=run.integration.id, before=run.cycle_id))
    for batch in batches(sorted(keys)):
        ask = partial(client.get_records, EntitySet.TIERS, batch)
        changes = persistently(ask, run.around.patience)
        with run.commit() as bulk:
            _still_wanted(run, bulk)
            counts = _apply_tiers(run, bulk, changes)
        run.counts.add(counts)


def _same_company(run: Run, company: str) -> None:
    """Raises CompanyMismatch before anything of another company is taken (CRM-14)."""
    wanted = run.integration.company
    if not same_company(wanted, company):
        raise CompanyMismatch(f"the gateway serves {company!r}, the integration names {wanted!r}", field="company")


def _close(run: Run, problem: Problem | None) -> Report:
    """Record how it ended: status, counts, and what stopped it (CRM-10)."""
    if problem is not None:
        status = CycleStatus.FAILURE
        _log.error("cycle_failed", code=problem.problem_code, reason=problem.message, remedy=problem.remedy)
    else:
        status = CycleStatus.WARNING if run.counts.refused else CycleStatus.SUCCESS
        _log.info("cycle_ended", status=status.value, calls=run.calls, **run.counts.as_dict())
    with run.store.writing() as session:
        session.execute(
            update(Cycle)
            .where(Cycle.id == run.cycle_id)
            .values(
                status=status,
                ended_at=run.around.clock(),
                counts=run.counts.as_dict(),
                error_code=problem.problem_code if problem else None,
                error_message=problem.message if problem else None,
                error_remedy=problem.remedy if problem else None,
            )
        )
    return Report(
        cycle_id=run.cycle_id, kind=run.kind, status=status, counts=run.counts, calls=run.calls, problem=problem
    )
