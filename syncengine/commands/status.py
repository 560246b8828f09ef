"""``syncengine status``: how the integrations stand, and what is to be done."""

from __future__ import annotations

import typer

from syncengine.commands.options import AsJson, now
from syncengine.commands.words import KINDS, SIDES
from syncengine.desk.plans import PlanSummary
from syncengine.desk.status import CycleSummary, IntegrationStatus, overview
from syncengine.engine import opened
from syncengine.screen import show_facts, show_json


def status(*, as_json: AsJson = False) -> None:
    """Show how the integrations stand: the cycle that runs or ran last, what waits, conflicts, errors, the last plan."""
    with opened() as engine, engine.store.reading() as session:
        found = overview(session, at=now())
    if as_json:
        show_json(found)
        return
    for item in found:
        show_facts(_facts(item))
        typer.echo()


def _facts(item: IntegrationStatus) -> dict[str, object]:
    record = item.integration
    return {
        "integration": record.name,
        "company": record.draft.company,
        "state": record.state,
        "connected": record.connected,
        "running now": item.running,
        "accounts": item.accounts,
        "waiting to be sent": item.waiting,
        "open conflicts": item.open_conflicts,
        "open errors": _errors(item),
        "last cycle": _cycle(item.last_cycle) if item.last_cycle else "none yet",
        "last plan": _plan(item.last_plan) if item.last_plan else "none",
    }


def _errors(item: IntegrationStatus) -> str:
    sides = ", ".join(f"{SIDES[side]} {count}" for side, count in item.errors.items())
    return f"{item.open_errors} ({sides})" if item.open_errors else "0"


def _cycle(cycle: CycleSummary) -> str:
    progress = f"{cycle.done}" + (f" of {cycle.total}" if cycle.total is not None else "")
    reason = f", {cycle.error_code}: {cycle.error_message}" if cycle.error_code else ""
    name = f"{cycle.id} ({cycle.kind})"
    return f"{name} {cycle.started_at:%Y-%m-%d %H:%M:%S} UTC: {cycle.status.label}, {progress}{reason}"


def _plan(plan: PlanSummary) -> str:
    state = "applied" if plan.applied_cycle_id else f"stopped: {plan.stopped_by}" if plan.stopped_by else "not applied"
    return f"{plan.id} ({KINDS[plan.kind]}) {plan.made_at:%Y-%m-%d %H:%M:%S} UTC, {state}"
