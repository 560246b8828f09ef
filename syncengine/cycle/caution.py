"""Caution: what a cycle would do is looked at before anything is done, when it might be too much, or when a plan was approved.

NEW-02, NEW-06. Most cycles are too small to go too far whatever they hold, and need no plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from sqlalchemy import Integer, cast, func, select, update

from contracts.messages import EntitySet
from contracts.page import Page
from syncengine.core.guards import Counts, Guards, Totals, breach
from syncengine.core.plan import dump_lines, fingerprint
from syncengine.cycle.gateway_options import unread
from syncengine.cycle.outgoing import is_awaited, waiting_links
from syncengine.cycle.preview import CYCLE_ID, Preview
from syncengine.cycle.run import Run
from syncengine.errors import GuardStopped, PlanOutdated
from syncengine.model import Account, Cycle, CycleStatus, Link, LinkState, Plan, Side, SyncError
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING
from syncengine.storage.bulk import table_of


def trial_of(run: Run, work: Callable[[Run], None]) -> Preview:
    """What that work would do: done in full, and each transaction of it rolled back."""
    trial = replace(
        run,
        cycle_id=CYCLE_ID,
        preview=Preview(integration_id=run.integration.id),
        counts=run.counts.copy(),
        rules=None,
        foreseen=set(),
        around=replace(run.around, watch=lambda _progress: None),
    )
    work(trial)
    run.lease = trial.lease
    return trial.preview or Preview(integration_id=run.integration.id)


def is_guarded(run: Run) -> bool:
    """Whether guards judge this cycle: no preview, nothing approved, and not the first synchronisation (CRM-13).

    That one creates everything, and may take several cycles until one ends.
    """
    ended = (CycleStatus.SUCCESS, CycleStatus.WARNING)
    query = select(Cycle.id).where(Cycle.integration_id == run.integration.id, Cycle.status.in_(ended)).limit(1)
    if run.preview is not None or run.order.plan_id is not None:
        return False
    with run.store.reading() as session:
        return session.scalar(query) is not None


def may_go_too_far(run: Run, bound: Totals) -> bool:
    """Whether a cycle that touches at most this could go too far: if not, it need not be planned first."""
    return bool(breach(bound, _linked(run), Guards.read(run.integration.guards)))


def check_guards(run: Run, work: Callable[[Run], None]) -> None:
    """Raises GuardStopped, with a plan to look at, when that work would go too far (NEW-06)."""
    found = trial_of(run, work)
    reasons = breach(found.totals, _linked(run), Guards.read(run.integration.guards))
    if reasons:
        plan_id = keep_plan(run, found, stopped_by="; ".join(reasons))
        raise GuardStopped(f"{'; '.join(reasons)}; nothing was written: see plan {plan_id}", record=str(plan_id))


def check_plan(run: Run, plan_id: int, work: Callable[[Run], None]) -> None:
    """Raises PlanOutdated unless the same plan would be made again (NEW-02)."""
    with run.store.reading() as session:
        plan = session.get(Plan, plan_id)
        known = plan is not None and plan.integration_id == run.integration.id and plan.kind is run.kind
        if plan is None or not known or plan.applied_cycle_id is not None:
            raise PlanOutdated(f"there is no plan {plan_id} to apply", record=str(plan_id))
        wanted = plan.fingerprint
    if fingerprint(trial_of(run, work).lines) != wanted:
        raise PlanOutdated(f"plan {plan_id} is no longer what would happen", record=str(plan_id))
    with run.commit() as bulk:
        table = table_of(Plan)
        bulk.connection.execute(update(table).where(table.c.id == plan_id).values(applied_cycle_id=run.cycle_id))


def keep_plan(run: Run, found: Preview, *, stopped_by: str | None = None) -> int:
    """Store a plan to be looked at and applied; its number, that of before when it says the same."""
    with run.store.writing() as session:
        same = (Plan.integration_id == run.integration.id, Plan.kind == run.kind, Plan.applied_cycle_id.is_(None))
        known = session.scalar(select(Plan).where(*same, Plan.fingerprint == fingerprint(found.lines)).limit(1))
        if known is not None:
            known.made_at, known.stopped_by = run.around.clock(), stopped_by
            return known.id
        plan = Plan(
            integration_id=run.integration.id,
            kind=run.kind,
            fingerprint=fingerprint(found.lines),
            counts=_figures(found.totals),
            lines=dump_lines(found.lines),
            stopped_by=stopped_by,
            made_at=run.around.clock(),
        )
        session.add(plan)
        session.flush()
        return plan.id


def bound_of_pages(run: Run, ahead: Iterable[Page]) -> Totals:
    """What the pages read so far and those to come can touch at most, with what the CRM has to send.

    Only pages up to the end bound it: what remains as far as the gateway knows is what it has scanned yet, and may be all.
    """
    records = asleep = 0
    ended: set[EntitySet] = set()
    for page in ahead:
        for changes in page.change_sets:
            ended |= {changes.entity_set} if changes.at_end else set()
            if changes.entity_set is EntitySet.TIERS:
                records += len(changes.records)
                asleep += len(changes.tombstones) + sum(record.flag("dormant") for record in changes.records)
    to_come = 0 if len(ended) == len(EntitySet) else _linked(run)
    return totals_at_most(run, changed=records + asleep + to_come, deactivated=asleep + to_come)


def totals_at_most(run: Run, *, changed: int, deactivated: int, drifted: int = 0) -> Totals:
    """A bound of both sides: what the ERP's changes can do here, and what is marked, awaited or ``drifted`` can do there.

    Any record in error may come with them: what it lacked may be among the changes. So do those to be read again.
    """
    marked, asleep, awaited = _outgoing(run)
    again = _in_error(run) + _unread(run)
    crm = Counts(created=changed + again, changed=changed + again, deactivated=deactivated + again)
    return Totals(crm=crm, erp=Counts(created=awaited, changed=marked + drifted, deactivated=asleep + drifted))


def _outgoing(run: Run) -> tuple[int, int, int]:
    link, account = table_of(Link), table_of(Account)
    marked = (
        select(func.count(), func.coalesce(func.sum(cast(account.c.dormant, Integer)), 0))
        .select_from(link.join(account, account.c.id == link.c.local_id))
        .where(link.c.id.in_(waiting_links(run.integration.id, run.refreshed_at)))
    )
    waiting = select(func.count()).where(account.c.integration_id == run.integration.id, is_awaited(account.c))
    with run.store.reading() as session:
        count, asleep = session.execute(marked).one()
        return int(count), int(asleep), int(session.scalar(waiting) or 0)


def _in_error(run: Run) -> int:
    table = table_of(SyncError)
    query = select(func.count()).where(
        table.c.integration_id == run.integration.id,
        table.c.entity == Entity.ACCOUNT.value,
        table.c.side == Side.CRM.value,
        table.c.state.in_(STANDING),
    )
    with run.store.reading() as session:
        return int(session.scalar(query) or 0)


def _unread(run: Run) -> int:
    query = select(func.count()).select_from(unread(run.integration.id).subquery())
    with run.store.reading() as session:
        return int(session.scalar(query) or 0)


def _linked(run: Run) -> int:
    table = table_of(Link)
    query = select(func.count()).where(
        table.c.integration_id == run.integration.id, table.c.state == LinkState.LINKED.value
    )
    with run.store.reading() as session:
        return int(session.scalar(query) or 0)


def _figures(totals: Totals) -> dict[str, int]:
    return {
        f"{side}_{name}": getattr(counts, name)
        for side, counts in (("crm", totals.crm), ("erp", totals.erp))
        for name in ("created", "changed", "deactivated")
    }
