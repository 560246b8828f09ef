"""/plans: what a cycle would do, made by dry_run or by a guard, looked at and approved (NEW-02, NEW-06)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.forms import RecordId, View
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.v1.runs import REFUSED, run_answer
from api.work import SyncOnce
from syncengine import integrations
from syncengine.core.guards import Totals
from syncengine.desk.plans import PlanLine, PlanSummary, PlanView, show_plan
from syncengine.desk.plans import list_plans as listed
from syncengine.desk.run_requests import RunView, approval, ask

router = APIRouter(tags=["cycles"])


class PlanSheet(View):
    """A plan and how much it would do on each side; its lines are a list of their own."""

    plan: PlanSummary
    totals: Totals
    tiers: int
    refused: int
    conflicts: int
    size: int


@router.get("/integrations/{integration_id}/plans", responses=refuses("integration_unknown"))
def list_plans(integration_id: RecordId, _caller: Reader, engine: TheEngine, place: ThePlace) -> Page[PlanSummary]:
    """The plans of an integration, the newest first."""
    with engine.store.reading() as session:
        of = integrations.get(session, integration_id).id
        found = listed(session, of, limit=place.more, before=place.after(int))
    return place.page(found, lambda one: one, lambda one: one.id)


@router.get("/plans/{plan_id}", response_model=PlanSheet, responses=refuses("plan_unknown"))
def get_plan(plan_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """One plan: how much would be created, changed and deactivated on each side, refused, in conflict."""
    with engine.store.reading() as session:
        return etags.answer(request, _sheet(show_plan(session, plan_id, limit=0)))


@router.get("/plans/{plan_id}/lines", responses=refuses("plan_unknown"))
def list_plan_lines(plan_id: RecordId, _caller: Reader, engine: TheEngine, place: ThePlace) -> Page[PlanLine]:
    """Every value a plan would write, before and after, and why; by side and tiers."""
    with engine.store.reading() as session:
        view = show_plan(session, plan_id, limit=place.limit, after=max(0, place.after(int) or 0))
    return Page(items=list(view.lines), next=None if view.after is None else place.cursor(view.after))


@router.post(
    "/plans/{plan_id}/approvals", status_code=202, response_model=RunView, responses=refuses("cycle_running", *REFUSED)
)
def create_approval(plan_id: RecordId, work: SyncOnce) -> Response:
    """Do exactly what the plan says, or nothing if it is outdated: Location is the run to follow."""
    with work.writing() as session:
        integration_id, order = approval(session, plan_id)
        asked = ask(session, integration_id, order, at=work.caller.at, by=work.caller.login)
        return run_answer(work, session, asked)


def _sheet(view: PlanView) -> PlanSheet:
    said: dict[str, Any] = {name: getattr(view, name) for name in PlanSheet.model_fields}
    return PlanSheet(**said)
