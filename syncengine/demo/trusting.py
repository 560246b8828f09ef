"""The acts about trust: what a cycle would do, a guard, a cycle taken back, and nothing left to do (NEW-02, NEW-04, NEW-06)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select

from contracts.tables import CLIENT, SUPPLIER
from syncengine.commands.words import SIDES
from syncengine.core.guards import DEFAULTS, Limit
from syncengine.core.labels import label_of
from syncengine.cycle.run import Order, utc_now
from syncengine.demo.merging import Shared
from syncengine.demo.stage import Stage, shown
from syncengine.desk.plans import show_plan
from syncengine.desk.status import overview
from syncengine.desk.undoing import undo_preview
from syncengine.errors import GuardStopped
from syncengine.model import Account, Link, LinkState, RecordStatus
from syncengine.model.journal import Rule
from syncengine.sync import preview

SHOWN: Final = 3
QUIET: Final = ("arrived", "changed", "vanished", "created_in_erp", "sent", "decided", "parked", "refused_by_erp")
"""What is counted when something was written for a tiers, or could not be."""


def mass_edit_stopped(stage: Stage) -> None:
    """Sage 100 puts far too many tiers to sleep: the preview tells, the guard stops the cycle, and nothing is written."""
    stage.begin("11 · Preview, and a guard that stops a mass edit")
    awake = _awake(stage)
    codes = [one.code for one in stage.tiers(_too_many(stage), kinds=(CLIENT, SUPPLIER))]
    stage.desk.edit(codes, dormant=1)
    stage.say("Sage 100", f"puts {len(codes)} tiers to sleep by mistake (mis en sommeil)")
    stage.command("sync --dry-run")
    number = preview(stage.engine, stage.integration_id, screen=False)
    _show_plan(stage, number, len(codes))
    stage.command("sync")
    report = stage.try_cycle()
    stopped = report.problem
    stage.expect("what stopped the cycle", getattr(stopped, "problem_code", None), GuardStopped.code)
    words = (stopped.message, stopped.remedy) if stopped else ("", "")
    stage.told(f"[red]{report.status.label}[/] · cycle {report.cycle_id}:", words[0])
    stage.told("→", words[1])
    stage.expect("active tiers in the CRM", _awake(stage), awake)
    stage.confirm(f"nothing was written: {awake} active tiers in the CRM, as before")
    stage.desk.edit(codes, dormant=0)
    stage.say("Sage 100", "wakes them again")
    counts = stage.cycle().counts
    stage.expect("tiers changed", (counts.changed, counts.vanished, _awake(stage)), (0, 0, awake))


def _too_many(stage: Stage) -> int:
    """One more than the guard lets go."""
    query = select(func.count()).where(Link.integration_id == stage.integration_id, Link.state == LinkState.LINKED)
    with stage.engine.store.reading() as session:
        linked = session.scalar(query) or 0
    limit = DEFAULTS["crm.deactivate"] or Limit()
    return max(limit.count, int(linked * limit.percent / 100)) + 1


def _awake(stage: Stage) -> int:
    query = select(func.count()).where(Account.status == RecordStatus.ACTIVE)
    with stage.engine.store.reading() as session:
        return session.scalar(query) or 0


def _show_plan(stage: Stage, number: int, deactivated: int) -> None:
    with stage.engine.store.reading() as session:
        found = show_plan(session, number, limit=100)
    stage.expect("tiers the plan would deactivate in the CRM", found.totals.crm.deactivated, deactivated)
    lines = [line for line in found.lines if (line.entity, line.path) == ("company", "status")][:SHOWN]
    rows = [(line.code, line.name, line.label, line.before, line.after) for line in lines]
    stage.table(("tiers", "nom", "Champ", "avant", "après"), rows)
    stage.confirm(
        f"plan n° {number}: {deactivated} tiers to deactivate, {found.size} lines; nothing is written by a preview"
    )


def cycle_undone(stage: Stage, shared: Shared) -> None:
    """The cycle of act 6 is taken back on both sides; every step stays explained."""
    one = shared.tiers
    stage.begin(f"12 · Undo: cycle {shared.cycle_id} taken back, on both sides")
    stage.command(f"undo {shared.cycle_id}")
    with stage.engine.store.writing() as session:
        found = undo_preview(session, stage.integration_id, shared.cycle_id)
    foreseen = {edit.path: (edit.written, edit.value) for edit in found.edits}
    due = {attr: (shared.after[attr], shared.before[attr]) for attr in shared.after}
    stage.expect("what the undo would do", foreseen, due, one=one)
    stage.cycle(Order(undoes=shared.cycle_id, by=stage.act().by))
    held = {attr: stage.both_hold(one, attr, shared.before[attr]) for attr in shared.after}
    rows = [(label_of(attr), shared.after[attr], *held[attr]) for attr in shared.after]
    stage.table(("Champ", "écrit par le cycle", "CRM, après", "Sage 100, après"), rows)
    stage.confirm(f"both sides hold what they held before cycle {shared.cycle_id}")
    _explain(stage, shared)


def _explain(stage: Stage, shared: Shared) -> None:
    """The history of one value of that cycle, on both sides."""
    attr = next(iter(shared.after))
    stage.command(f"journal explain {shared.tiers.code} {attr}")
    found = stage.explained(shared.tiers, attr)
    rows = [
        (shown(line.cycle_id), SIDES[line.side], shown(line.before), shown(line.after), line.why)
        for line in found.writes
        if line.rule != Rule.REPLICATED
    ]
    stage.table(("cycle", "côté", "avant", "après", "pourquoi"), rows)
    stage.confirm(f"{found.label}: {found.standing.label}")


def everything_compared(stage: Stage) -> None:
    """A full comparison of both bases finds nothing to write, and nothing waits."""
    stage.begin("13 · Everything compared once more")
    stage.command("resync")
    counts = stage.cycle(Order(full=True)).counts.as_dict()
    stage.expect("what was still to write", {name: counts[name] for name in QUIET}, dict.fromkeys(QUIET, 0))
    with stage.engine.store.reading() as session:
        (status,) = overview(session, at=utc_now())
    stage.expect("waiting, open conflicts", (status.waiting, status.open_conflicts), (0, 0))
    stage.expect("records in error", counts["refused"], stage.reports[0].counts.refused)
    stage.confirm("nothing differs, nothing waits, no conflict is open")
    stage.confirm(
        f"in error are the {counts['refused']} records that came spoiled, as in act 3: syncengine errors list"
    )
