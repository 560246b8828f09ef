"""The lines of a cycle sorted by the value they are about, whichever side and record they name (NEW-04). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from syncengine.core.paths import LISTS, is_new, join, new_key, row_id, split
from syncengine.core.snapshot import LEAVES, Snapshot, Values
from syncengine.core.undo_plan import Left, Present, Written, left
from syncengine.model.company import COMPANY_NAMES
from syncengine.model.journal import Rule, Side
from syncengine.model.link import Entity


class Where(NamedTuple):
    """A value: of an Account by path, of a Company by column. A child goes by '+' and its row wherever that is known."""

    account_id: int | None
    company_id: int | None
    path: str


Lines: TypeAlias = list[Written]
"""The lines of one value, first to last."""

_DERIVED: Final = frozenset({Rule.REPLICATED.value, Rule.REPRESENTATIVE.value})
_STANDING: Final = frozenset({"", "status", "erp_state", "link", "company_id", "is_main"})
"""Columns of an Account that tell how it stands: they follow from the others."""
_OWN: Final = frozenset(LEAVES)
_LIST_OF: Final = {entity: name for name, entity in LISTS.items()}
_ATTR_OF: Final = {COMPANY_NAMES["dormant"]: "dormant"}


class Sorted:
    """A cycle's lines by value; ``managers`` are those of account managers that followed, by Company (CRM-17)."""

    def __init__(self, lines: Iterable[Written], present: Present) -> None:
        self.values: dict[Where, Lines] = {}
        self.managers: dict[int, Lines] = {}
        self.put_back: list[str] = []
        self.left: dict[Left, None] = {}
        self._present = present
        found = sorted(lines, key=lambda line: line.id)
        self._rows = {
            (line.account_id, _LIST_OF[line.entity], line.erp_key): line.record_id
            for line in found
            if line.entity in _LIST_OF and line.erp_key
        }
        self.created = {line.record_id: line.erp_key for line in found if _creates(line)}
        self._came = {_came_row(line) for line in found if line.before is None and line.entity is not Entity.COMPANY}
        self._passed = self.created.keys() | {arrival.account_id for arrival in present.arrivals}
        self._arrived = {arrival.company_id for arrival in present.arrivals}
        for line in found:
            self._sort(line)

    def _sort(self, line: Written) -> None:
        if line.rule in _DERIVED or line.account_id in self._passed:
            return
        if line.entity is Entity.COMPANY:
            self._of_company(line)
        elif line.entity is Entity.ACCOUNT:
            self._of_account(line)
        else:
            self._of_child(line)

    def _of_company(self, line: Written) -> None:
        if line.record_id in self._arrived or line.rule == Rule.VANISHED.value:
            return
        if not line.field:
            if line.after is None and line.rule == Rule.UNDONE.value and line.erp_key:
                self.put_back.append(line.erp_key)
        elif line.rule == Rule.MANAGER.value:
            self.managers.setdefault(line.record_id, []).append(line)
        else:
            account_id = self._present.main.get(line.record_id)
            attr = _ATTR_OF.get(line.field, line.field)
            if account_id is None or attr not in _OWN:
                self._keep(Where(None, line.record_id, line.field), line)
            elif account_id not in self._passed:
                self._keep(Where(account_id, None, attr), line)

    def _of_account(self, line: Written) -> None:
        if line.rule == Rule.VANISHED.value:
            self.left[left(line.erp_key, None, "vanished")] = None
        elif line.field not in _STANDING:
            name, key, attr = split(line.field)
            path = join(name, self._row_of(line.record_id, name, key), attr) if name in LISTS else line.field
            self._keep(Where(line.record_id, None, path), line)

    def _of_child(self, line: Written) -> None:
        if line.account_id is None:
            return  # of a Company without tiers: no cycle writes it
        self._keep(Where(line.account_id, None, join(_LIST_OF[line.entity], new_key(line.record_id), line.field)), line)

    def _keep(self, where: Where, line: Written) -> None:
        self.values.setdefault(where, []).append(line)

    def _row_of(self, account_id: int, name: str, key: str) -> str:
        if is_new(key):
            return key
        row = self._rows.get((account_id, name, key))
        if row is None:
            child = self.child(account_id, name, key)
            row = None if child is None else child["id"]
        return key if row is None else new_key(row)

    def child(self, account_id: int, name: str, key: str) -> Values | None:
        """The child as it is; not another one that was given its number, or the number of its row, since."""
        child = child_of(self._present.tiers.get(account_id, {}), name, key)
        if child is None:
            return None
        given_again = not is_new(key) and (account_id, name, child["id"]) in self._came
        return None if given_again or (name, child["id"]) in self._present.reborn else child


def _came_row(line: Written) -> tuple[int | None, str, int | None]:
    """Of a child that came, its row."""
    if line.entity is Entity.ACCOUNT:
        name, key, attr = split(line.field)
        return line.account_id, "" if attr else name, row_id(key)
    return line.account_id, "" if line.field else _LIST_OF[line.entity], line.record_id


def _creates(line: Written) -> bool:
    return line.rule == Rule.CREATED.value and line.side is Side.ERP


def is_whole(where: Where) -> bool:
    """Whether it is a child as a whole."""
    name, _, attr = split(where.path)
    return where.account_id is not None and bool(name) and not attr


def whole_of(where: Where) -> Where | None:
    """The child a value belongs to; None for the tiers' own."""
    name, key, _ = split(where.path)
    return Where(where.account_id, None, join(name, key)) if name and where.account_id is not None else None


def child_of(values: Snapshot, name: str, key: str) -> Values | None:
    """A child by its number in the ERP, or by '+' and its row."""
    row = row_id(key)
    children: Iterable[Mapping[str, object]] = values.get(name, ())
    return next(
        (dict(one) for one in children if (one.get("id") == row if row is not None else one.get("key") == key)), None
    )
