"""The small sets of a full resync, read again from their beginning: free fields, representatives, turnover (CRM-09, CRM-19)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from contracts.client import GatewayClient
from contracts.messages import SET_KEY, EntitySet
from contracts.page import Changes
from contracts.tables import TOMBSTONE
from syncengine.cycle.pull import pages
from syncengine.cycle.run import Run
from syncengine.cycle.taking import take, take_page
from syncengine.model import FreeFieldDefinition, FreeFieldState, Representative, Turnover
from syncengine.storage.bulk import Bulk, table_of

WHOLE: Final = (EntitySet.FREE_FIELDS, EntitySet.REPRESENTATIVES, EntitySet.TURNOVER)


def take_small_sets(run: Run, client: GatewayClient) -> None:
    """Take the small sets from their beginning; what the ERP no longer has is gone, though nothing told so."""
    whole: list[EntitySet] = [entity_set for entity_set in run.entity_sets if entity_set in WHOLE]
    seen: dict[EntitySet, set[str]] = {entity_set: set() for entity_set in whole}
    beginning = dict.fromkeys(whole, "")
    for page in pages(client, beginning, page_size=run.around.page_size, patience=run.around.patience):
        take_page(run, page)
        for changes in page.change_sets:
            key = SET_KEY[changes.entity_set]
            seen[changes.entity_set].update(record.text(key) for record in changes.records)
            seen[changes.entity_set].update(bad.key for bad in changes.rejected)
    with run.commit() as bulk:
        for entity_set, keys in seen.items():
            gone = sorted(_standing(run, bulk, entity_set) - keys)
            # A record too damaged to tell its key may be any of them.
            if gone and "" not in keys:
                take(run, bulk, _tombstones(entity_set, gone))


def _standing(run: Run, bulk: Bulk, entity_set: EntitySet) -> set[str]:
    """The keys of a small set that the CRM takes for present."""
    entity, column, state = _SMALL[entity_set]
    table = table_of(entity)
    query = select(table.c[column]).where(
        table.c.integration_id == run.integration.id, *(table.c[n] == v for n, v in state)
    )
    return set(bulk.connection.scalars(query))


def _tombstones(entity_set: EntitySet, keys: Sequence[str]) -> Changes:
    stones = [TOMBSTONE.record(key=key, reason="deleted") for key in keys]
    return Changes(entity_set=entity_set, next_cursor="", at_end=True, remaining=0, records=[], tombstones=stones)


_SMALL: Final[Mapping[EntitySet, tuple[type[Any], str, tuple[tuple[str, Any], ...]]]] = {
    EntitySet.FREE_FIELDS: (FreeFieldDefinition, "name", (("state", FreeFieldState.REPLICATED),)),
    EntitySet.REPRESENTATIVES: (Representative, "code", (("active", True),)),
    EntitySet.TURNOVER: (Turnover, "erp_key", ()),
}
"""Where each small set is kept, under which key, and what tells that a row stands."""
