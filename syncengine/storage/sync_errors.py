"""Records one side refused, set aside with the reason, so that the others go on and nothing is lost (CRM-49, G7, G8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final

import structlog
from lxml import etree
from sqlalchemy import select

from contracts.codec import reader, writer
from contracts.envelope import in_namespace
from contracts.errors import Problem
from contracts.fields import Record
from contracts.tables import TIERS
from syncengine.model import Side, SyncError, SyncErrorState
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING
from syncengine.storage.bulk import Bulk, table_of

COLUMNS: Final = (
    *("integration_id", "entity", "side", "erp_key", "local_id", "code", "field", "message", "remedy", "payload"),
    *("first_cycle_id", "last_cycle_id", "attempts", "state", "first_at", "last_at"),
)
_TOLD: Final = ("code", "field", "message", "remedy", "payload")
KEY_LENGTH: Final = 64
KEYLESS: Final = "?"
"""Before the mark of a record that has no key; no code of the ERP holds it."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One record that one side refused, the reason, and the record as received, or as sent.

    ``local_id`` is the Account's id, of a record that was sent.
    """

    entity: Entity
    problem: Problem
    payload: str
    side: Side = Side.CRM
    local_id: int | None = None

    @property
    def key(self) -> str:
        """The key under which the failure is kept; of a record without one, a mark of its content."""
        if self.problem.record:
            return self.problem.record[:KEY_LENGTH]
        return f"{KEYLESS}{blake2b(self.payload.encode(), digest_size=8).hexdigest()}"


def failure(entity: Entity, record: Record, problem: Problem) -> Failure:
    """The failure of a record that was read but cannot be taken."""
    return Failure(entity=entity, problem=problem, payload=writer(record.of)(record))


def settle(
    bulk: Bulk,
    entity: Entity,
    failures: Sequence[Failure],
    dealt_with: Iterable[str],
    *,
    integration_id: int,
    cycle_id: int,
    now: datetime,
    side: Side = Side.CRM,
) -> None:
    """Open an error for each failure, close those of the keys that side took after all."""
    for failed in failures:
        told = {"code": failed.problem.problem_code, "field": failed.problem.field, "reason": failed.problem.message}
        _log.warning("record_refused", entity=entity.value, record=failed.key, **told, remedy=failed.problem.remedy)
    record_failures(bulk, failures, integration_id=integration_id, cycle_id=cycle_id, now=now)
    failing = {failed.key for failed in failures}
    solved = [key for key in dealt_with if key not in failing]
    resolve(bulk, entity, solved, integration_id=integration_id, side=side)


def record_failures(
    bulk: Bulk, failures: Iterable[Failure], *, integration_id: int, cycle_id: int, now: datetime
) -> None:
    """Open an error for each failure, or count one more attempt of the one that is there."""
    latest = {(failure.entity, failure.side, failure.key): failure for failure in failures}
    known = {
        (row["entity"], row["side"], row["erp_key"]): row
        for row in bulk.rows(SyncError, "erp_key", [key for *_, key in latest], integration_id=integration_id)
    }
    moment = bulk.instant(now)
    updates = {}
    rows = []
    for (entity, side, key), failed in latest.items():
        problem = failed.problem
        told = (problem.problem_code, problem.field, problem.message, problem.remedy, failed.payload)
        row = known.get((entity.value, side, key))
        if row is None:
            first = (cycle_id, cycle_id, 1, SyncErrorState.OPEN.value, moment, moment)
            rows.append((integration_id, entity.value, side.value, key, failed.local_id, *told, *first))
        else:
            updates[row["id"]] = dict(zip(_TOLD, told, strict=True)) | {
                "local_id": failed.local_id,
                "last_cycle_id": cycle_id,
                "attempts": row["attempts"] + 1,
                "state": _again(row["state"]),
                "last_at": moment,
            }
    bulk.insert(SyncError, COLUMNS, rows)
    bulk.update(SyncError, updates)


def _again(state: SyncErrorState) -> str:
    """A record that was taken out by hand stays out (CRM-50)."""
    return (SyncErrorState.TAKEN_OUT if state is SyncErrorState.TAKEN_OUT else SyncErrorState.OPEN).value


def resolve(bulk: Bulk, entity: Entity, keys: Sequence[str], *, integration_id: int, side: Side = Side.CRM) -> None:
    """Close the open errors of records that side took after all."""
    open_keys = set(open_errors(bulk, entity, integration_id=integration_id, side=side))
    solved = [key for key in keys if key in open_keys]
    resolved = {"state": SyncErrorState.RESOLVED.value, "corrections": None}
    same = {"integration_id": integration_id, "entity": entity.value, "side": side.value}
    rows = bulk.rows(SyncError, "erp_key", solved, **same)
    bulk.update(SyncError, {row["id"]: dict(resolved) for row in rows})


def resolve_sent(bulk: Bulk, account_ids: Iterable[int], *, but: Iterable[str] = (), integration_id: int) -> None:
    """Close the errors of tiers that the ERP took after all, under whatever code it refused them; ``but`` keys stand."""
    kept = set(but)
    same = {"integration_id": integration_id, "entity": Entity.ACCOUNT.value, "side": Side.ERP.value}
    rows = bulk.rows(SyncError, "local_id", sorted(set(account_ids)), **same)
    standing = [row["id"] for row in rows if row["state"] in STANDING and row["erp_key"] not in kept]
    bulk.update(SyncError, {number: {"state": SyncErrorState.RESOLVED.value} for number in standing})


def open_errors(bulk: Bulk, entity: Entity, *, integration_id: int, side: Side = Side.CRM) -> list[str]:
    """The keys of the records in error that side refused."""
    table = table_of(SyncError)
    query = select(table.c.erp_key).where(
        table.c.integration_id == integration_id,
        table.c.entity == entity.value,
        table.c.side == side.value,
        table.c.state.in_(STANDING),
    )
    return list(bulk.connection.scalars(query.order_by(table.c.erp_key)))


def left_open(bulk: Bulk, *, integration_id: int, since: datetime | None) -> set[str]:
    """The tiers that the CRM refused before that instant, those that can be asked for again."""
    if since is None:
        return set()
    table = table_of(SyncError)
    query = select(table.c.erp_key).where(
        table.c.integration_id == integration_id,
        table.c.entity == Entity.ACCOUNT.value,
        table.c.side == Side.CRM.value,
        table.c.state.in_(STANDING),
        table.c.last_at < since,
        table.c.erp_key.not_like(f"{KEYLESS}%"),
    )
    return set(bulk.connection.scalars(query))


def asked_again(bulk: Bulk, *, integration_id: int) -> dict[Entity, list[str]]:
    """The records somebody wants asked for in the next cycle, whatever the cursor has passed (CRM-49, CRM-50)."""
    table = table_of(SyncError)
    query = select(table.c.entity, table.c.erp_key).where(
        table.c.integration_id == integration_id,
        table.c.side == Side.CRM.value,
        table.c.state == SyncErrorState.RETRY,
        table.c.erp_key.not_like(f"{KEYLESS}%"),
    )
    keys: dict[Entity, list[str]] = {}
    for row in bulk.connection.execute(query.order_by(table.c.entity, table.c.erp_key)):
        keys.setdefault(Entity(row.entity), []).append(row.erp_key)
    return keys


def taken_out(bulk: Bulk, entity: Entity, keys: Iterable[str], *, integration_id: int) -> set[str]:
    """Those of the records that were taken out of the flow before they ever arrived (CRM-50)."""
    same = {"integration_id": integration_id, "entity": entity.value, "side": Side.CRM.value}
    rows = bulk.rows(SyncError, "erp_key", keys, **same, state=SyncErrorState.TAKEN_OUT)
    return {row["erp_key"] for row in rows}


def tiers_in_error(bulk: Bulk, codes: Iterable[str], *, integration_id: int) -> list[Record]:
    """The tiers of the open errors with one of these reasons, as they were received."""
    table = table_of(SyncError)
    query = select(table.c.payload).where(
        table.c.integration_id == integration_id,
        table.c.entity == Entity.ACCOUNT.value,
        table.c.side == Side.CRM.value,
        table.c.state.in_(STANDING),
        table.c.code.in_(list(codes)),
        table.c.payload.is_not(None),
    )
    read = reader(TIERS, checked=False)
    payloads = bulk.connection.scalars(query.order_by(table.c.erp_key)).all()
    return [read(etree.fromstring(in_namespace(payload))) for payload in payloads]
