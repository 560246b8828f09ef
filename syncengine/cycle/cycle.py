"""One cycle of Liaison et Synchronisation, top to bottom: guard, parameters, pull, merge, push, close (CRM-01, CRM-04, CRM-10).

A first synchronisation is a cycle whose cursors are at the beginning, a full resync one that compares instead of following them, an
undo one that takes another's values back: the same code, and the same after an interruption.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from functools import partial
from itertools import chain, islice
from typing import Final

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from contracts.client import GatewayClient
from contracts.errors import Problem, RemoteFault
from contracts.messages import EntitySet
from syncengine.cycle import tracing
from syncengine.cycle.caution import (
    bound_of_pages,
    check_guards,
    check_plan,
    is_guarded,
    keep_plan,
    may_go_too_far,
    totals_at_most,
)
from syncengine.cycle.gateway_options import OptionsMoved, unread
from syncengine.cycle.parameters import refresh
from syncengine.cycle.preview import Preview
from syncengine.cycle.pull import pages, persistently
from syncengine.cycle.resync import survey, take_all
from syncengine.cycle.run import DIFFERENTIAL, Order, Report, Run, Surroundings
from syncengine.cycle.sending import finish_writes, send_changes
from syncengine.cycle.small_sets import take_small_sets
from syncengine.cycle.span import begin, close, holding
from syncengine.cycle.taking import KEPT_AS, foresee, still_wanted, take, take_page
from syncengine.cycle.tiers import recoverable
from syncengine.desk.undoing import apply_undo, undo_preview
from syncengine.errors import Interrupted
from syncengine.model import Cursor, Cycle, CycleStatus
from syncengine.storage.bulk import Bulk, batches
from syncengine.storage.store import Store
from syncengine.storage.sync_errors import asked_again, left_open

PARAMETERS_AGE: Final = timedelta(minutes=30)
"""Parameters are refreshed only when this much has passed (CRM-06)."""
PAGES_AHEAD: Final = 10
"""Pages read before the first is taken: how much is coming must be known before anything is written (NEW-06)."""

_log = structlog.get_logger(__name__)


def run_cycle(store: Store, integration_id: int, around: Surroundings, order: Order = DIFFERENTIAL) -> Report:
    """Run one cycle of an integration; a problem that stops it is recorded and told in the report.

    Raises AlreadyRunning, NotActive, Disconnected, SettingsLocked and IntegrationUnknown before anything is recorded, and
    Interrupted.
    """
    run = begin(store, integration_id, around, order)
    with holding(run), tracing.cycle(run) as span:
        return tracing.told(span, _work(run))


def preview_cycle(store: Store, integration_id: int, around: Surroundings, order: Order = DIFFERENTIAL) -> int:
    """Make the plan of what that cycle would do, and keep it to be looked at; its number. Nothing else is written (NEW-02).

    Raises what ``run_cycle`` raises before anything is recorded, and what stops the cycle.
    """
    found = Preview(integration_id=integration_id)
    run = begin(store, integration_id, around, order, trial=found)
    with holding(run), around.connect(run.integration) as client:
        _steps(run, client)
    return keep_plan(run, found)


def _work(run: Run) -> Report:
    _log.info("cycle_started", cycle=run.cycle_id, kind=run.kind.value, company=run.integration.company)
    problem: Problem | None = None
    try:
        with run.around.connect(run.integration) as client:
            try:
                _steps(run, client)
            finally:
                run.calls = client.calls
    except KeyboardInterrupt:
        problem = Interrupted("the cycle was stopped by hand")
        close(run, problem)
        raise problem from None
    except Problem as met:
        problem = met
    return close(run, problem)


def _steps(run: Run, client: GatewayClient) -> None:
    """What a cycle does between its beginning and its end; a preview does all of it, and takes it back."""
    with tracing.step("parameters", run):
        _parameters(run, client)
    with tracing.step("finish", run):
        finish_writes(run, client)
    work = partial(_differences, client=client)
    if run.order.plan_id is not None:
        check_plan(run, run.order.plan_id, work)
    work(run)


def _differences(run: Run, client: GatewayClient) -> None:
    """What differs, from the ERP to the CRM and then back."""
    with tracing.step("pull", run):
        if run.order.undoes is not None:
            _heedfully(run, client, partial(_undo, cycle_id=run.order.undoes))
        elif run.order.full:
            _heedfully(run, client, _compare)
        else:
            _heedfully(run, client, _pull)
        _heedfully(run, client, _retry)
    with tracing.step("push", run):
        send_changes(run, client)


def _heedfully(run: Run, client: GatewayClient, step: Callable[[Run, GatewayClient], None]) -> None:
    """The step; once more, from where it is, after reading the configuration when the gateway tells other kinds (CRM-12)."""
    try:
        step(run, client)
    except OptionsMoved:
        # What is only tried out must leave no trace: the cycle itself reads the configuration.
        if run.preview is not None:
            raise
        refresh(run, client)
        step(run, client)


def _parameters(run: Run, client: GatewayClient) -> None:
    """1. Parameters, when 30 minutes have passed since the last time (CRM-04, CRM-06)."""
    now, last = run.around.clock(), run.integration.parameters_refreshed_at
    # A plan is made and applied with parameters of its moment: what they let through again must be in it.
    at_once = run.order.full or run.order.plan_id is not None or run.preview is not None
    # Not either when the last time lies ahead: the clock has been set back since.
    fresh = last is not None and abs(now - last) < PARAMETERS_AGE
    if not fresh or at_once:
        refresh(run, client)
    _set_running(run)


def _set_running(run: Run) -> None:
    with run.commit() as bulk:
        bulk.connection.execute(update(Cycle).where(Cycle.id == run.cycle_id).values(status=CycleStatus.RUNNING))


def _pull(run: Run, client: GatewayClient) -> None:
    """2 and 3. Representatives, then tiers with their children: page by page, each committed with its cursor (G8)."""
    cursors = _cursors(run)
    try:
        _pull_from(run, client, cursors)
    except RemoteFault as fault:
        if fault.problem_code != "cursor_unknown" or not any(cursors.values()):
            raise
        # The ERP base was replaced or restored: everything is read again, and what is equal is left alone.
        _log.warning("cursors_forgotten", reason=fault.message)
        with run.commit() as bulk:
            bulk.connection.execute(delete(Cursor).where(Cursor.integration_id == run.integration.id))
        _pull_from(run, client, dict.fromkeys(run.entity_sets, ""))


def _pull_from(run: Run, client: GatewayClient, cursors: Mapping[EntitySet, str]) -> None:
    if not _take_pages(run, client, cursors, guarded=is_guarded(run)):
        _judge(run, client)
        _take_pages(run, client, cursors, guarded=False)


def _judge(run: Run, client: GatewayClient) -> None:
    """So much may come that a plan must say first what it would do; made as it is applied, with parameters of its moment."""
    if not run.options_known:
        refresh(run, client)
    check_guards(run, partial(_differences, client=client))


def _take_pages(run: Run, client: GatewayClient, cursors: Mapping[EntitySet, str], *, guarded: bool) -> bool:
    """Take every page after these cursors; False, and nothing taken, when that might go further than the guards allow."""
    incoming = pages(client, cursors, page_size=run.around.page_size, patience=run.around.patience)
    with closing(incoming):
        ahead = list(islice(incoming, PAGES_AHEAD)) if guarded else []
        if guarded and may_go_too_far(run, bound_of_pages(run, ahead)):
            return False
        for page in chain(ahead, incoming):
            with tracing.step("apply", run):
                take_page(run, page)
    return True


def _cursors(run: Run) -> dict[EntitySet, str]:
    with run.store.reading() as session:
        stored = session.execute(
            select(Cursor.entity_set, Cursor.cursor).where(Cursor.integration_id == run.integration.id)
        )
        known = {row.entity_set: row.cursor for row in stored}
    return {entity_set: known.get(entity_set.value, "") for entity_set in run.entity_sets}


def _compare(run: Run, client: GatewayClient) -> None:
    """2 and 3 of a full run: the small sets whole, and of the tiers what differs (CRM-09, CRM-19)."""
    found = survey(run, client)
    size = len(found.codes) + len(found.drifted)
    if is_guarded(run) and may_go_too_far(run, totals_at_most(run, changed=size, deactivated=size, drifted=size)):
        _judge(run, client)
    take_small_sets(run, client)
    take_all(run, client, found)


def _undo(run: Run, client: GatewayClient, cycle_id: int) -> None:
    """In place of a pull: what that cycle wrote goes back to what it was, as edits that are then sent (NEW-04)."""
    if is_guarded(run):
        with run.store.reading() as session:
            plan = undo_preview(session, run.integration.id, cycle_id)
        size = len({edit.account_id for edit in (*plan.edits, *plan.changed_since)}) + len(plan.removed)
        if may_go_too_far(run, totals_at_most(run, changed=size, deactivated=size, drifted=size)):
            _judge(run, client)
    with run.commit() as bulk:
        still_wanted(run, bulk)
        with Session(bulk.connection) as session:
            plan = undo_preview(session, run.integration.id, cycle_id, lock=True)
            result = apply_undo(
                session,
                plan,
                **run.ids,
                at=run.around.clock(),
                by=run.order.by,
                include_changed=run.order.changed_since_too,
            )
            session.flush()
        foresee(run, bulk, [edit.code for edit in (*plan.edits, *plan.changed_since) if edit.code])
    run.counts.undone += result.done
    kept = () if run.order.changed_since_too else plan.changed_since
    run.counts.left += len(result.refused) + len(plan.left) + len(kept)


def _retry(run: Run, client: GatewayClient) -> None:
    """Records in error whose reason is gone are asked for again: their category or representative exists by now (CRM-49).

    What is stored decides, not what this cycle saw change: a cycle that was stopped in between loses no retry (G9). With each
    refresh of the parameters all others are asked for too: what was damaged on its way comes right by itself. So are tiers that
    may have been taken without a kind that is told again (CRM-12).
    """
    for entity_set, keys in _wanted_again(run).items():
        for batch in batches(sorted(keys)):
            ask = partial(client.get_records, entity_set, batch)
            changes = persistently(ask, run.around.patience)
            with run.commit() as bulk:
                still_wanted(run, bulk)
                counts = take(run, bulk, changes)
            run.counts.add(counts)


def _wanted_again(run: Run) -> dict[EntitySet, set[str]]:
    with run.store.reading() as session:
        bulk = Bulk(session.connection())
        asked = asked_again(bulk, integration_id=run.integration.id)
        keys = {entity_set: set(asked.get(entity, ())) for entity_set, entity in KEPT_AS.items()}
        keys[EntitySet.TIERS] |= set(recoverable(bulk, run.known_rules(bulk)))
        keys[EntitySet.TIERS] |= set(session.scalars(unread(run.integration.id)))
        keys[EntitySet.TIERS] |= left_open(bulk, integration_id=run.integration.id, since=run.refreshed_at)
        # In a preview, what was taken is in error no more, although that is rolled back.
        keys[EntitySet.TIERS] -= run.foreseen
    return keys
