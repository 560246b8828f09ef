"""Outgoing: the CRM's own changes as writes for the ERP, each committed to the outbox before it is sent (CRM-01, CRM-08, NEW-05).

Gathering a marked link makes its outbox row and takes the mark away in one transaction: whatever happens then, either the mark or
the row says that something is to be sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from lxml import etree
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union,
)

from contracts.codec import reader, writer
from contracts.envelope import in_namespace
from contracts.fields import ABSENT, Record
from contracts.messages import TRANSACTION
from contracts.tables import TIERS
from syncengine.core.merge import Change
from syncengine.core.paths import join, new_key
from syncengine.core.payload import creation_of, update_of
from syncengine.cycle.crm_rows import CrmRows, load_rows
from syncengine.cycle.reconcile import Outcome, Reconciler, Seen
from syncengine.model import Account, ErpState, Link, LinkState, Outbox, OutboxState, Side, SyncError, SyncErrorState
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING
from syncengine.storage.bulk import Bulk, Row, table_of

CREATE: Final = "create"
UPDATE: Final = "update"
BATCH: Final = 200
"""Writes in one call."""

COLUMNS: Final = (
    *("transaction_id", "integration_id", "cycle_id", "link_id", "account_id", "action", "base_version"),
    *("payload", "changes", "state", "attempts", "created_at", "edited_at"),
)
OPEN: Final = (OutboxState.PENDING, OutboxState.SENT)
"""The states of a write without a result."""
_OPEN: Final[BindParameter[Any]] = bindparam("open_states", OPEN, expanding=True, literal_execute=True)
_AWAITED: Final[BindParameter[Any]] = bindparam("awaited", ErpState.AWAITED, literal_execute=True)
_write, _read = writer(TIERS), reader(TIERS, checked=False)


@dataclass(frozen=True, kw_only=True)
class Write:
    """One write on its way; ``changes`` are what it changes in the ERP. ``link_id`` is None for a creation."""

    transaction_id: str
    account_id: int
    link_id: int | None
    action: str
    base_version: str | None
    payload: str
    changes: tuple[Change, ...]
    edited_at: datetime | None
    again: bool = False

    def transaction(self) -> Record:
        """The record of TRANSACTION that is sent, the same each time."""
        return TRANSACTION.record(
            id=self.transaction_id,
            action=self.action,
            base_version=self.base_version or ABSENT,
            tiers=_read(etree.fromstring(in_namespace(self.payload))),
        )


def gather(
    bulk: Bulk,
    reconciler: Reconciler,
    *,
    integration_id: int,
    since: datetime | None,
    after: int = 0,
    only: Iterable[str] | None = None,
    but: AbstractSet[str] = frozenset(),
) -> tuple[list[Outcome], int | None]:
    """Reconcile the next links with something to send after that id (of codes only, or but codes); the last id looked at, None
    at the end. ``since`` is when the parameters were refreshed last: what the ERP refused before is sent again (CRM-49).
    """
    table = table_of(Link)
    query = _to_send(integration_id, since).where(table.c.id > after).order_by(table.c.id).limit(BATCH)
    if only is not None:
        query = query.where(table.c.erp_key.in_(list(only)))
    links = [dict(row._mapping) for row in bulk.connection.execute(query)]
    outcomes = reconciler.reconcile([Seen(link=link) for link in links if link["erp_key"] not in but])
    return outcomes, links[-1]["id"] if len(links) == BATCH else None


def _to_send(integration_id: int, since: datetime | None) -> Select[Any]:
    """Links with something to send; a tiers that is asleep can be woken, one that is gone cannot be written.

    One that the CRM could not take as it is now waits until it can: a write would be stale.
    """
    link, account, error = table_of(Link), table_of(Account), table_of(SyncError)
    untaken = select(error.c.erp_key).where(
        error.c.integration_id == integration_id,
        error.c.entity == Entity.ACCOUNT.value,
        error.c.side == Side.CRM.value,
        error.c.state.in_(STANDING),
    )
    return (
        select(link)
        .join(account, and_(account.c.id == link.c.local_id, link.c.entity == Entity.ACCOUNT.value))
        .where(
            link.c.id.in_(waiting_links(integration_id, since)),
            link.c.erp_key.not_in(untaken),
            _writable(link.c, account.c),
        )
    )


def waiting_links(integration_id: int, since: datetime | None) -> CompoundSelect[Any]:
    """The ids of the links that are marked, and of those whose write was refused before the parameters were refreshed.

    What is stored decides, not what this cycle did: one that is stopped after the refresh loses no retry (G9).
    """
    link, error = table_of(Link), table_of(SyncError)
    marked = select(link.c.id).where(link.c.integration_id == integration_id, link.c.changed_at.is_not(None))
    in_error = select(error.c.local_id).where(
        error.c.integration_id == integration_id,
        error.c.side == Side.ERP.value,
        error.c.state.in_(STANDING),
        error.c.local_id.is_not(None),
        false() if since is None else error.c.last_at < since,
    )
    # Not a join: its order would be the database's to choose, and one of the two reads the links of every integration.
    refused = select(link.c.id).where(link.c.entity == Entity.ACCOUNT.value, link.c.local_id.in_(in_error))
    return union(marked, refused)


def _writable(link: Any, account: Any) -> ColumnElement[bool]:
    asleep = and_(link.state == LinkState.VANISHED, account.erp_state == ErpState.DORMANT)
    return or_(link.state == LinkState.LINKED, asleep)


def update_writes(bulk: Bulk, outcomes: Sequence[Outcome], *, again: bool = False) -> list[Write]:
    """A write for each tiers with something for the ERP; their marks are taken away."""
    found = []
    for outcome in outcomes:
        if not outcome.to_erp:
            continue
        link = outcome.link
        record = update_of(link["erp_key"], outcome.erp, outcome.to_erp)
        found.append(
            Write(
                transaction_id=str(uuid4()),
                account_id=link["local_id"],
                link_id=link["id"],
                action=UPDATE,
                base_version=outcome.version,
                payload=_write(record),
                changes=outcome.to_erp,
                edited_at=link["changed_at"],
                again=again,
            )
        )
    bulk.update(Link, {write.link_id: {"changed_at": None} for write in found if write.link_id is not None})
    return found


def creation_writes(
    bulk: Bulk, *, integration_id: int, since: datetime | None, after: int
) -> tuple[list[Write], int | None]:
    """Writes for the next Accounts after that id that wait to be created (CRM-25), but for those on their way or refused.

    The last id looked at comes with them, None at the end. What the ERP refused before ``since``, the last refresh of the
    parameters, is tried again (CRM-49).
    """
    account = table_of(Account)
    query = _to_create(integration_id, since).where(account.c.id > after).order_by(account.c.id).limit(BATCH)
    ids = bulk.connection.scalars(query).all()
    writes = [_creation(rows) for rows in load_rows(bulk, ids).values()]
    return writes, ids[-1] if len(ids) == BATCH else None


def something_to_send(bulk: Bulk, integration_id: int, since: datetime | None) -> bool:
    """Whether a cycle would find something of the CRM's to send; ``since`` as ``gather`` takes it."""
    waiting = or_(exists(_to_send(integration_id, since)), exists(_to_create(integration_id, since)))
    return bool(bulk.connection.scalar(select(waiting)))


def _to_create(integration_id: int, since: datetime | None) -> Select[Any]:
    """The ids of the Accounts to be created in the ERP, but for those on their way and those it refused."""
    account, outbox, error = table_of(Account), table_of(Outbox), table_of(SyncError)
    on_its_way = select(outbox.c.account_id).where(
        outbox.c.integration_id == integration_id, outbox.c.action == CREATE, is_open(outbox.c)
    )
    refused = select(error.c.local_id).where(
        error.c.integration_id == integration_id,
        error.c.side == Side.ERP.value,
        or_(
            error.c.state == SyncErrorState.TAKEN_OUT,
            and_(error.c.state == SyncErrorState.OPEN, true() if since is None else error.c.last_at >= since),
        ),
        error.c.local_id.is_not(None),
    )
    return select(account.c.id).where(
        account.c.integration_id == integration_id,
        account.c.erp_state == ErpState.AWAITED,
        account.c.id.not_in(on_its_way),
        account.c.id.not_in(refused),
    )


def _creation(rows: CrmRows) -> Write:
    crm = rows.snapshot()
    children = {name: [{k: v for k, v in child.items() if k != "id"} for child in crm[name]] for name in _LISTS}
    changes = [
        Change(path=attr, before=None, after=value, rule=Rule.CREATED)
        for attr, value in crm.items()
        if attr not in _LISTS and attr != "free_fields"
    ]
    for name in _LISTS:
        changes += [
            Change(path=join(name, new_key(child["id"])), before=None, after=values, rule=Rule.CREATED)
            for child, values in zip(crm[name], children[name], strict=True)
        ]
    return Write(
        transaction_id=str(uuid4()),
        account_id=rows.account["id"],
        link_id=None,
        action=CREATE,
        base_version=None,
        payload=_write(creation_of(crm)),
        changes=tuple(changes),
        edited_at=None,
    )


_LISTS: Final = ("addresses", "contacts")


def commit_writes(bulk: Bulk, writes: Sequence[Write], *, integration_id: int, cycle_id: int, now: datetime) -> None:
    """Put writes into the outbox, in the transaction that takes their marks away."""
    moment = bulk.instant(now)
    rows: list[Row] = [
        (
            *(write.transaction_id, integration_id, cycle_id, write.link_id, write.account_id, write.action),
            *(write.base_version, write.payload, _dump(write.changes), OutboxState.PENDING.value, 0, moment),
            None if write.edited_at is None else bulk.instant(write.edited_at),
        )
        for write in writes
    ]
    bulk.insert(Outbox, COLUMNS, rows)


def is_open(outbox: Any) -> ColumnElement[bool]:
    """Writes without a result, with the states said in the statement itself: databases then use the index of just these."""
    found: ColumnElement[bool] = outbox.state.in_(_OPEN)
    return found


def is_awaited(account: Any) -> ColumnElement[bool]:
    """Accounts that wait to be created, said in the same way."""
    found: ColumnElement[bool] = account.erp_state == _AWAITED
    return found


def open_writes(bulk: Bulk, *, integration_id: int) -> list[Write]:
    """The writes without a result: a cycle that was stopped left them, or the ERP did not answer."""
    table = table_of(Outbox)
    query = select(table).where(table.c.integration_id == integration_id, is_open(table.c)).order_by(table.c.id)
    return [_stored(row._mapping) for row in bulk.connection.execute(query.limit(BATCH))]


def _stored(row: Mapping[Any, Any]) -> Write:
    names = ("transaction_id", "account_id", "link_id", "action", "base_version", "payload", "edited_at")
    return Write(**{name: row[name] for name in names}, changes=_load(row["changes"]))


def close_writes(bulk: Bulk, closed: Mapping[str, Mapping[str, Any]], *, now: datetime) -> None:
    """Record what became of writes: transaction id → state and, for those refused, code, field and message."""
    ids = {row["transaction_id"]: row["id"] for row in bulk.rows(Outbox, "transaction_id", closed)}
    moment = {"ended_at": bulk.instant(now)}
    bulk.update(Outbox, {ids[identity]: dict(values) | moment for identity, values in closed.items()})


def unanswered(bulk: Bulk, writes: Sequence[Write], *, now: datetime) -> None:
    """Writes that were sent without an answer: they may have happened, and are sent again under the same id."""
    table = table_of(Outbox)
    bulk.connection.execute(
        table.update()
        .where(table.c.transaction_id.in_([write.transaction_id for write in writes]))
        .values(
            state=OutboxState.SENT,
            sent_at=func.coalesce(table.c.sent_at, literal(now, table.c.sent_at.type)),
            attempts=table.c.attempts + 1,
        )
    )


def _dump(changes: Sequence[Change]) -> str:
    items = [[change.path, change.before, change.after, change.rule.value] for change in changes]
    return json.dumps(items, ensure_ascii=False, separators=(",", ":"))


def _load(text: str) -> tuple[Change, ...]:
    return tuple(
        Change(path=path, before=before, after=after, rule=Rule(rule)) for path, before, after, rule in json.loads(text)
    )
