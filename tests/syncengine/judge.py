"""The judge: runs a cycle, compares what both sides hold before and after with the oracle, remembers what was agreed (G1 to G8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from gateway.clock import DEFAULT_ZONE
from gateway.database import reading
from gateway.sage import F_COLLABORATEUR
from syncengine.cycle.run import DIFFERENTIAL, Order, Report
from syncengine.model import JournalEntry
from tests.syncengine.oracle import (
    Choose,
    Ends,
    Fate,
    Memory,
    Verdict,
    alike,
    arrived,
    forget,
    judge,
    remember,
    same,
    took,
)
from tests.syncengine.sides import BILLING, CHILDREN, LISTS, Tiers, in_crm, in_erp
from tests.syncengine.world import World, unexplained

TOLERANCE = timedelta(seconds=300)
CATEGORIES = {"1", "2", "3", "4", "5"}
"""Those that Sage 100 lists."""


@dataclass(kw_only=True)
class Sides:
    """Both sides at one moment."""

    crm: dict[int, Tiers]
    erp: dict[str, Tiers]
    staff: set[str]


@dataclass
class Judge:
    """What was agreed on so far, and what somebody changed since."""

    world: World
    erp_clock: Callable[[], datetime]
    memory: dict[int, Memory] = field(default_factory=dict)
    edited: dict[int, datetime] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    employees: set[str] = field(default_factory=set)
    meddled: dict[str, list[Tiers]] = field(default_factory=dict)
    owed: list[Any] = field(default_factory=list)
    lines: list[JournalEntry] = field(default_factory=list)
    last: Sides | None = None
    typed: list[tuple[int, str, Any, Any]] = field(default_factory=list)
    manager_rule: str = "none"
    came_late: bool = False
    staff: set[str] = field(default_factory=set)
    waiting: set[tuple[int, str]] = field(default_factory=set)
    before: Sides | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def parked(self) -> bool:
        """Whether somebody is asked to decide a conflict."""
        return bool(self.world.rows("conflicts", state="open"))

    def observe(self) -> Sides:
        """Both sides as they are."""
        with reading(self.world.sage) as connection:
            staff = {str(number) for number in connection.scalars(select(F_COLLABORATEUR.c.CO_No))}
            return Sides(crm=in_crm(self.world), erp=in_erp(connection), staff=staff)

    def forget(self, account_id: int, name: str, row: int) -> None:
        """Somebody removed a child in the CRM."""
        if account_id in self.memory:
            self.memory[account_id] = forget(self.memory[account_id], name, row)

    def resolved(self, account_id: int, path: str, erp_value: str | None) -> None:
        """Somebody decided a conflict: both sides know what the ERP holds."""
        memory = self.memory[account_id]
        name, _, rest = path.rpartition("/")[0].partition("/") if "/" in path else ("", "", "")
        attr = path.rpartition("/")[2]
        agreed = (erp_value == "true" or None if attr == "dormant" else erp_value,)
        if not name:
            self.memory[account_id] = Memory(leaves={**memory.leaves, attr: agreed}, pairs=memory.pairs)
            return
        for pair in memory.pairs[name]:
            if pair.number == rest:
                pair.values[attr] = agreed  # type: ignore[index]

    def meddle(self, code: str, act: Callable[[], None]) -> None:
        """Somebody changes a tiers in the ERP between the pull and the push."""
        passed = self.meddled.setdefault(code, [])
        if self.before is not None and code in self.before.erp:
            passed.append(self.before.erp[code])
        act()
        with reading(self.world.sage) as connection:
            now = in_erp(connection)
        if self.before is not None and code in now:
            self.before.erp[code] = now[code]

    def type(self, account_id: int, attr: str, edit: Callable[[], None]) -> None:
        """Somebody changes an Account in the CRM while its tiers is on its way to the ERP."""
        was = in_crm(self.world)[account_id].leaves[attr]
        edit()
        self.typed.append((account_id, attr, was, in_crm(self.world)[account_id].leaves[attr]))
        self.edited[account_id] = self.world.now()

    def late(self, deliver: Callable[[], int]) -> None:
        """Writes arrive that nobody waits for any more."""
        before = self.observe()
        if not deliver():
            return
        self.came_late = True
        after = self.observe()
        self.owed += _overwritten(before.erp, after.erp)
        for account_id, memory in self.memory.items():
            code = str(after.crm[account_id].account["code"])
            if code in before.erp and code in after.erp:
                sides = (after.crm[account_id], before.erp[code], after.erp[code])
                self.memory[account_id] = arrived(memory, *sides)

    def _untyped(self, before: Sides, after: Sides) -> None:
        """What was typed during the cycle and is not in the ERP was no part of it, unless it is parked: the next one sends it."""
        owners = {tiers.account["link"]["id"]: number for number, tiers in after.crm.items() if tiers.account["link"]}
        parked = {(owners[row["link_id"]], row["field"], row["crm_value"]) for row in self.conflicts}
        first: dict[tuple[int, str], Any] = {}
        last: dict[tuple[int, str], Any] = {}
        for account_id, attr, was, now in self.typed:
            first.setdefault((account_id, attr), was)
            last[account_id, attr] = now
        for (account_id, attr), now in last.items():
            crm, erp = after.crm[account_id], after.erp.get(str(after.crm[account_id].account["code"]))
            missing = erp is None or not same("", attr, now, erp.leaves[attr])
            if crm.leaves[attr] == now and missing and (account_id, attr, now) not in parked:
                crm.leaves[attr] = first[account_id, attr]
            elif account_id in before.crm:
                before.crm[account_id].leaves[attr] = now

    def cycle(self, order: Order = DIFFERENTIAL) -> Report:
        """Run a cycle, and judge it."""
        before = self.before = self.observe()
        self.waiting, self.staff = self._asked(), before.staff
        told = self._last_line()
        cells = _values(self.world.cells())
        report = self.world.cycle(order)
        after = self.observe()
        self.errors, self.conflicts = self.world.rows("sync_errors"), self.world.rows("conflicts", state="open")
        lines = self._lines(told)
        silent = unexplained(cells, _values(self.world.cells()), lines)
        assert silent == [], f"G3: in the CRM {silent}"
        for account_id, tiers in after.crm.items():
            _company_follows(tiers)
            self._manager_follows(before.crm.get(account_id), tiers)
        self._untyped(before, after)
        self._explained_in_erp(before, after, lines, sure=report.problem is None)
        self._one_to_one(after, sure=report.problem is None)
        for account_id in sorted(before.crm.keys() | after.crm.keys()):
            self._tiers(account_id, before, after, sure=report.problem is None)
        if report.problem is None:
            self.edited = {account_id: at for account_id, at in self.edited.items() if account_id in self._typists}
            self.came_late = False
        self.meddled.clear()
        self.typed.clear()
        self.last, self.before = after, None
        return report

    def _asked(self) -> set[tuple[int, str]]:
        """Account and field of what is parked."""
        owners = {row["id"]: row["local_id"] for row in self.world.rows("links")}
        parked = self.world.rows("conflicts", state="open")
        return {(owners[row["link_id"]], row["field"].rpartition("/")[2]) for row in parked}

    @property
    def _typists(self) -> set[int]:
        return {account_id for account_id, *_ in self.typed}

    def _last_line(self) -> int:
        with self.world.store.reading() as session:
            return session.scalar(select(func.max(JournalEntry.id))) or 0

    def _lines(self, after: int) -> list[JournalEntry]:
        with self.world.store.reading() as session:
            return list(session.scalars(select(JournalEntry).where(JournalEntry.id > after)))

    def _manager_follows(self, was: Tiers | None, now: Tiers) -> None:
        """CRM-17: manager ← representative, when the ERP changed that."""
        if was is None or was.company is None or now.company is None or self._typists:
            return
        before, after = was.company["manager_id"], now.company["manager_id"]
        tied = {"1": 1, "2": 2}.get(now.leaves["representative"] or "")
        follows = tied if tied and (self.manager_rule == "automatic" or not before) else before
        moved = was.leaves["representative"] != now.leaves["representative"] and self.manager_rule != "none"
        assert after == (follows if moved else before), f"manager of {now.account['code']}: {before} → {after}"

    # One tiers

    def _tiers(self, account_id: int, before: Sides, after: Sides, *, sure: bool) -> None:
        now = after.crm[account_id]
        code = str(now.account["code"])
        was = before.crm.get(account_id)
        erp_was, erp_now = before.erp.get(code), after.erp.get(code)
        if was is None or was.state == "awaited":
            bad = erp_was is not None and _untakable(erp_was, before.staff & after.staff)
            # CRM-20: its code may be that of another tiers, in the CRM too, where it stays when that one is gone (CRM-32).
            others = {str(one.account["code"]) for number, one in before.crm.items() if number != account_id}
            taken = erp_was is not None or code in others
            self._arrived(account_id, was, now, erp_was, erp_now, taken=taken, sure=sure and not bad)
        elif erp_now is None or erp_was is None:
            assert erp_now is erp_was, f"{code} came or went in the ERP by itself"
            # An answer that was late may tell how it was before it went.
            if not self.came_late:
                _kept(code, was, now, sure=sure)
        else:
            bad = _untakable(erp_was, before.staff & after.staff) or len(self.meddled.get(code, ())) > 1
            self._linked(account_id, (was, erp_was), (now, erp_now), sure=sure and not bad)
            if sure and not bad:
                assert now.state == "present", f"{code} is {now.state}"

    def _arrived(
        self,
        account_id: int,
        was: Tiers | None,
        now: Tiers,
        before: Tiers | None,
        erp: Tiers | None,
        *,
        taken: bool,
        sure: bool,
    ) -> None:
        code = now.account["code"]
        if now.state == "awaited":
            # It waits for somebody to give it another code.
            refused = [row for row in self.errors if (row["local_id"], row["state"]) == (account_id, "open")]
            assert not sure or (taken and refused), f"{code} was not created"
            return
        if erp is None:
            self.memory[account_id] = Memory(leaves={attr: (value,) for attr, value in now.leaves.items()})
            return
        self.memory[account_id] = remember(Memory(), (now, erp), (now, erp), sure=sure)
        if not sure:
            return
        self._parked(str(code), now, erp)
        # One that was made by a write without answer may have been changed since.
        if was is not None and before is None:
            for attr, value in was.leaves.items():
                assert value is None or same("", attr, value, erp.leaves[attr]), f"{code}: {attr} was not created"

    def _linked(self, account_id: int, before: tuple[Tiers, Tiers], after: tuple[Tiers, Tiers], *, sure: bool) -> None:
        (was, erp_was), (now, erp_now) = before, after
        code = str(now.account["code"])
        memory = self.memory.get(account_id, Memory())
        verdict = judge(memory, was, erp_was, self._choose(account_id, erp_was))
        standing = [row for row in self.errors if row["erp_key"] == code and row["state"] in ("open", "retry")]
        if sure and standing:
            gone = {end[1] for end in verdict.leaves["representative"]} - {None, *self.staff}
            assert verdict.refusable or verdict.doubtful or gone or self._untouched(account_id, code, before), (
                f"{code}: {standing[0]['message']}"
            )
        sure = sure and not standing
        passed = [] if sure else self.meddled.get(code, [])
        _leaves(code, verdict, before, after, passed, sure=sure)
        for name in LISTS:
            certain = sure and name not in verdict.doubtful
            _children(code, name, verdict.children[name], before, after, sure=certain)
        if sure:
            self._parked(code, now, erp_now)
            if not _sends(verdict, erp_was):
                assert erp_was.raw == erp_now.raw, f"G6: {code} was written in the ERP"
        self.memory[account_id] = took(remember(memory, before, after, sure=sure), now, passed)

    def _untouched(self, account_id: int, code: str, before: tuple[Tiers, Tiers]) -> bool:
        """Whether nobody changed a tiers since the last cycle: what was refused then may be refused still."""
        last = self.last
        if last is None or account_id not in last.crm or code not in last.erp:
            return False
        was, erp = last.crm[account_id], last.erp[code]
        return (was.leaves, was.lists, erp.raw) == (before[0].leaves, before[0].lists, before[1].raw)

    def _parked(self, code: str, crm: Tiers, erp: Tiers) -> None:
        """G5: both sides agree, but for what waits for a decision."""
        link = crm.account["link"]
        parked = {row["field"] for row in self.conflicts if row["link_id"] == link["id"]}
        differing = set(_differing(crm, erp))
        assert parked == differing, f"G5: {code} differs at {differing}, parked are {parked}"
        assert link["changed_at"] is None or link["local_id"] in self._typists, f"{code} is still marked"

    def _choose(self, account_id: int, erp: Tiers) -> Choose:
        return partial(self._winners, account_id, erp)

    def _winners(self, account_id: int, erp: Tiers, kind: str, attr: str) -> Iterable[str]:
        """Who may win a clash, by the policy of the field, else of the kind, else of all.

        What is parked stays so under another policy, until somebody edits the tiers or decides.
        """
        asked = ["ask"] if (account_id, attr) in self.waiting else []
        return [*self._chosen(account_id, erp, kind, attr), *asked]

    def _chosen(self, account_id: int, erp: Tiers, kind: str, attr: str) -> list[str]:
        chosen = (self.policies[key] for key in (f"{kind}.{attr}", kind, "") if key in self.policies)
        policy = next(chosen, "erp_wins")
        fixed = {"erp_wins": ["erp"], "crm_wins": ["crm"], "ask": ["ask"]}
        code_clash = ["erp", "crm", "ask"]
        if policy in fixed:
            return fixed[policy]
        if account_id not in self.edited or erp.at is None or self.meddled:
            return code_clash
        ours = self.world.now() - self.edited[account_id]
        theirs = self.erp_clock() - erp.at.replace(tzinfo=ZoneInfo(DEFAULT_ZONE))
        if abs(ours - theirs) <= TOLERANCE:
            return ["ask"]
        return ["crm" if ours < theirs else "erp"]

    # Both sides

    def _one_to_one(self, now: Sides, *, sure: bool) -> None:
        """G4: each tiers has one Account, each Account one Company, and nobody shares."""
        codes = [str(tiers.account["code"]) for tiers in now.crm.values() if tiers.state != "awaited"]
        assert len(codes) == len(set(codes)), "G4: two Accounts of one code"
        owners = [tiers.account["company_id"] for tiers in now.crm.values()]
        assert len(owners) == len(set(owners)), "G4: a Company with two tiers"
        assert None not in owners, "G4: a tiers without Company"
        keys = [tiers.account["link"]["erp_key"] for tiers in now.crm.values() if tiers.account["link"]]
        assert len(keys) == len(set(keys)), "G4: a tiers linked twice"
        folded = [code.upper() for code in now.erp]
        assert len(folded) == len(set(folded)), "G4: a code twice in the ERP"
        if sure:
            bad = {code for code, tiers in now.erp.items() if _untakable(tiers, now.staff)}
            assert now.erp.keys() - bad <= set(codes), "G8: a tiers never came"

    def _explained_in_erp(self, before: Sides, after: Sides, lines: list[JournalEntry], *, sure: bool) -> None:
        """G3: what the cycle overwrote in the ERP is in the journal; of a write whose answer was lost, with the next cycle."""
        self.lines = [*self.lines, *lines] if self.owed else lines
        told = {(line.erp_key, line.field, line.before or None) for line in self.lines if line.side == "erp"}
        gone = {(line.erp_key, line.field) for line in self.lines if line.side == "erp" and line.after is None}
        self.owed += _overwritten(before.erp, after.erp)
        self.owed = [
            (code, path, value, field_of)
            for code, path, value, field_of in self.owed
            if not {(code, path), (code, path.rpartition("/")[0])} & gone
            and not any((code, path) == (c, f) and same(field_of[0], field_of[1], value, b) for c, f, b in told)
        ]
        if sure:
            assert self.owed == [], f"G3: in the ERP {self.owed}"


def _untakable(tiers: Tiers, staff: set[str]) -> bool:
    """G7: one that names a category or a representative that is not there is set aside, alone."""
    representative = tiers.leaves["representative"]
    return tiers.leaves["price_category"] not in CATEGORIES or representative not in {None, *staff}


def _values(cells: dict[Any, Any]) -> dict[Any, Any]:
    """Without the numbers of children and which delivery address is the main one: they are the ERP's alone."""
    return {place: value for place, value in cells.items() if place[2] not in {"erp_key", "main"}}


def _overwritten(before: dict[str, Tiers], after: dict[str, Tiers]) -> list[Any]:
    """(code, path, former value, (list, field)) of what the ERP held and holds no more."""
    found: list[Any] = []
    for code in before.keys() & after.keys():
        was, now = before[code], after[code]
        found += [(code, a, v, ("", a)) for a, v in was.leaves.items() if v != now.leaves[a]]
        for name in LISTS:
            for number, values in was.lists[name].items():
                there = now.lists[name].get(number)
                if there is None:
                    found.append((code, f"{name}/{number}", None, ("", "name")))
                else:
                    found += [(code, f"{name}/{number}/{a}", v, (name, a)) for a, v in values.items() if v != there[a]]
    return found


def _leaves(
    code: str,
    verdict: Verdict,
    before: tuple[Tiers, Tiers],
    after: tuple[Tiers, Tiers],
    passed: list[Tiers],
    *,
    sure: bool,
) -> None:
    for attr, ends in verdict.leaves.items():
        olds = (before[0].leaves[attr], before[1].leaves[attr])
        news = (after[0].leaves[attr], after[1].leaves[attr])
        # What the ERP held for a while may have been taken.
        ends = [*ends, *((one.leaves[attr], olds[1]) for one in passed)]  # noqa: PLW2901
        assert _allowed("", attr, olds, ends, news, sure=sure), f"{code}: {attr} {olds} → {news}, not {ends}"


def _allowed(name: str, attr: str, olds: tuple[Any, Any], ends: Ends, news: tuple[Any, Any], *, sure: bool) -> bool:
    """G1, G2: the agreed value on both sides; after a disturbance, on each side the old one or the agreed one."""
    if sure:
        return any(all(alike(name, attr, w, n) for w, n in zip(end, news, strict=True)) for end in ends)
    wanted = [{olds[side], *(end[side] for end in ends)} for side in (0, 1)]
    return all(any(alike(name, attr, w, news[side]) for w in wanted[side]) for side in (0, 1))


def _children(
    code: str, name: str, fates: list[Fate], before: tuple[Tiers, Tiers], after: tuple[Tiers, Tiers], *, sure: bool
) -> None:
    (was, erp_was), (now, erp_now) = ((s[0].lists[name], s[1].lists[name]) for s in (before, after))
    rows, numbers = dict(now), dict(erp_now)
    by_number = {values["key"]: row for row, values in now.items() if values["key"]}
    # Those that stay come first: Sage 100 gives the number of one that is gone to the next one.
    for fate in sorted(fates, key=lambda fate: True not in fate.stays):
        row = fate.row if fate.row in now else by_number.get(fate.number)
        number = fate.number if fate.number in erp_now else (now[row]["key"] if row is not None else None)
        ours, theirs = rows.pop(row, None), numbers.pop(number, None)
        where = f"{code}: {name}/{fate.number or '+' + str(fate.row)}"
        if sure:
            assert {ours is not None, theirs is not None} <= fate.stays, f"{where} stays {fate.stays}: {ours} {theirs}"
            assert (ours is None) == (theirs is None), f"G5: {where} is on one side only"
        if ours is None or theirs is None:
            continue
        for attr, ends in fate.fields.items():
            olds = (was.get(fate.row, {}).get(attr), erp_was.get(fate.number, {}).get(attr))
            news = (ours[attr], theirs.get(attr))
            assert _allowed(name, attr, olds, ends, news, sure=sure), f"{where}/{attr} {olds} → {news}, not {ends}"
    if sure:
        assert (rows, numbers) == ({}, {}), f"G4: {code} has {name} that nobody made"


def _sends(verdict: Verdict, erp: Tiers) -> bool:
    """Whether anything is to be written in the ERP."""
    if verdict.doubtful:
        return True
    if any(not same("", attr, end[1], erp.leaves[attr]) for attr, ends in verdict.leaves.items() for end in ends):
        return True
    for name, fates in verdict.children.items():
        for fate in fates:
            there = erp.lists[name].get(fate.number)
            if (there is not None) not in fate.stays or len(fate.stays) > 1:
                return True
            if there is not None and any(
                not same(name, a, end[1], there.get(a)) for a, ends in fate.fields.items() for end in ends
            ):
                return True
    return False


def _kept(code: str, was: Tiers, now: Tiers, *, sure: bool) -> None:
    """CRM-32: a tiers that is gone from the ERP stays in the CRM as it is, inactive."""
    assert was.leaves == now.leaves, f"G2: {code} is gone, its Account changed"
    assert {n: set(was.lists[n]) for n in LISTS} == {n: set(now.lists[n]) for n in LISTS}, f"G2: children of {code}"
    assert not sure or now.state != "present", f"{code} is not in the ERP"


def _differing(crm: Tiers, erp: Tiers) -> list[str]:
    """The paths at which both sides say something else."""
    found = [attr for attr, value in erp.leaves.items() if not same("", attr, crm.leaves[attr], value)]
    found += [f"replica {attr}" for attr, value in erp.replicas.items() if (crm.replicas[attr] or None) != value]
    for name in LISTS:
        for values in crm.lists[name].values():
            there = erp.lists[name].get(values["key"], {})
            attrs = [a for a in CHILDREN[name] if (values["key"], a) != (BILLING, "title")]
            found += [f"{name}/{values['key']}/{a}" for a in attrs if not same(name, a, values[a], there.get(a))]
    return found


def _company_follows(crm: Tiers) -> None:
    """CRM-28, CRM-29: the Company says what its Account says."""
    company = crm.company
    assert company is not None
    for attr, value in crm.leaves.items():
        if attr in company:
            assert (company[attr] or None) == value, f"{crm.account['code']}: the Company's {attr} is {company[attr]!r}"
    assert company["status"] == crm.account["status"], f"{crm.account['code']}: status"
