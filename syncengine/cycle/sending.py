"""Sending: the CRM's own changes and creations to the ERP, batch by batch (CRM-01, CRM-08, NEW-05)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog

from contracts.client import GatewayClient
from contracts.errors import MalformedReply, Problem
from syncengine.cycle.held_codes import without_held
from syncengine.cycle.outgoing import (
    Write,
    commit_writes,
    creation_writes,
    gather,
    open_writes,
    unanswered,
    update_writes,
)
from syncengine.cycle.parameters import refresh
from syncengine.cycle.pull import persistently
from syncengine.cycle.push import Results, error_key
from syncengine.cycle.reconcile import Outcome, Seen
from syncengine.cycle.run import Run
from syncengine.cycle.taking import same_company_or_stop, show, still_wanted
from syncengine.cycle.tiers import Counts
from syncengine.errors import InputRefused
from syncengine.model import Link, Side
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from syncengine.storage.sync_errors import resolve

_log = structlog.get_logger(__name__)


def finish_writes(run: Run, client: GatewayClient) -> None:
    """Send again what has no result yet, under the same ids: it happened once, or happens now (NEW-05, G9)."""
    with run.store.reading() as session:
        writes = open_writes(Bulk(session.connection()), integration_id=run.integration.id)
    if not writes:
        return
    if run.preview is not None:
        raise InputRefused(
            f"{len(writes)} writes have no answer yet: what they did is not known",
            code="writes_unanswered",
            remedy="Run a cycle first, which asks for them again: `syncengine sync`.",
        )
    # The page that names the company comes later: nothing is sent to another one's base.
    same_company_or_stop(run, persistently(client.get_configuration, run.around.patience).text("company"))
    while writes:
        # Nothing is pulled before it is known: a tiers that was created would come as another one (G4).
        _all_answered(_send(run, client, writes))
        with run.store.reading() as session:
            writes = open_writes(Bulk(session.connection()), integration_id=run.integration.id)


def send_changes(run: Run, client: GatewayClient) -> None:
    """Gather every marked link and every Account that waits to be created, and send them."""
    after: int | None = 0
    lost = 0
    while after is not None:
        with run.commit() as bulk:
            still_wanted(run, bulk)
            outcomes, after = gather(
                *(bulk, run.reconciler(bulk)),
                integration_id=run.integration.id,
                since=run.refreshed_at,
                after=after,
                but=run.foreseen,
            )
            writes = update_writes(bulk, outcomes)
            _commit(run, bulk, writes)
            _nothing_left(run, bulk, outcomes)
            _count(run, outcomes)
        lost += _send(run, client, writes)
    after = 0
    while after is not None:
        with run.commit() as bulk:
            still_wanted(run, bulk)
            awaited, after = creation_writes(
                bulk, integration_id=run.integration.id, since=run.refreshed_at, after=after
            )
            writes = without_held(bulk, awaited, **run.ids, now=run.around.clock())
            _commit(run, bulk, writes)
            run.counts.refused_by_erp += len(awaited) - len(writes)
        lost += _send(run, client, writes)
    _all_answered(lost)


def _all_answered(lost: int) -> None:
    if lost:
        raise MalformedReply(f"the gateway's answer lacks the results of {lost} writes", remedy=_ASK_AGAIN)


_ASK_AGAIN: Final = (
    "Nothing to do: the next cycle asks for them again. If this comes back, look into the gateway's log."
)


def _commit(run: Run, bulk: Bulk, writes: Sequence[Write]) -> None:
    commit_writes(bulk, writes, **run.ids, now=run.around.clock())


def _nothing_left(run: Run, bulk: Bulk, outcomes: Sequence[Outcome]) -> None:
    """An error of a tiers with nothing left to send is no error any more: somebody took the refused value back."""
    keys = [error_key(outcome.rows.account) for outcome in outcomes if not outcome.to_erp]
    resolve(bulk, Entity.ACCOUNT, keys, integration_id=run.integration.id, side=Side.ERP)


def _count(run: Run, outcomes: Sequence[Outcome]) -> None:
    run.counts.parked += sum(outcome.parked for outcome in outcomes)
    run.counts.decided += sum(outcome.decided for outcome in outcomes)


def _send(run: Run, client: GatewayClient, writes: Sequence[Write]) -> int:
    """Send writes that are in the outbox, and record each result; those that were stale are sent once more.

    Returns how many are left without a result, to be asked for again under their ids.
    """
    lost = 0
    while writes and run.preview is None:
        call = partial(client.execute, [write.transaction() for write in writes])
        try:
            results = persistently(call, run.around.patience)
        except Problem:
            with run.commit() as bulk:
                unanswered(bulk, writes, now=run.around.clock())
            raise
        told = {result.text("id") for result in results}
        missing = [write for write in writes if write.transaction_id not in told]
        writes = [write for write in writes if write.transaction_id in told]
        lost += len(missing)
        with run.commit() as bulk:
            unanswered(bulk, missing, now=run.around.clock())
            reconciler = run.reconciler(bulk)
            pushed = Results(bulk, reconciler, **run.ids, now=run.around.clock()).record(writes, results)
            run.counts.add(
                Counts(
                    created_in_erp=pushed.created,
                    sent=pushed.sent,
                    stale=pushed.stale,
                    refused_by_erp=pushed.refused,
                    refused=pushed.untaken,
                )
            )
            run.done += len(writes)
            progress = show(run, bulk, run.counts, "sending", run.done, run.done)
        run.around.watch(progress)
        _log.info("tiers_sent", sent=pushed.sent, created=pushed.created, stale=pushed.stale, refused=pushed.refused)
        writes = [*pushed.again, *_without_untold(run, client, pushed.untold)]
    return lost


def _without_untold(run: Run, client: GatewayClient, refused: Sequence[Write]) -> list[Write]:
    """What is left of writes once the kinds that the gateway tells are known; once: after that they wait for the next cycle."""
    if not refused:
        return []
    refresh(run, client)
    with run.commit() as bulk:
        links = bulk.rows(Link, "id", [write.link_id for write in refused if not write.again])
        outcomes = run.reconciler(bulk).reconcile([Seen(link=link) for link in links])
        writes = update_writes(bulk, outcomes, again=True)
        _commit(run, bulk, writes)
    return writes
