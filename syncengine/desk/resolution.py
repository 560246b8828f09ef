"""Resolving conflicts: the CRM takes the value decided, the base the ERP's, and what then differs is sent (NEW-03).

Resolving is an edit of the CRM and an agreement on what the ERP holds; there is no other state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from sqlalchemy.orm import Session

from syncengine.core.journal_text import as_text, value_of
from syncengine.core.labels import label_of
from syncengine.core.merge import same
from syncengine.core.paths import field_of
from syncengine.core.snapshot import Snapshot, dump, load
from syncengine.crm.edits import edit_path
from syncengine.cycle.act import Act
from syncengine.cycle.conflict_log import value_at, with_values
from syncengine.cycle.crm_rows import CrmRows, load_rows
from syncengine.cycle.rules import load_rules
from syncengine.cycle.takeover import Takeover
from syncengine.desk.conflicts import ConflictFilter, matching, unknown_conflict
from syncengine.desk.result import Refusal, Result, refusal
from syncengine.errors import InputRefused
from syncengine.model import Account, Conflict, ConflictState, Integration, Link
from syncengine.model.journal import Rule
from syncengine.storage.bulk import Bulk, batches

Local: TypeAlias = dict[str, Any]


class Take(StrEnum):
    """Whose value a conflict is resolved with."""

    CRM = "crm"
    ERP = "erp"
    BASE = "base"  # the value both last agreed on


@dataclass(frozen=True, kw_only=True)
class Own:
    """A value of one's own, as text; checked like any edit."""

    value: str | None


Decision: TypeAlias = Take | Own


def resolve(session: Session, conflict_id: int, take: Decision, *, at: datetime, by: str | None) -> Result:
    """Resolve one conflict. Raises InputRefused (conflict_unknown); a refusal of any other kind is in the result.

    A conflict whose value in the CRM has changed meanwhile is brought up to date and refused: look again, then decide.
    """
    found = session.get(Conflict, conflict_id)
    if found is None:
        raise unknown_conflict(conflict_id)
    chosen = ConflictFilter(ids=(conflict_id,), state=None)
    return _resolve(session, found.integration_id, chosen, take, at=at, by=by)


def resolve_many(
    session: Session, integration_id: int, chosen: ConflictFilter, take: Decision, *, at: datetime, by: str | None
) -> Result:
    """Resolve the open conflicts chosen, alike; those that cannot be are refused one by one, the others go on."""
    return _resolve(session, integration_id, replace(chosen, state=ConflictState.OPEN), take, at=at, by=by)


def _resolve(
    session: Session, integration_id: int, chosen: ConflictFilter, take: Decision, *, at: datetime, by: str | None
) -> Result:
    accounts = matching(integration_id, chosen).with_only_columns(Account.id, Conflict.id).order_by(Account.id)
    by_account: dict[int, list[int]] = {}
    for account_id, conflict_id in session.execute(accounts):
        by_account.setdefault(account_id, []).append(conflict_id)
    resolver = _Resolver(session, integration_id, take, Act(at=at, by=by, rule=Rule.RESOLVED))
    for batch in batches(by_account):
        resolver.settle(batch, [number for account_id in batch for number in by_account[account_id]])
    return Result(done=resolver.done, refused=tuple(resolver.refused))


class _Resolver:
    """Settles conflicts, some Accounts at a time."""

    def __init__(self, session: Session, integration_id: int, take: Decision, act: Act) -> None:
        self._session, self._take, self._act = session, take, act
        self._bulk = Bulk(session.connection())
        rules = load_rules(self._bulk, session.get_one(Integration, integration_id), cycle_id=0)
        self._takeover = Takeover(self._bulk, rules, act)
        self.done = 0
        self.refused: list[Refusal] = []

    def settle(self, account_ids: Sequence[int], conflict_ids: Sequence[int]) -> None:
        """Settle these conflicts, which are all of these Accounts."""
        rows = load_rows(self._bulk, account_ids)  # locks them: what is read from here on stays as it is
        parked: dict[int, list[Local]] = {}
        for row in self._bulk.rows(Conflict, "id", conflict_ids):
            parked.setdefault(row["link_id"], []).append(row)
        changes: dict[int, Local] = {}
        closed: list[int] = []
        for link in self._bulk.rows(Link, "id", parked):
            done = self._tiers(link, rows[link["local_id"]], parked[link["id"]])
            if done:
                changes[link["id"]] = self._agreed(link, done)
                closed += [row["id"] for row, _ in done]
        self._takeover.flush()
        self._bulk.update(Link, changes)
        self._bulk.update(Conflict, {number: self._closed() for number in closed})
        self.done += len(closed)

    def _tiers(self, link: Local, rows: CrmRows, parked: Sequence[Local]) -> list[tuple[Local, Any]]:
        """Put the values decided into the CRM; the conflicts this was done for, with their values."""
        crm, done = rows.snapshot(), []
        taken: dict[str, tuple[Any, Any]] = {}
        for row in parked:
            path = row["field"]
            try:
                now = self._present(row, link, crm)
                wanted = self._wanted(row, now)
                if same(field_of(path), wanted, now):
                    wanted = now
                elif self._take is Take.ERP:
                    taken[path] = (now, wanted)
                else:
                    edit_path(self._session, link["local_id"], path, wanted, self._act)
            except InputRefused as problem:
                self.refused.append(refusal(row["id"], problem))
            else:
                done.append((row, wanted))
        if taken:
            self._takeover.take(rows, taken)
        return done

    def _present(self, row: Local, link: Local, crm: Snapshot) -> Any:
        """The CRM's value. Raises InputRefused unless it is the one the conflict shows, in a record that takes part."""
        where = {"record": link["erp_key"], "field": row["field"]}
        if row["state"] is not ConflictState.OPEN:
            raise InputRefused(
                f"the conflict is {_SETTLED[row['state']]}",
                code="conflict_closed",
                **where,
                remedy="Nothing is left to do.",
            )
        there, now = value_at(crm, row["field"])
        label = label_of(row["field"])
        if not there:
            remedy = "Nothing is left to decide: the next cycle withdraws the conflict."
            raise InputRefused(f"{label}: deleted in the CRM meanwhile", code="child_gone", **where, remedy=remedy)
        if as_text(now) != row["crm_value"]:
            self._bulk.update(Conflict, {row["id"]: {"crm_value": as_text(now)}})
            raise InputRefused(
                f"{label}: the CRM's value is {as_text(now)!r} by now",
                code="conflict_moved_on",
                **where,
                remedy="The conflict shows it now: look at it again, then decide.",
            )
        return now

    def _wanted(self, row: Local, now: Any) -> Any:
        match self._take:
            case Take.CRM:
                return now
            case Take.ERP:
                return value_of(row["field"], row["erp_value"])
            case Take.BASE:
                return value_of(row["field"], row["base_value"])
            case Own(value=value):
                return value_of(row["field"], value)

    def _closed(self) -> Local:
        return {
            "state": ConflictState.RESOLVED.value,
            "rule": Rule.RESOLVED.value,
            "closed_at": self._bulk.instant(self._act.at),
            "closed_by": self._act.by,
        }

    def _agreed(self, link: Local, done: Sequence[tuple[Local, Any]]) -> Local:
        """Both sides know what the ERP holds; a tiers that differs from it goes out with the next cycle."""
        held = {row["field"]: value_of(row["field"], row["erp_value"]) for row, _ in done}
        changed: Local = {"base": dump(with_values(load(link["base"]), held))}
        if not all(same(field_of(row["field"]), wanted, held[row["field"]]) for row, wanted in done):
            changed["changed_at"] = self._bulk.instant(self._act.at)
        return changed


_SETTLED: Final = {ConflictState.RESOLVED: "resolved already", ConflictState.WITHDRAWN: "withdrawn: both sides agree"}
