"""Conflicts as a cycle writes them: parked fields, those a policy decided, and those that came to agree (NEW-01, NEW-03)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from syncengine.core.journal_text import as_text, value_of
from syncengine.core.merge import Change, Clash
from syncengine.core.paths import split
from syncengine.core.snapshot import Snapshot
from syncengine.model import Conflict, ConflictState
from syncengine.model.journal import Rule
from syncengine.storage.bulk import Bulk, Row

Known: TypeAlias = Mapping[str, dict[str, Any]]
"""The conflicts of one link by path."""
COLUMNS: Final = (
    *("integration_id", "link_id", "cycle_id", "field", "crm_value", "base_value", "erp_value"),
    *("rule", "state", "opened_at", "closed_at", "closed_by"),
)
_DECIDED: Final = frozenset({Rule.CRM_WINS.value, Rule.MOST_RECENT.value, Rule.RESOLVED.value})


class ConflictLog:
    """The conflicts of some links; ``flush`` writes what changed."""

    def __init__(
        self, bulk: Bulk, link_ids: Iterable[int], *, integration_id: int, cycle_id: int, now: datetime
    ) -> None:
        self._bulk = bulk
        self._head, self._now = (integration_id, cycle_id), bulk.instant(now)
        self._known: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
        for row in bulk.rows(Conflict, "link_id", link_ids):
            self._known[row["link_id"]][row["field"]] = row
        self._rows: list[Row] = []
        self._withdrawn: dict[int, dict[str, Any]] = {}

    def erp_values(self, link_id: int, base: Snapshot) -> Snapshot:
        """The tiers as the ERP was last seen: the base, and the ERP's values of the parked fields."""
        parked = {path: row for path, row in self._known[link_id].items() if row["state"] == ConflictState.OPEN}
        return with_values(base, {path: value_of(path, row["erp_value"]) for path, row in parked.items()})

    def reason(self, link_id: int, change: Change) -> Rule:
        """Why a change goes to the ERP: what decided the conflict it comes from, if it comes from one."""
        row = self._known[link_id].get(change.path)
        if row is None or row["state"] != ConflictState.RESOLVED or row["rule"] not in _DECIDED:
            return change.rule
        same = (row["crm_value"], row["erp_value"]) == (as_text(change.after), as_text(change.before))
        resolved = row["rule"] == Rule.RESOLVED.value and row["erp_value"] == as_text(change.before)
        return Rule(row["rule"]) if same or resolved else change.rule

    def settle(self, link_id: int, clashes: Sequence[Clash]) -> tuple[int, int]:
        """Park what must be asked, record what was decided, withdraw what agrees now; how many parked anew, and decided."""
        known, parked, decided = self._known[link_id], 0, 0
        for clash in clashes:
            state = ConflictState.OPEN if clash.rule is Rule.ASKED else ConflictState.RESOLVED
            values = (as_text(clash.crm), as_text(clash.base), as_text(clash.erp))
            row = known.get(clash.path)
            if row is not None and (row["state"], *_values(row)) == (state, *values) and state is ConflictState.OPEN:
                continue
            opened = row["opened_at"] if row is not None and row["state"] == ConflictState.OPEN else None
            parked += state is ConflictState.OPEN and opened is None
            decided += state is ConflictState.RESOLVED
            moment = self._now if opened is None else self._bulk.instant(opened)
            closed = None if state is ConflictState.OPEN else self._now
            integration_id, cycle_id = self._head
            head = (integration_id, link_id, cycle_id, clash.path, *values)
            self._rows.append((*head, clash.rule.value, state.value, moment, closed, None))
        self._withdraw(known, {clash.path for clash in clashes})
        return parked, decided

    def _withdraw(self, known: Known, standing: set[str]) -> None:
        for path, row in known.items():
            if row["state"] == ConflictState.OPEN and path not in standing:
                self._withdrawn[row["id"]] = {"state": ConflictState.WITHDRAWN.value, "closed_at": self._now}

    def flush(self) -> None:
        """Write what changed."""
        self._bulk.upsert(Conflict, COLUMNS, ("link_id", "field"), self._rows)
        self._bulk.update(Conflict, self._withdrawn)
        self._rows.clear()
        self._withdrawn.clear()


def with_values(base: Snapshot, values: Mapping[str, Any]) -> Snapshot:
    """A snapshot with other values at some paths; a path whose child it does not have is left out."""
    if not values:
        return base
    changed: Snapshot = dict(base)
    for path, value in values.items():
        name, key, attr = split(path)
        if not key:
            changed[path] = value
        elif name in changed:
            changed[name] = [
                {**child, attr: value} if child.get("key") == key and attr else child for child in changed[name]
            ]
    return changed


def value_at(values: Snapshot, path: str) -> tuple[bool, Any]:
    """Whether a snapshot has what the path points into, and the value there."""
    name, key, attr = split(path)
    if not name:
        return True, values.get(attr)
    child = next((child for child in values.get(name, ()) if child.get("key") == key), None)
    return child is not None, None if child is None else child.get(attr)


def _values(row: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return row["crm_value"], row["base_value"], row["erp_value"]
