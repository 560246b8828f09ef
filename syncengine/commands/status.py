"""``syncengine status``: how the integrations stand, and what is to be done."""

from __future__ import annotations

from datetime import datetime

import typer

from syncengine.commands.options import AsJson
from syncengine.commands.words import KINDS, SIDES
from syncengine.desk.next_cycle import next_cycle
from syncengine.desk.plans import PlanSummary
from syncengine.desk.status import CycleSummary, IntegrationStatus, overview
from syncengine.engine import opened
from syncengine.screen import show_facts, show_json


def status(*, as_json: AsJson = False) -> None:
    """Show how the integrations stand: the cycle that runs or ran last, what waits, conflicts, errors, the last plan."""
    with opened() as engine, engine.store.reading() as session:
        at = engine.store.clock()
        found = overview(session, at=at)
    if as_json:
        show_json(found)
        return
    for item in found:
        show_facts(_facts(item, at))
        typer.echo()


def _facts(item: IntegrationStatus, at: datetime) -> dict[str, object]:
    record = item.integration
    return {
        "integration": record.name,
        "company": record.draft.company,
        "state": record.state,
        "connected": record.connected,
        "running now": item.running,
        "next cycle": _next(item, at),
        "failures in a row": record.failures,
        "accounts": item.accounts,
        "waiting to be sent": item.waiting,
        "open conflicts": item.open_conflicts,
        "open errors": _errors(item),
        "last cycle": _cycle(item.last_cycle) if item.last_cycle else "none yet",
        "last plan": _plan(item.last_plan) if item.last_plan else "none",
    }


def _next(item: IntegrationStatus, at: datetime) -> str:
    """When the next cycle is due, in words; after failures it is the next attempt."""
    record = item.integration
    return next_cycle(
        active=record.active,
        connected=record.connected,
        running=item.running,
        failures=record.failures,
        due_at=record.due_at,
        at=at,
    ).words


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
