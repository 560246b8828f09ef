"""Full resync and full send: the totality, found by comparing instead of following the change log (CRM-09, CRM-19).

The survey reads both sides and writes nothing: versions of the ERP against the links, rows of the CRM against what was agreed. Only
what differs is then taken and sent, so a base in which nothing differs costs the reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select

from contracts.client import GatewayClient
from contracts.messages import EntitySet
from syncengine.core.merge import merge
from syncengine.core.replicate import Rules
from syncengine.core.snapshot import load
from syncengine.cycle.crm_rows import CrmRows, Local, load_rows
from syncengine.cycle.outgoing import BATCH
from syncengine.cycle.pull import persistently
from syncengine.cycle.reconcile import Seen
from syncengine.cycle.run import Run
from syncengine.cycle.taking import foresee, show, still_wanted, take
from syncengine.cycle.tiers import Counts
from syncengine.model import Link, LinkState
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, batches, table_of


@dataclass(kw_only=True)
class Survey:
    """What a comparison of both sides found: codes of tiers to ask the ERP for, and links whose CRM rows are not as agreed."""

    codes: list[str] = field(default_factory=list)
    drifted: list[int] = field(default_factory=list)


def survey(run: Run, client: GatewayClient) -> Survey:
    """Compare keys and versions of the ERP with the links, and the rows of the CRM with what was last agreed."""
    found = Survey()
    known = _links(run)
    # The gateway reads its base while this side reads its own.
    with ThreadPoolExecutor(1, thread_name_prefix="versions") as fetcher:
        versions = fetcher.submit(_versions, run, client)
        found.drifted = list(_drifted(run))
    for key, version in versions.result():
        state, seen = known.pop(key, (None, None))
        if state is not LinkState.TAKEN_OUT and (seen != version or state is LinkState.VANISHED):
            found.codes.append(key)
    found.codes += [key for key, (state, _) in known.items() if state is LinkState.LINKED]
    return found


def take_all(run: Run, client: GatewayClient, found: Survey) -> None:
    """Take what the survey found; the links that drifted are marked, and sent with the CRM's own changes."""
    total = run.done + len(found.codes)
    for batch in batches(found.codes):
        changes = persistently(partial(client.get_records, EntitySet.TIERS, batch), run.around.patience)
        counts, done = run.counts.copy(), run.done + len(batch)
        with run.commit() as bulk:
            still_wanted(run, bulk)
            counts.add(take(run, bulk, changes))
            progress = show(run, bulk, counts, EntitySet.TIERS.value, done, total)
        run.counts, run.done = counts, done
        run.around.watch(progress)
    for links in batches(found.drifted, BATCH):
        with run.commit() as bulk:
            still_wanted(run, bulk)
            standing = bulk.rows(Link, "id", links, state=LinkState.LINKED.value)
            # In a preview, what was taken is rolled back: it has not drifted.
            seen = [Seen(link=row) for row in standing if row["erp_key"] not in run.foreseen]
            outcomes = run.reconciler(bulk).reconcile(seen)
            foresee(run, bulk, [outcome.code for outcome in outcomes])
            run.counts.add(Counts(changed=sum(outcome.written for outcome in outcomes)))


def _links(run: Run) -> dict[str, tuple[LinkState, str | None]]:
    table = table_of(Link)
    query = select(table.c.erp_key, table.c.state, table.c.erp_version).where(
        table.c.integration_id == run.integration.id, table.c.entity == Entity.ACCOUNT.value
    )
    with run.store.reading() as session:
        return {row.erp_key: (row.state, row.erp_version) for row in session.execute(query)}


def _versions(run: Run, client: GatewayClient) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    after, at_end = "", False
    while not at_end:
        page, at_end = persistently(partial(client.get_versions, after), run.around.patience)
        found += page
        after = page[-1][0] if page else after
    return found


def _drifted(run: Run) -> Iterator[int]:
    """Linked tiers whose rows in the CRM are not as agreed, marked or not: changed behind the engine's back (CRM-09)."""
    table = table_of(Link)
    standing = select(table.c.id).where(
        table.c.integration_id == run.integration.id,
        table.c.entity == Entity.ACCOUNT.value,
        table.c.state == LinkState.LINKED.value,
    )
    with run.store.reading() as session:
        # All ids at once: a query page by page in their order would sort the whole table for each page.
        ids = sorted(session.scalars(standing))
        rules = run.known_rules(Bulk(session.connection()))
    for batch in batches(ids):
        with run.store.reading() as session:
            bulk = Bulk(session.connection())
            links = list(bulk.rows(Link, "id", batch, state=LinkState.LINKED.value))
            rows = load_rows(bulk, [link["local_id"] for link in links], lock=False)
        for link in links:
            if departed(link, rows[link["local_id"]], rules):
                yield link["id"]


def departed(link: Local, rows: CrmRows, rules: Rules) -> bool:
    """Whether the rows of a linked tiers in the CRM are not as last agreed."""
    base = load(link["base"])
    found = merge(base, rows.snapshot(), base, policies=rules.policies, untold=rules.untold)
    return bool(found.crm or found.erp or found.keys)
