"""Reconcile: some linked tiers as the ERP has them, merged with the CRM field by field, and written here.

The one place where both sides meet (NEW-01): for what a page brings, for the CRM's own changes, for what the ERP read back after a
write, and for a record that had moved on. What must go to the ERP is not sent from here: the link is marked, and gathered later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from contracts.errors import Problem
from contracts.fields import Record
from syncengine.core.merge import Change, Merge, merge
from syncengine.core.policies import Ages
from syncengine.core.replicate import Rules, status_of, to_company
from syncengine.core.snapshot import Snapshot, Values, compact, dump, load, snapshot
from syncengine.cycle.arrivals import Arrivals
from syncengine.cycle.children import Children
from syncengine.cycle.conflict_log import ConflictLog
from syncengine.cycle.crm_rows import CrmRows, Local, load_rows
from syncengine.cycle.preference import prefer, without_departed
from syncengine.model import Account, Company, ErpState, Link, LinkState, Side
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from syncengine.storage.journal import Ids, Journal


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A linked tiers to reconcile: its link's row, and the record received; None: the ERP is as last seen.

    ``base`` is what both sides agree on when that is not what the link says: after a write. ``edited_at`` is the instant of the
    CRM's last edit when the link's mark is gone already.
    """

    link: Local
    record: Record | None = None
    base: Snapshot | None = None
    edited_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one tiers: the rows and the ERP's snapshot it was merged from, and the merge."""

    link: Local
    version: str | None
    rows: CrmRows
    erp: Snapshot
    merged: Merge
    to_erp: tuple[Change, ...]
    written: bool
    parked: int = 0
    decided: int = 0

    @property
    def code(self) -> str:
        """The ERP's key of the tiers."""
        return str(self.link["erp_key"])


@dataclass(kw_only=True)
class _Changes:
    accounts: dict[int, Values] = field(default_factory=dict)
    companies: dict[int, Values] = field(default_factory=dict)
    links: dict[int, Values] = field(default_factory=dict)


class Reconciler:
    """Reconciles tiers in the caller's transaction. ``skew`` is how far the ERP's clock is ahead of ours, None when not known."""

    def __init__(
        self,
        bulk: Bulk,
        rules: Rules,
        now: datetime,
        *,
        skew: timedelta | None = None,
        preferred: Side | None = None,
    ) -> None:
        self._bulk, self._rules, self._moment, self._now = bulk, rules, now, bulk.instant(now)
        self._skew, self._preferred = skew, preferred

    def refusal(self, record: Record) -> Problem | None:
        """Why the CRM cannot take this tiers, if it cannot (CRM-49)."""
        try:
            self._rules.check(record)
        except Problem as problem:
            return problem
        return None

    def reconcile(self, seen: Sequence[Seen]) -> list[Outcome]:
        """Merge these tiers into the CRM, with journal and conflicts; the links of those with something for the ERP are marked."""
        if not seen:
            return []
        rules, bulk = self._rules, self._bulk
        ids = Ids(integration_id=rules.integration_id, cycle_id=rules.cycle_id)
        journal = Journal(bulk, **ids, now=self._moment)
        # The Accounts are locked first: what is read of them from here on is what nobody changes meanwhile.
        rows, changes = load_rows(bulk, [one.link["local_id"] for one in seen]), _Changes()
        seen = self._as_they_are(seen)
        conflicts = ConflictLog(bulk, [one.link["id"] for one in seen], **ids, now=self._moment)
        children = Children(bulk, journal, Arrivals(bulk, rules, self._moment))
        outcomes = [self._one(one, rows[one.link["local_id"]], conflicts, children, journal, changes) for one in seen]
        children.flush()
        bulk.update(Account, changes.accounts)
        bulk.update(Company, changes.companies)
        bulk.update(Link, changes.links)
        conflicts.flush()
        journal.flush()
        return outcomes

    def _as_they_are(self, seen: Sequence[Seen]) -> list[Seen]:
        """The links read again; one taken out meanwhile stays as it is, but for what the ERP has answered (CRM-50)."""
        links = {row["id"]: row for row in self._bulk.rows(Link, "id", [one.link["id"] for one in seen])}
        found = (replace(one, link=links[one.link["id"]]) for one in seen if one.link["id"] in links)
        return [one for one in found if one.base is not None or one.link["state"] != LinkState.TAKEN_OUT]

    def _one(
        self,
        one: Seen,
        rows: CrmRows,
        conflicts: ConflictLog,
        children: Children,
        journal: Journal,
        changes: _Changes,
    ) -> Outcome:
        link = one.link
        base = load(link["base"]) if one.base is None else one.base
        known = conflicts.erp_values(link["id"], base)
        erp = known if one.record is None else snapshot(self._rules.with_defaults(one.record), known)
        merged = self._merge(one, base, rows.snapshot(), erp)
        parked, decided = conflicts.settle(link["id"], merged.clashes)
        account = self._account(one, rows, merged, journal)
        if account:
            changes.accounts[rows.account["id"]] = self._stored(account)
            company = self._company(rows, account, journal)
            if company and rows.company is not None:
                changes.companies[rows.company["id"]] = self._stored(company)
        children.apply_numbers(rows, account)
        moved = children.apply(rows, merged, erp)
        linked = self._link(one, merged)
        if linked:
            changes.links[link["id"]] = linked
        to_erp = tuple(
            Change(path=c.path, before=c.before, after=c.after, rule=conflicts.reason(link["id"], c))
            for c in merged.erp
        )
        return Outcome(
            link=link,
            version=link["erp_version"] if one.record is None else one.record.text("version"),
            rows=rows,
            erp=erp,
            merged=merged,
            to_erp=to_erp,
            written=bool(account) or moved,
            parked=parked,
            decided=decided,
        )

    def _merge(self, one: Seen, base: Snapshot, crm: Snapshot, erp: Snapshot) -> Merge:
        rules = self._rules
        # What the ERP made of a write is taken as it is, whatever side is right.
        preferred = self._preferred if one.base is None else None
        if preferred is Side.CRM:
            base = without_departed(base, erp)
        merged = merge(base, crm, erp, policies=rules.policies, ages=self._ages(one), untold=rules.untold)
        return merged if preferred is None else prefer(merged, preferred)

    def _ages(self, one: Seen) -> Ages:
        """How long ago each side changed the tiers, each by its own clock: clocks that differ decide nothing (NEW-01)."""
        edited = max(filter(None, (one.edited_at, one.link["changed_at"])), default=None)
        # What the ERP read back was modified by our own write: that is nobody's edit there, and decides nothing that is parked.
        modified = one.record.instant("modified") if one.record is not None and one.base is None else None
        return Ages(
            crm=None if edited is None else self._moment - edited,
            erp=None if modified is None or self._skew is None else self._moment + self._skew - modified,
            tolerance=self._rules.clock_tolerance,
        )

    def _account(self, one: Seen, rows: CrmRows, merged: Merge, journal: Journal) -> Values:
        account = rows.account
        wanted: dict[str, tuple[Any, Rule]] = {
            change.path: (change.after, change.rule) for change in merged.crm if "/" not in change.path
        }
        if "dormant" in wanted:
            wanted["dormant"] = (wanted["dormant"][0] is True, wanted["dormant"][1])
        if account["erp_state"] == ErpState.AWAITED or (
            one.record is not None and account["erp_state"] != ErpState.PRESENT and not self._still_away(one.record)
        ):
            wanted["erp_state"] = (ErpState.PRESENT.value, Rule.ERP_CHANGED)
        if wanted.keys() & {"dormant", "erp_state"}:
            dormant, rule = wanted.get("dormant", (account["dormant"], Rule.ERP_CHANGED))
            wanted["status"] = (status_of(dormant), rule)
        return replace_values(journal, Entity.ACCOUNT, account, wanted, account)

    def _still_away(self, record: Record) -> bool:
        """A dormant tiers that the options keep out does not come back with the answer to a write (CRM-12)."""
        return record.flag("dormant") and not self._rules.dormant_told

    def _company(self, rows: CrmRows, account: Values, journal: Journal) -> Values:
        """Replication to the Company (CRM-29), with what follows from it."""
        company = rows.company
        if company is None:
            return {}
        wanted = {name: (value, Rule.REPLICATED) for name, value in to_company(account).items()}
        if "type" in account:
            following = self._rules.following_type(account["type"], company["company_type"])
            wanted["company_type"] = (following, Rule.REPLICATED)
        if "representative" in account:
            manager = self._rules.manager(account["representative"], company["manager_id"])
            wanted["manager_id"] = (manager, Rule.MANAGER)
        return replace_values(journal, Entity.COMPANY, company, wanted, rows.account)

    def _link(self, one: Seen, merged: Merge) -> Values:
        """What the link's row becomes: version, base, state and mark; empty when it says all that already."""
        link, record = one.link, one.record
        wanted: Values = {"base": dump(merged.base)}
        if record is not None:
            wanted["erp_version"] = record.text("version")
            if link["state"] == LinkState.VANISHED and not self._still_away(record):
                wanted["state"] = LinkState.LINKED.value
        changed = {name: value for name, value in wanted.items() if link[name] != value}
        if bool(merged.erp) != (link["changed_at"] is not None):
            changed["changed_at"] = self._now if merged.erp else None
        return changed

    def _stored(self, changed: Values) -> Values:
        """Changed columns as the driver takes them, with the moment of the change."""
        stored = changed | {"updated_at": self._now}
        if "free_values" in changed:
            stored["free_values"] = compact(changed["free_values"]) if changed["free_values"] else None
        return stored


def replace_values(
    journal: Journal, entity: Entity, row: Local, wanted: Mapping[str, tuple[Any, Rule]], account: Local
) -> Values:
    """The columns whose value really changes, each with its journal line; of the free fields, a line each."""
    changed: Values = {}
    tiers, key = account["id"], account["code"]
    for path, (value, rule) in wanted.items():
        column = "free_values" if path == "free_fields" else path
        if (row[column] or None) == (value or None):
            continue
        changed[column] = value
        if column != "free_values":
            journal.value(entity, row["id"], key, column, row[column], value, rule, account_id=tiers)
            continue
        before, after = row["free_values"] or {}, value or {}
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                journal.value(entity, row["id"], key, name, before.get(name), after.get(name), rule, account_id=tiers)
    return changed
