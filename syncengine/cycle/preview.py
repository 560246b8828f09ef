"""Preview: the real cycle, each of its transactions rolled back, and what they would have written (NEW-02)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, func, select

from syncengine.core.guards import Totals
from syncengine.core.paths import without_row
from syncengine.core.plan import Line, LineKind, Place, line, totals_of
from syncengine.cycle.outgoing import is_open
from syncengine.model import Account, Company, JournalEntry, Outbox, Side, SyncError
from syncengine.model.conflict import Conflict
from syncengine.model.link import Link
from syncengine.storage.bulk import Bulk, table_of

CYCLE_ID: Final = 0
"""Stands for the cycle in what a preview writes and rolls back; no cycle has it."""


@dataclass(kw_only=True)
class Preview:
    """Gathers the lines of a plan, transaction by transaction."""

    integration_id: int
    lines: list[Line] = field(default_factory=list)
    _last_company: int = 0

    def begin(self, bulk: Bulk) -> None:
        """Remember where this transaction begins: what arrives in it comes after."""
        self._last_company = bulk.connection.scalar(select(func.max(table_of(Company).c.id))) or 0

    @property
    def totals(self) -> Totals:
        """How much each side would change."""
        return totals_of(self.lines)

    def gather(self, bulk: Bulk) -> None:
        """Take what this transaction wrote, before it is rolled back."""
        self.lines += _journal(bulk)
        self.lines += _arrivals(bulk, self._last_company)
        self.lines += _outbox(bulk, self.integration_id)
        self.lines += _refusals(bulk, self.integration_id)
        self.lines += _conflicts(bulk, self.integration_id)


def _journal(bulk: Bulk) -> Iterable[Line]:
    journal, account = table_of(JournalEntry), table_of(Account)
    query = (
        select(journal, account.c.code.label("code"), account.c.name.label("tiers"))
        .outerjoin(account, account.c.id == journal.c.account_id)
        .where(journal.c.cycle_id == CYCLE_ID)
        .order_by(journal.c.id)
    )
    for row in bulk.connection.execute(query).mappings():
        kind = LineKind.CHANGE if row["field"] else LineKind.CREATE if row["before"] is None else LineKind.REMOVE
        key, name = row["code"] or row["erp_key"] or "", row["tiers"] or ""
        place = Place(row["side"].value, row["entity"], key, name, row["field"] or "")
        yield line(kind, place, row["before"], row["after"], row["rule"])


def _arrivals(bulk: Bulk, after: int) -> Iterable[Line]:
    table = table_of(Company)
    arrived = (table.c.id > after, table.c.created_cycle_id == CYCLE_ID)
    query = select(table.c.code, table.c.name).where(*arrived).order_by(table.c.code)
    for row in bulk.connection.execute(query):
        yield line(LineKind.CREATE, Place(Side.CRM.value, "company", row.code or "", row.name or ""), None, row.name)


def _outbox(bulk: Bulk, integration_id: int) -> Iterable[Line]:
    outbox, account = table_of(Outbox), table_of(Account)
    query: Select[Any] = (
        select(outbox.c.action, outbox.c.changes, account.c.code, account.c.name)
        .join(account, account.c.id == outbox.c.account_id)
        .where(outbox.c.integration_id == integration_id, is_open(outbox.c), outbox.c.cycle_id == CYCLE_ID)
        .order_by(outbox.c.id)
    )
    for row in bulk.connection.execute(query):
        place = Place(Side.ERP.value, "account", row.code or "", row.name or "")
        if row.action == "create":
            yield line(LineKind.CREATE, place, None, row.name, "created")
            continue
        for path, before, after, rule in json.loads(row.changes):
            yield line(LineKind.CHANGE, Place(*place[:4], without_row(path)), before, after, rule)


def _refusals(bulk: Bulk, integration_id: int) -> Iterable[Line]:
    table = table_of(SyncError)
    here = (table.c.integration_id == integration_id, table.c.last_cycle_id == CYCLE_ID)
    query = select(table).where(*here).order_by(table.c.erp_key)
    for row in bulk.connection.execute(query).mappings():
        place = Place(row["side"].value, row["entity"], row["erp_key"], "", row["field"] or "")
        yield line(LineKind.REFUSE, place, None, row["message"], row["code"])


def _conflicts(bulk: Bulk, integration_id: int) -> Iterable[Line]:
    conflict, link, account = table_of(Conflict), table_of(Link), table_of(Account)
    query = (
        select(conflict, account.c.code, account.c.name)
        .join(link, link.c.id == conflict.c.link_id)
        .join(account, account.c.id == link.c.local_id)
        .where(conflict.c.integration_id == integration_id, conflict.c.cycle_id == CYCLE_ID)
        .order_by(conflict.c.id)
    )
    for row in bulk.connection.execute(query).mappings():
        place = Place(Side.CRM.value, "account", row["code"] or "", row["name"] or "", row["field"])
        yield line(LineKind.CONFLICT, place, row["crm_value"], row["erp_value"], row["rule"])
