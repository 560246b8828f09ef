"""What people ask for through API and console, a cycle or its plan, until a worker has carried it out (CRM-19, NEW-02, NEW-04)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.core.refusals import refused
from syncengine.cycle.run import Order
from syncengine.cycle.taking import may_run
from syncengine.desk.history import unknown_cycle
from syncengine.desk.plans import refuse_other_kind, unknown_plan
from syncengine.errors import InputRefused, IntegrationUnknown
from syncengine.model import Cycle, CycleKind, Integration, Plan, RunRequest, RunState, Side

_TEXTS: Final = frozenset(Order.__dataclass_fields__) - {"due_at", "request_id"}
"""What of an order is kept: a request is never due by itself, and has its own number."""


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One request. ``cycle_id`` is the cycle that carries it out; ``plan_id`` the plan that was made, by itself or by a guard.

    ``problem`` has code, message and remedy when nothing could begin.
    """

    id: int
    integration_id: int
    state: RunState
    preview: bool
    order: dict[str, Any]
    asked_by: str | None
    asked_at: datetime
    ended_at: datetime | None
    cycle_id: int | None
    plan_id: int | None
    problem: dict[str, Any] | None


def ask(
    session: Session, integration_id: int, order: Order, *, at: datetime, by: str | None, preview: bool = False
) -> RunRequest:
    """Ask for a cycle, or with ``preview`` for its plan; a worker carries it out as soon as no other cycle runs.

    Raises IntegrationUnknown, NotActive, Disconnected, SettingsLocked, and InputRefused (plan_unknown, plan_of_another_kind,
    cycle_unknown, cycle_running), as the cycle would.
    """
    integration = session.get(Integration, integration_id)
    if integration is None:
        raise IntegrationUnknown(f"there is no integration {integration_id}")
    may_run(integration, order)
    if order.undoes is not None:
        _refuse_unended(session, integration_id, order.undoes)
    if order.plan_id is not None:
        _refuse_plan(session, integration_id, order)
    request = RunRequest(
        integration_id=integration_id,
        order=order_as_json(replace(order, by=by)),
        preview=preview,
        asked_by=by,
        asked_at=at,
        # It is claimed until the moment it is made: from then on anybody may.
        claimed_until=at,
    )
    session.add(request)
    session.flush()
    return request


def order_as_json(order: Order) -> dict[str, Any]:
    """An order as a request keeps it; what is left out is as in ``Order()``."""
    usual = asdict(Order())
    return {name: value for name, value in asdict(order).items() if name in _TEXTS and value != usual[name]}


def order_of(kept: Mapping[str, Any]) -> Order:
    """The order that was kept."""
    said = {name: value for name, value in kept.items() if name in _TEXTS}
    if said.get("preferred") is not None:
        said["preferred"] = Side(said["preferred"])
    return Order(**said)


def list_runs(
    session: Session,
    integration_id: int | None = None,
    *,
    state: RunState | None = None,
    limit: int = 20,
    before: int | None = None,
) -> list[RunView]:
    """The requests, the newest first; ``before`` is the number that ended the last page."""
    query = select(RunRequest).order_by(RunRequest.id.desc()).limit(limit)
    if integration_id is not None:
        query = query.where(RunRequest.integration_id == integration_id)
    if state is not None:
        query = query.where(RunRequest.state == state)
    if before is not None:
        query = query.where(RunRequest.id < before)
    return [run_view(request) for request in session.scalars(query)]


def show_run(session: Session, request_id: int) -> RunView:
    """One request. Raises InputRefused (run_unknown)."""
    request = session.get(RunRequest, request_id)
    if request is None:
        raise refused(
            "run_unknown", "there is no such run", record=str(request_id), remedy="See the runs of the integration."
        )
    return run_view(request)


def run_view(request: RunRequest) -> RunView:
    """The request as a value."""
    return RunView(**{name: getattr(request, name) for name in RunView.__dataclass_fields__})


def approval(session: Session, plan_id: int) -> tuple[int, Order]:
    """The integration and the order that do exactly what a plan says (NEW-02): that which made it, where it is known.

    Raises InputRefused (plan_unknown, plan_of_another_kind): of an undo, only its own order says which cycle it takes back.
    """
    plan = session.get(Plan, plan_id)
    if plan is None:
        raise unknown_plan(plan_id)
    made_by = select(RunRequest).where(RunRequest.plan_id == plan_id, RunRequest.integration_id == plan.integration_id)
    request = session.scalar(made_by.order_by(RunRequest.id.desc()).limit(1))
    if request is not None:
        return plan.integration_id, replace(order_of(request.order), plan_id=plan_id)
    order = _BY_KIND.get(plan.kind)
    if order is None:
        raise InputRefused(
            f"plan {plan_id} takes a cycle back, and was not made by a run that is known",
            code="plan_of_another_kind",
            record=str(plan_id),
            remedy="Ask for the undo of that cycle again, with this plan.",
        )
    return plan.integration_id, replace(order, plan_id=plan_id)


_BY_KIND: Final = {
    CycleKind.FIRST: Order(),
    CycleKind.DIFFERENTIAL: Order(),
    CycleKind.RESYNC: Order(full=True),
    CycleKind.FULL_SEND: Order(full=True, preferred=Side.CRM),
}


def _refuse_unended(session: Session, integration_id: int, cycle_id: int) -> None:
    cycle = session.get(Cycle, cycle_id)
    if cycle is None or cycle.integration_id != integration_id:
        raise unknown_cycle(cycle_id)
    if cycle.ended_at is None:
        raise InputRefused(
            "the cycle has not ended yet",
            code="cycle_running",
            record=str(cycle_id),
            remedy="Wait until it has ended.",
        )


def _refuse_plan(session: Session, integration_id: int, order: Order) -> None:
    plan_id = order.plan_id or 0
    plan = session.get(Plan, plan_id)
    if plan is None or plan.integration_id != integration_id:
        raise unknown_plan(plan_id)
    if order.undoes is not None:
        refuse_other_kind(session, plan_id, (CycleKind.UNDO,))
    elif order.full:
        kind = CycleKind.FULL_SEND if order.preferred is Side.CRM else CycleKind.RESYNC
        refuse_other_kind(session, plan_id, (kind,))
    else:
        refuse_other_kind(session, plan_id, (CycleKind.FIRST, CycleKind.DIFFERENTIAL))
