"""Taking a cycle back: every value it wrote, on either side, goes back to what it was (NEW-04). Pure.

Of a value written several times the first value before and the last one after count. Both sides follow: the CRM is edited, and
what then differs from the ERP is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from contracts.tables import BILLING_KEY
from syncengine.core.journal_text import value_of
from syncengine.core.labels import label_of
from syncengine.core.matching import CONTENT
from syncengine.core.merge import same
from syncengine.core.paths import LISTS, field_of, is_new, join, new_key, split
from syncengine.core.policies import is_from_erp
from syncengine.core.snapshot import LEAVES, Values
from syncengine.core.undo_lines import Lines, Sorted, Where, is_whole, whole_of
from syncengine.core.undo_plan import Left, Present, UndoEdit, UndoPlan, Written, left
from syncengine.model.journal import Rule
from syncengine.model.link import Entity


def undo_plan(lines: Iterable[Written], present: Present) -> UndoPlan:
    """The plan for a cycle's lines."""
    return _Planning(Sorted(lines, present), present).plan()


class _Planning:
    """Compares what each value was, what the cycle made of it, and what it is now."""

    def __init__(self, found: Sorted, present: Present) -> None:
        self._found, self._present = found, present
        self._edits: list[UndoEdit] = []
        self._changed: list[UndoEdit] = []
        self._left: dict[Left, None] = dict(found.left)

    def plan(self) -> UndoPlan:
        """The plan."""
        for where, lines in self._found.values.items():
            self._decide(where, lines)
        self._follow_representatives()
        for arrival in self._present.arrivals:
            if arrival.held_by is not None:
                self._leave(left(arrival.code, None, "in_use", why=arrival.held_by))
        for account_id, code in self._found.created.items():
            self._leave(left(code or self._present.codes.get(account_id), None, "created_in_erp"))
        return UndoPlan(
            edits=tuple(sorted(self._edits, key=_order)),
            changed_since=tuple(sorted(self._changed, key=_order)),
            removed=tuple(arrival for arrival in self._present.arrivals if arrival.held_by is None),
            put_back=tuple(self._found.put_back),
            left=tuple(self._left),
        )

    def _decide(self, where: Where, lines: Lines) -> None:
        known = self._present.companies if where.account_id is None else self._present.tiers
        number = where.company_id if where.account_id is None else where.account_id
        if number not in known:
            self._leave(left(lines[-1].erp_key, where.path, "record_gone"))
        elif where.company_id is not None:
            self._column(where.company_id, where.path, lines)
        elif is_whole(where):
            self._child(where, lines)
        elif whole_of(where) not in self._found.values:
            self._value(where, lines)

    def _leave(self, what: Left) -> None:
        self._left[what] = None

    def _value(self, where: Where, lines: Lines) -> None:
        account_id = where.account_id or 0
        tiers, code = self._present.tiers[account_id], self._present.codes.get(account_id)
        name, key, attr = split(where.path)
        owner = self._found.child(account_id, name, key) if name else tiers
        if owner is not None and name:
            key = _name_of(owner)
        path = join(name, key, attr) if name else attr
        if path == _BILLING_TITLE:
            return  # it follows the name
        if (not name and attr not in _OWN) or is_from_erp(LISTS.get(name, Entity.ACCOUNT), key, attr):
            self._leave(left(code, path, "from_erp"))
        elif owner is None:
            self._leave(left(code, path, "record_gone"))
        else:
            field = field_of(path)
            before, after, now = value_of(path, lines[0].before), value_of(path, lines[-1].after), owner.get(attr)
            edit = _edit(path, before, after, now, account_id=account_id, code=code)
            self._sort(edit, undone=same(field, before, now), kept=same(field, after, now))

    def _child(self, where: Where, lines: Lines) -> None:
        account_id = where.account_id or 0
        tiers, code = self._present.tiers[account_id], self._present.codes.get(account_id)
        name, key, _ = split(where.path)
        number = next((_number(line) for line in lines if _number(line)), "")
        before, after = self._was(where, lines[0]), self._became(where, lines[-1])
        now = self._found.child(account_id, name, key)
        if now is None and before is not None:
            # Put back already, under another number.
            now = next((dict(child) for child in tiers.get(name, ()) if _alike(name, before, child)), None)
        path = join(name, number or key if now is None else _name_of(now))
        if any(line.rule == Rule.EDIT_BEATS_DELETE.value for line in lines):
            self._leave(left(code, path, "edit_beats_delete"))
            return
        edit = _edit(path, before, after, now, account_id=account_id, code=code)
        self._sort(edit, undone=_alike(name, before, now), kept=_alike(name, after, now))

    def _was(self, where: Where, first: Written) -> Values | None:
        """A child before the cycle: as it went, with the values that were changed before that taken back."""
        if first.before is None:
            return None
        values: Values = json.loads(first.before)
        return values | {attr: lines[0].before for attr, lines in self._parts(where) if lines[0].id < first.id}

    def _became(self, where: Where, last: Written) -> Values | None:
        if last.after is None:
            return None
        values: Values = json.loads(last.after)
        return values | {attr: lines[-1].after for attr, lines in self._parts(where) if lines[-1].id > last.id}

    def _parts(self, where: Where) -> Iterator[tuple[str, Lines]]:
        name, key, _ = split(where.path)
        for field in CONTENT[name]:
            lines = self._found.values.get(Where(where.account_id, None, join(name, key, field.attr)))
            if lines is not None:
                yield field.attr, lines

    def _column(self, company_id: int, column: str, lines: Lines) -> None:
        company = self._present.companies[company_id]
        before, after = (_number_or_text(column, text) for text in (lines[0].before, lines[-1].after))
        now = company.get(column)
        edit = _edit(column, before, after, now, company_id=company_id, code=company.get("code"))
        self._sort(edit, undone=(before or None) == (now or None), kept=(after or None) == (now or None))

    def _sort(self, edit: UndoEdit, *, undone: bool, kept: bool) -> None:
        if not undone:
            (self._edits if kept else self._changed).append(edit)

    def _follow_representatives(self) -> None:
        """A manager that followed a representative goes back with it (CRM-17), and never by itself."""
        going_back = {edit.account_id for edit in self._edits if edit.path == "representative"}
        for company_id, lines in self._found.managers.items():
            if company_id in self._present.companies and self._present.main.get(company_id) in going_back:
                self._column(company_id, "manager_id", lines)


_OWN: Final = frozenset(LEAVES)
_BILLING_TITLE: Final = join("addresses", BILLING_KEY, "title")
_NUMBERS: Final = frozenset({"manager_id", "territory_id"})


def _edit(
    path: str,
    value: Any,
    written: Any,
    present: Any,
    *,
    account_id: int | None = None,
    company_id: int | None = None,
    code: str | None,
) -> UndoEdit:
    return UndoEdit(
        account_id=account_id,
        company_id=company_id,
        code=code,
        path=path,
        label=label_of(path),
        value=value,
        written=written,
        present=present,
    )


def _name_of(child: Values) -> str:
    return str(child.get("key") or new_key(child["id"]))


def _number(line: Written) -> str:
    """The number in the ERP of the child that a line is about, where it tells."""
    if line.entity is not Entity.ACCOUNT:
        return line.erp_key or ""
    key = split(line.field).key
    return "" if is_new(key) else key


def _alike(name: str, one: Values | None, other: Values | None) -> bool:
    """Whether two states of a child say the same in what people change."""
    if one is None or other is None:
        return one is other
    return all(same(field, one.get(field.attr), other.get(field.attr)) for field in CONTENT[name])


def _number_or_text(column: str, text: str | None) -> Any:
    return int(text) if text and column in _NUMBERS else text


def _order(edit: UndoEdit) -> tuple[int, int, int]:
    """Tiers by tiers; what goes before what comes, so that a name or title is free again."""
    whole = is_whole(Where(edit.account_id, edit.company_id, edit.path))
    rank = 1 if not whole else 0 if edit.value is None else 2
    return edit.account_id or 0, edit.company_id or 0, rank
