"""'Réactualiser CA': turnover N and N-1 read now, without a cycle (CRM-48)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.client import GatewayClient
from contracts.fields import Record
from syncengine.core.refusals import refused
from syncengine.crm.pairing import authorise
from syncengine.cycle.due import is_wanted, may_read, turnover_times
from syncengine.cycle.reference import apply_turnover, linked_accounts
from syncengine.errors import IntegrationUnknown
from syncengine.model import Integration, Link, Right, Turnover
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, batches
from syncengine.storage.store import Store

BATCH: Final = 200
"""Tiers asked for in one call: a time-out bounds the call, not the order."""


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """How many tiers were asked for, have figures now, and have none any more since they no longer take part."""

    asked: int
    figures: int
    gone: int


def refresh_turnover(
    store: Store,
    client: GatewayClient,
    integration_id: int,
    codes: Sequence[str] | None = None,
    *,
    at: datetime,
    by: str | None = None,
    watch: Callable[[int, int], None] = lambda _done, _total: None,
) -> Refreshed:
    """Read the figures of these tiers, of all that are linked when none is named, and store them a batch at a time.

    With all of them read, they are due again at the next time of day, where that is set. Raises InputRefused (right_withdrawn,
    account_unknown), IntegrationUnknown, Disconnected (CRM-58), and what the client raises; the batches before stay.
    """
    wanted = _wanted(store, integration_id, codes, by)
    done = Refreshed(asked=0, figures=0, gone=0)
    for batch in batches(wanted, BATCH):
        records = client.get_turnover(batch)
        done = _stored(store, integration_id, batch, records, done, at)
        watch(done.asked, len(wanted))
    if codes is None:
        _refreshed(store, integration_id, at)
    return done


def ask_turnover(session: Session, integration_id: int, *, at: datetime, by: str | None = None) -> datetime:
    """Have the service read the figures of all tiers as soon as it can; since when they are due.

    Raises InputRefused (right_withdrawn), IntegrationUnknown, Disconnected (CRM-58).
    """
    authorise(session, by, Right.REFRESH_TURNOVER)
    _connected(session, integration_id)
    integration = session.get_one(Integration, integration_id, with_for_update=True, populate_existing=True)
    if integration.turnover_due_at is None or integration.turnover_due_at > at:
        integration.turnover_due_at = at
    session.flush()
    return integration.turnover_due_at


def _wanted(store: Store, integration_id: int, codes: Sequence[str] | None, by: str | None) -> list[str]:
    with store.reading() as session:
        authorise(session, by, Right.REFRESH_TURNOVER)
        _connected(session, integration_id)
        if codes is None:
            of = (Link.integration_id == integration_id, Link.entity == Entity.ACCOUNT.value)
            return list(session.scalars(select(Link.erp_key).where(*of).order_by(Link.erp_key)))
        known = linked_accounts(Bulk(session.connection()), codes, integration_id=integration_id)
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise refused(
            "account_unknown",
            f"no tiers is linked under {', '.join(unknown)}",
            record=unknown[0],
            field="code",
            remedy="Take the code of a linked tiers, in capitals as Sage 100 has it.",
        )
    return list(dict.fromkeys(codes))


def _connected(session: Session, integration_id: int) -> None:
    """Raises IntegrationUnknown, and Disconnected: not even the next batch is read (CRM-58)."""
    integration = session.get(Integration, integration_id)
    if integration is None:
        raise IntegrationUnknown(f"there is no integration {integration_id}")
    may_read(integration)


def _refreshed(store: Store, integration_id: int, at: datetime) -> None:
    with store.writing() as session:
        integration = session.get_one(Integration, integration_id, with_for_update=True)
        integration.turnover_refreshed_at = at
        times = turnover_times(integration)
        integration.turnover_due_at = times.next(at) if times and is_wanted(integration) else None


def _stored(
    store: Store, integration_id: int, asked: Sequence[str], records: Sequence[Record], done: Refreshed, at: datetime
) -> Refreshed:
    told = {record.text("code") for record in records}
    with store.writing() as session:
        _connected(session, integration_id)
        bulk = Bulk(session.connection())
        kept = {row["erp_key"] for row in bulk.rows(Turnover, "erp_key", asked, integration_id=integration_id)}
        # As the change log does: nothing is told of a tiers that never had any turnover.
        worth = [record for record in records if record.text("code") in kept or not _is_nothing(record)]
        gone = kept - told
        apply_turnover(bulk, worth, gone, integration_id=integration_id, now=at, dated=True)
    return Refreshed(asked=done.asked + len(asked), figures=done.figures + len(worth), gone=done.gone + len(gone))


def _is_nothing(record: Record) -> bool:
    return not record.amount("current_year") and not record.amount("previous_year")
