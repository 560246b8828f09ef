"""The ERP's values into the CRM where somebody decided for them, by the thousand (NEW-03).

They are in the ERP already, so there is nothing to check: they are written as a cycle writes them, Account first, then Company.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncengine.core.merge import Change, Merge
from syncengine.core.replicate import Rules, status_of, to_company
from syncengine.core.snapshot import Values
from syncengine.cycle.act import Act
from syncengine.cycle.arrivals import Arrivals
from syncengine.cycle.children import Children
from syncengine.cycle.crm_rows import CrmRows
from syncengine.cycle.reconcile import replace_values
from syncengine.model import Account, Company
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from syncengine.storage.journal import Journal


class Takeover:
    """Gathers values for many tiers; ``flush`` writes them with their journal lines."""

    def __init__(self, bulk: Bulk, rules: Rules, act: Act) -> None:
        self._bulk, self._rule, self._now = bulk, act.rule, bulk.instant(act.at)
        self._journal = Journal(bulk, integration_id=rules.integration_id, cycle_id=act.cycle_id, now=act.at, by=act.by)
        self._children = Children(bulk, self._journal, Arrivals(bulk, rules, act.at))
        self._accounts: dict[int, Values] = {}
        self._companies: dict[int, Values] = {}

    def take(self, rows: CrmRows, values: Mapping[str, tuple[Any, Any]]) -> None:
        """The values of one tiers, path → (value of the CRM, value of the ERP); its children are there."""
        own = {path: (after, self._rule) for path, (_, after) in values.items() if "/" not in path}
        if "dormant" in own:
            dormant = own["dormant"][0] is True
            own |= {"dormant": (dormant, self._rule), "status": (status_of(dormant), self._rule)}
        changed = replace_values(self._journal, Entity.ACCOUNT, rows.account, own, rows.account)
        if changed:
            self._accounts[rows.account["id"]] = changed | {"updated_at": self._now}
            self._replicate(rows, changed)
            self._children.apply_numbers(rows, changed)
        moved = tuple(
            Change(path=path, before=before, after=after, rule=self._rule)
            for path, (before, after) in values.items()
            if "/" in path
        )
        self._children.apply(rows, Merge(crm=moved, erp=(), clashes=(), base={}, keys={}), {})

    def _replicate(self, rows: CrmRows, changed: Values) -> None:
        if rows.company is None:
            return
        wanted = {name: (value, Rule.REPLICATED) for name, value in to_company(changed).items()}
        replicated = replace_values(self._journal, Entity.COMPANY, rows.company, wanted, rows.account)
        if replicated:
            self._companies[rows.company["id"]] = replicated | {"updated_at": self._now}

    def flush(self) -> None:
        """Write what was gathered."""
        self._children.flush()
        self._bulk.update(Account, self._accounts)
        self._bulk.update(Company, self._companies)
        self._journal.flush()
        self._accounts.clear()
        self._companies.clear()
