"""What an audit compares: some tiers as the CRM has them, read in one look, and which of them wait to be synchronised anyway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from contracts.messages import EntitySet
from syncengine.core.replicate import Rules
from syncengine.cycle.crm_rows import CrmRows, Local, load_rows
from syncengine.cycle.gateway_options import UNREAD
from syncengine.cycle.outgoing import CREATE, is_awaited, is_open
from syncengine.cycle.rules import load_rules
from syncengine.model import (
    Account,
    Conflict,
    ConflictState,
    Cursor,
    Integration,
    Link,
    LinkState,
    Outbox,
    SyncError,
    SyncErrorState,
)
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING
from syncengine.storage.bulk import Bulk, table_of
from syncengine.storage.store import Dialect, Store

_ACCOUNT = Entity.ACCOUNT.value


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Whether a cycle runs, and how many began so far: as long as nothing of it moves, none has run."""

    token: int
    held: bool

    @classmethod
    def of(cls, integration: Integration, at: datetime) -> Lease:
        """That of an integration as it was read."""
        until = integration.lease_until
        return cls(token=integration.lease_token, held=until is not None and until >= at)


@dataclass(frozen=True, kw_only=True)
class CrmSide:
    """Tiers of the CRM by their key in the ERP, all read at one instant.

    ``ranged``: the keys of the linked tiers in the range. ``waiting``: those that say of themselves that they are not in step, or
    are out of the flow; ``creating``: a creation is on its way whose code may not be known yet. ``cursor`` is None until the first
    synchronisation has read everything.
    """

    integration: Integration
    lease: Lease
    rules: Rules
    cursor: str | None
    links: Mapping[str, Local]
    ranged: frozenset[str]
    rows: Mapping[int, CrmRows]
    waiting: frozenset[str]
    creating: bool

    def of(self, key: str) -> CrmRows | None:
        """The rows of the tiers of that key; None when it is not linked, or its link leads nowhere."""
        link = self.links.get(key)
        return None if link is None else self.rows.get(link["local_id"])


def read_crm(
    store: Store, integration_id: int, keys: Iterable[str], *, after: str, until: str | None, at: datetime
) -> CrmSide:
    """The tiers of these keys, and the linked ones whose keys come behind ``after``, up to ``until`` (None: to the end).

    The keys are compared by this base. Another order than the ERP's does not matter: the ranges of a pass, each beginning where
    the one before ends, cover every key in any order.
    """
    with store.reading() as session:
        if store.dialect is Dialect.POSTGRESQL:
            # One state of the base for all queries: a cycle or an edit may commit between two of them.
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        bulk = Bulk(session.connection())
        between = _between(bulk, integration_id, after, until)
        links = _named(bulk, integration_id, keys) | between
        integration = session.get_one(Integration, integration_id)
        return CrmSide(
            integration=integration,
            lease=Lease.of(integration, at),
            rules=load_rules(bulk, integration, cycle_id=0),
            cursor=read_cursor(session, integration_id),
            links=links,
            ranged=frozenset(between),
            rows=load_rows(bulk, [link["local_id"] for link in links.values()], lock=False),
            waiting=_waiting(bulk, integration_id, links, keys),
            creating=_creating(bulk, integration_id),
        )


def read_cursor(session: Session, integration_id: int) -> str | None:
    """How far the change log of the tiers was dealt with; None while not everything was read for the first time."""
    row = session.get(Cursor, (integration_id, EntitySet.TIERS.value))
    return row.cursor if row is not None and row.at_end else None


def _named(bulk: Bulk, integration_id: int, keys: Iterable[str]) -> dict[str, Local]:
    rows = bulk.rows(Link, "erp_key", keys, integration_id=integration_id, entity=_ACCOUNT)
    return {row["erp_key"]: row for row in rows}


def _between(bulk: Bulk, integration_id: int, after: str, until: str | None) -> dict[str, Local]:
    table = table_of(Link)
    query = select(table).where(
        table.c.integration_id == integration_id,
        table.c.entity == _ACCOUNT,
        table.c.state == LinkState.LINKED.value,
        table.c.erp_key > after,
    )
    bounded = query if until is None else query.where(table.c.erp_key <= until)
    return {row.erp_key: dict(row._mapping) for row in bulk.connection.execute(bounded)}


def _waiting(bulk: Bulk, integration_id: int, links: Mapping[str, Local], keys: Iterable[str]) -> frozenset[str]:
    """Marked, to be read again, out of the flow, on the way to the ERP, in error, in conflict, or about to be created."""
    waiting = {key for key, link in links.items() if _link_waits(link)}
    by_link = {link["id"]: key for key, link in links.items()}
    by_account = {link["local_id"]: key for key, link in links.items()}
    waiting |= {by_link[row["link_id"]] for row in bulk.rows(Conflict, "link_id", by_link, state=ConflictState.OPEN)}
    for link_id, account_id in bulk.connection.execute(_open_writes(integration_id)):
        waiting |= {index[row] for index, row in ((by_link, link_id), (by_account, account_id)) if row in index}
    known = {*links, *keys}
    for key, account_id in bulk.connection.execute(_errors(integration_id)):
        waiting |= ({key} & known) | ({by_account[account_id]} if account_id in by_account else set())
    waiting |= set(bulk.connection.scalars(_awaited(integration_id))) & known
    return frozenset(waiting)


def _link_waits(link: Local) -> bool:
    unread = link["erp_version"] == UNREAD and link["state"] == LinkState.LINKED
    return bool(unread or link["changed_at"] is not None or link["state"] == LinkState.TAKEN_OUT)


def _open_writes(integration_id: int) -> Select[Any]:
    table = table_of(Outbox)
    return select(table.c.link_id, table.c.account_id).where(table.c.integration_id == integration_id, is_open(table.c))


def _errors(integration_id: int) -> Select[Any]:
    table = table_of(SyncError)
    out = table.c.state == SyncErrorState.TAKEN_OUT
    return select(table.c.erp_key, table.c.local_id).where(
        table.c.integration_id == integration_id,
        table.c.entity == _ACCOUNT,
        or_(table.c.state.in_(STANDING), out),
    )


def _awaited(integration_id: int) -> Select[Any]:
    table = table_of(Account)
    return select(table.c.code).where(
        table.c.integration_id == integration_id, is_awaited(table.c), table.c.code.is_not(None)
    )


def _creating(bulk: Bulk, integration_id: int) -> bool:
    table = table_of(Outbox)
    mine = and_(table.c.integration_id == integration_id, is_open(table.c), table.c.action == CREATE)
    return bulk.connection.scalar(select(table.c.id).where(mine).limit(1)) is not None
