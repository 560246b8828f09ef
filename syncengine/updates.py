"""Tiers that are linked already: the ERP's changes since the base, taken field by field, and tiers that vanished.

CRM-29, CRM-32, NEW-01: a field that the ERP did not touch keeps the value it has in the CRM.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.fields import Record
from syncengine.arrivals import Arrivals
from syncengine.bulk import Bulk
from syncengine.children import Children
from syncengine.journal import Journal, Rule
from syncengine.model import Account, Company, ErpState, Link, LinkState, RecordStatus
from syncengine.model.link import Entity
from syncengine.replicate import Rules, status_of, to_company
from syncengine.snapshot import Difference, Snapshot, Values, compact, difference, dump, load, snapshot


@dataclass(frozen=True, kw_only=True)
class _Change:
    """A linked tiers that the ERP changed."""

    link: dict[str, Any]
    record: Record
    now: Snapshot
    difference: Difference


class Updates:
    """Applies what a page says of linked tiers, in the page's transaction."""

    def __init__(self, bulk: Bulk, rules: Rules, journal: Journal, now: datetime) -> None:
        self._bulk, self._rules, self._journal = bulk, rules, journal
        self._moment = now
        self._now = bulk.instant(now)

    def apply(self, pairs: Sequence[tuple[dict[str, Any], Record]]) -> int:
        """Take the changes of (link row, record) pairs; returns how many tiers differed from their base."""
        changes = [change for link, record in pairs if (change := _change(link, record)) is not None]
        if changes:
            self._apply(changes)
        return len(changes)

    def _apply(self, changes: Sequence[_Change]) -> None:
        ids = [change.link["local_id"] for change in changes]
        accounts = {row["id"]: row for row in self._bulk.rows(Account, "id", ids)}
        companies = {
            row["id"]: row
            for row in self._bulk.rows(Company, "id", [a["company_id"] for a in accounts.values() if a["is_main"]])
        }
        children = Children(self._bulk, self._journal, Arrivals(self._bulk, self._rules, self._moment), ids)
        account_changes: dict[int, Values] = {}
        company_changes: dict[int, Values] = {}
        for change in changes:
            account = accounts[change.link["local_id"]]
            owner = (account["company_id"], account["id"])
            changed = self._account(change, account)
            account_changes[account["id"]] = self._stored(changed)
            company = companies.get(account["company_id"])
            if company is not None and (replicated := self._company(changed, company)):
                company_changes[company["id"]] = self._stored(replicated)
            children.apply_numbers(owner, account["code"], change.difference.fields)
            children.apply_addresses(owner, change.difference.children["addresses"])
            children.apply_contacts(owner, change.difference.children["contacts"])
        children.flush()
        self._bulk.update(Account, account_changes)
        self._bulk.update(Company, company_changes)
        self._agree(changes)

    def _account(self, change: _Change, account: dict[str, Any]) -> Values:
        wanted: Values = dict(change.difference.fields)
        if "dormant" in wanted:
            wanted["dormant"] = bool(wanted["dormant"])
        if account["erp_state"] != ErpState.PRESENT:
            wanted |= {"erp_state": ErpState.PRESENT.value, "dormant": bool(change.now.get("dormant"))}
        if "dormant" in wanted:
            wanted["status"] = status_of(wanted["dormant"])
        if change.difference.free_fields is not None:
            wanted["free_values"] = change.difference.free_fields
        return self._replace(Entity.ACCOUNT, account, wanted, account["code"], Rule.ERP_CHANGED)

    def _company(self, changed: Values, company: dict[str, Any]) -> Values:
        replicated = to_company(changed)
        if "type" in changed:
            replicated["company_type"] = self._rules.following_type(changed["type"], company["company_type"])
        written = self._replace(Entity.COMPANY, company, replicated, company["code"], Rule.REPLICATED)
        if "representative" in changed:
            manager = self._rules.manager(changed["representative"], company["manager_id"])
            follow = {"manager_id": manager}
            written |= self._replace(Entity.COMPANY, company, follow, company["code"], Rule.MANAGER)
        return written

    def _replace(self, entity: Entity, row: dict[str, Any], wanted: Values, key: str, rule: Rule) -> Values:
        """The columns whose value really changes, each with its journal line; of the free fields, a line each."""
        changed = {column: value for column, value in wanted.items() if (row[column] or None) != (value or None)}
        for column, value in changed.items():
            if column != "free_values":
                self._journal.value(entity, row["id"], key, column, row[column], value, rule)
        if "free_values" in changed:
            before, after = row["free_values"] or {}, changed["free_values"] or {}
            for name in sorted(before.keys() | after.keys()):
                if before.get(name) != after.get(name):
                    self._journal.value(entity, row["id"], key, name, before.get(name), after.get(name), rule)
        return changed

    def _stored(self, changed: Values) -> Values:
        """Changed columns as the driver takes them, with the moment of the change."""
        stored = changed | {"updated_at": self._now}
        if "free_values" in changed:
            stored["free_values"] = compact(changed["free_values"]) if changed["free_values"] else None
        return stored

    def _agree(self, changes: Sequence[_Change]) -> None:
        self._bulk.update(
            Link,
            {
                change.link["id"]: {
                    "erp_version": change.record.text("version"),
                    "base": dump(change.now),
                    "state": LinkState.LINKED.value,
                }
                for change in changes
            },
        )

    def vanish(self, links: Iterable[tuple[dict[str, Any], ErpState]]) -> int:
        """Tiers that are gone or no longer take part: inactive here, and kept (CRM-12, CRM-32); how many were not yet."""
        states = {link["local_id"]: (link, state) for link, state in links}
        accounts = [row for row in self._bulk.rows(Account, "id", states) if row["erp_state"] != states[row["id"]][1]]
        companies = {row["id"]: row for row in self._bulk.rows(Company, "id", [a["company_id"] for a in accounts])}
        account_changes: dict[int, Values] = {}
        company_changes: dict[int, Values] = {}
        inactive = {"status": RecordStatus.INACTIVE.value}
        for account in accounts:
            key = account["code"]
            wanted = inactive | {"erp_state": states[account["id"]][1].value}
            account_changes[account["id"]] = self._replace(Entity.ACCOUNT, account, wanted, key, Rule.VANISHED)
            company = companies.get(account["company_id"]) if account["is_main"] else None
            if company is not None and (
                changed := self._replace(Entity.COMPANY, company, dict(inactive), key, Rule.VANISHED)
            ):
                company_changes[company["id"]] = self._stored(changed)
        self._bulk.update(Account, {key: self._stored(change) for key, change in account_changes.items()})
        self._bulk.update(Company, company_changes)
        vanished = {"state": LinkState.VANISHED.value}
        self._bulk.update(Link, {states[account["id"]][0]["id"]: dict(vanished) for account in accounts})
        return len(accounts)


def _change(link: dict[str, Any], record: Record) -> _Change | None:
    """What the ERP changed; None when the record is as last agreed."""
    back = link["state"] == LinkState.VANISHED
    if link["erp_version"] == record.text("version") and not back:
        return None
    base = load(link["base"])
    now = snapshot(record, base)
    return _Change(link=link, record=record, now=now, difference=difference(base, now))
