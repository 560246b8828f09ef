"""Taking: one page of the change log into the CRM base, each set in its way (CRM-04)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog
from sqlalchemy import select, update

from contracts.messages import SET_KEY, EntitySet
from contracts.page import Changes, Page
from syncengine.connection import same_company
from syncengine.cycle.corrections import keep_corrections, with_corrections
from syncengine.cycle.due import may_read
from syncengine.cycle.gateway_options import OptionsMoved, contradict
from syncengine.cycle.outgoing import BATCH, commit_writes, gather, update_writes
from syncengine.cycle.progress import Progress
from syncengine.cycle.reference import apply_free_fields, apply_representatives, apply_turnover
from syncengine.cycle.rules import representatives_of
from syncengine.cycle.run import Order, Run
from syncengine.cycle.tiers import Counts, apply_tiers
from syncengine.errors import CompanyMismatch, NotActive, SettingsLocked
from syncengine.model import Cursor, Cycle, Integration, IntegrationState
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, batches
from syncengine.storage.sync_errors import Failure, settle

KEPT_AS: Final = {
    EntitySet.TIERS: Entity.ACCOUNT,
    EntitySet.FREE_FIELDS: Entity.FREE_FIELD,
    EntitySet.REPRESENTATIVES: Entity.REPRESENTATIVE,
    EntitySet.TURNOVER: Entity.TURNOVER,
}
"""The kind of record that errors of each set are kept under."""
_log = structlog.get_logger(__name__)


def may_run(integration: Integration, order: Order) -> None:
    """Raises NotActive, Disconnected or SettingsLocked: no cycle in this state (CRM-11, CRM-19, CRM-58)."""
    active = integration.state is IntegrationState.ACTIVE
    if order.needs_inactive and active:
        raise SettingsLocked("a full run is ordered while the integration is deactivated", record=integration.name)
    if not active and not order.needs_inactive:
        raise NotActive(f"integration {integration.name} is not active", record=integration.name)
    may_read(integration)


def still_wanted(run: Run, bulk: Bulk) -> None:
    """A cycle ends at its next page once the integration is deactivated or disconnected (CRM-11, CRM-58)."""
    query = select(Integration.state, Integration.connected).where(Integration.id == run.integration.id)
    run.integration.state, run.integration.connected = bulk.connection.execute(query).one()
    may_run(run.integration, run.order)


def same_company_or_stop(run: Run, company: str) -> None:
    """Raises CompanyMismatch before anything of another company is taken or sent (CRM-14)."""
    wanted = run.integration.company
    if not same_company(wanted, company):
        raise CompanyMismatch(f"the gateway serves {company!r}, the integration names {wanted!r}", field="company")


def take_page(run: Run, page: Page) -> None:
    """Apply one page; page, cursors and progress commit together (G8)."""
    same_company_or_stop(run, page.company)
    if page.now is not None:
        run.skew = page.now - run.around.clock()
    counts, done = run.counts.copy(), run.done
    with run.commit() as bulk:
        still_wanted(run, bulk)
        for changes in page.change_sets:
            counts.add(take(run, bulk, changes))
            done += len(changes.records) + len(changes.tombstones) + len(changes.rejected)
            _keep_cursor(run, bulk, changes)
        total = done + sum(changes.remaining for changes in page.change_sets)
        phase = page.change_sets[-1].entity_set.value if page.change_sets else ""
        progress = show(run, bulk, counts, phase, done, total)
    # Only what is committed counts.
    run.counts, run.done = counts, done
    run.around.watch(progress)


def show(run: Run, bulk: Bulk, counts: Counts, phase: str, done: int, total: int) -> Progress:
    """Keep the progress where everybody can see it (CRM-10)."""
    bulk.connection.execute(
        update(Cycle)
        .where(Cycle.id == run.cycle_id)
        .values(progress_done=done, progress_total=total, phase=phase, counts=counts.as_dict())
    )
    return Progress(phase=phase, done=done, total=total, refused=counts.refused + counts.refused_by_erp)


def take(run: Run, bulk: Bulk, changes: Changes) -> Counts:
    """Apply the changes of one set, in the caller's transaction. Raises OptionsMoved before anything of it is taken."""
    if changes.entity_set is EntitySet.TIERS:
        return _take_tiers(run, bulk, changes)
    entity, key = KEPT_AS[changes.entity_set], SET_KEY[changes.entity_set]
    failures = [Failure(entity=entity, problem=bad.error, payload=bad.xml) for bad in changes.rejected]
    records, gone = changes.records, [stone.text("key") for stone in changes.tombstones]
    integration_id, now = run.integration.id, run.around.clock()
    if changes.entity_set is EntitySet.FREE_FIELDS:
        count = apply_free_fields(bulk, records, gone, integration_id=integration_id)
    elif changes.entity_set is EntitySet.REPRESENTATIVES:
        count = apply_representatives(bulk, records, gone, integration_id=integration_id)
        _know_representatives(run, bulk, [record.text(key) for record in records], gone)
    else:
        count = apply_turnover(bulk, records, gone, integration_id=integration_id, now=now)
    dealt_with = [record.text(key) for record in records] + gone
    settle(bulk, entity, failures, dealt_with, **run.ids, now=now)
    return Counts(refused=len(failures), reference={changes.entity_set.value: count})


def _know_representatives(run: Run, bulk: Bulk, codes: Sequence[str], gone: Sequence[str]) -> None:
    """Keep them at hand, page by page: a preview rolls back what the next page needs to know."""
    rules, stored = run.known_rules(bulk), representatives_of(bulk, run.integration.id)
    known = dict(rules.representatives) | {code: stored.get(code) for code in codes}
    run.rules = replace(rules, representatives={code: user for code, user in known.items() if code not in gone})


def _take_tiers(run: Run, bulk: Bulk, changes: Changes) -> Counts:
    if not run.options_known and contradict(changes.records, run.known_rules(bulk).untold):
        raise OptionsMoved
    corrected, held = with_corrections(bulk, changes, integration_id=run.integration.id)
    counts = apply_tiers(bulk, corrected, run.known_rules(bulk), run.reconciler(bulk), run.around.clock())
    keep_corrections(bulk, held, integration_id=run.integration.id, now=run.around.clock())
    foresee(run, bulk, [one.text("code") for one in changes.records] + [one.text("key") for one in changes.tombstones])
    _log.info("tiers_taken", **counts.as_dict())
    return counts


def foresee(run: Run, bulk: Bulk, codes: Sequence[str]) -> None:
    """In a preview: what these tiers would send to the ERP, while what they took is not rolled back yet."""
    if run.preview is None:
        return
    run.foreseen.update(codes)
    for some in batches(codes, BATCH):
        outcomes, _ = gather(
            *(bulk, run.reconciler(bulk)),
            integration_id=run.integration.id,
            since=run.refreshed_at,
            only=some,
        )
        commit_writes(bulk, update_writes(bulk, outcomes), **run.ids, now=run.around.clock())


def _keep_cursor(run: Run, bulk: Bulk, changes: Changes) -> None:
    row = (run.integration.id, changes.entity_set.value, changes.next_cursor, changes.at_end)
    bulk.upsert(Cursor, ("integration_id", "entity_set", "cursor", "at_end"), ("integration_id", "entity_set"), [row])
