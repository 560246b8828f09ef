"""Plans: what a cycle would do, tiers by tiers, before and after; applied exactly as shown, or not at all (NEW-02, NEW-06)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.console import tables
from api.console.error_words import cause_of
from api.console.guard_words import guard_said
from api.console.language import N_
from api.console.screen import ReadScreen, Screen, SyncScreen
from api.console.signs import Sign, sign_of
from api.console.templating import said_in
from api.forms import RecordId
from api.pages import ThePlace
from contracts.errors import Problem
from syncengine import integrations
from syncengine.core.plan import LineKind
from syncengine.desk.plans import PlanLine, PlanView, list_plans, show_plan, unknown_plan
from syncengine.desk.run_requests import approval, ask
from syncengine.model import Cycle, Plan, Side

router = APIRouter()
_BATCH: Final = 5_000
_PAGE: Final = "/integrations/{integration_id}/plans/{plan_id}"
LINES: Final = {
    LineKind.CREATE: Sign(N_("Create"), "plus", "ok"),
    LineKind.CHANGE: Sign(N_("Change"), "pencil", "busy"),
    LineKind.REMOVE: Sign(N_("Remove"), "trash", "bad"),
    LineKind.REFUSE: Sign(N_("Refused"), "ban", "bad"),
    LineKind.CONFLICT: Sign(N_("Conflict"), "scale", "warn"),
}
HEADINGS: Final = (
    N_("Side"),
    N_("Code comptable"),
    N_("Name"),
    N_("What"),
    N_("Field"),
    N_("Before"),
    N_("After"),
    N_("Why"),
)


@dataclass(frozen=True, kw_only=True)
class TiersLines:
    """The lines of one tiers on one side."""

    side: Side
    code: str
    name: str
    lines: Sequence[PlanLine]


@router.get("/integrations/{integration_id}/plans")
def show_plans(integration_id: RecordId, screen: ReadScreen, place: ThePlace) -> Response:
    """The plans that were made, the newest first."""
    with screen.engine.store.reading() as session:
        integrations.get(session, integration_id)
        found = list_plans(session, integration_id, limit=place.more, before=place.after(int))
    shown = found[: place.limit]
    return screen.show(
        "plans.html",
        of=integration_id,
        rows=[(plan, guard_said(plan.stopped_by, screen.language)) for plan in shown],
        next=place.cursor(shown[-1].id) if len(found) > place.limit else None,
        first=place.after(int) is None,
    )


@router.get(_PAGE)
def show_a_plan(
    integration_id: RecordId,
    plan_id: RecordId,
    screen: ReadScreen,
    place: ThePlace,
    format: str = "",  # noqa: A002 - the name in the address
) -> Response:
    """What the cycle would do, by side and tiers; as a file all lines."""
    with screen.engine.store.reading() as session:
        _mine(session, integration_id, plan_id)
        view = show_plan(session, plan_id, limit=place.limit, after=max(0, place.after(int) or 0))
        later = select(func.count(Cycle.id)).where(
            Cycle.integration_id == integration_id, Cycle.started_at > view.plan.made_at
        )
        ran_since = int(session.scalar(later) or 0)
    if format == "csv":
        headings = [screen._(heading) for heading in HEADINGS]
        return tables.csv_answer(f"plan-{plan_id}.csv", headings, _lines(screen, plan_id))
    return screen.show(
        "plan.html",
        of=integration_id,
        view=view,
        groups=_by_tiers(view),
        guard=guard_said(view.plan.stopped_by, screen.language),
        ran_since=ran_since,
        line_sign=lambda line: LINES[line.kind],
        refusal=lambda line: _refusal(screen, line),
        next=None if view.after is None else place.cursor(view.after),
        first=place.after(int) is None,
        sides=list(Side),
    )


def _mine(session: Session, integration_id: int, plan_id: int) -> None:
    if session.scalar(select(Plan.integration_id).where(Plan.id == plan_id)) != integration_id:
        raise unknown_plan(plan_id)


def _refusal(screen: Screen, line: PlanLine) -> str:
    problem = Problem(line.after, code=line.rule, field=line.path or None)
    return cause_of(Side(line.side), problem, screen.language).happened


def _by_tiers(view: PlanView) -> list[TiersLines]:
    return [
        TiersLines(side=Side(side), code=code, name=name, lines=tuple(lines))
        for (side, code, name), lines in groupby(view.lines, lambda line: (line.side, line.code, line.name))
    ]


def _lines(screen: Screen, plan_id: int) -> Iterator[tuple[object, ...]]:
    after: int | None = 0
    while after is not None:
        with screen.engine.store.reading() as session:
            view = show_plan(session, plan_id, limit=_BATCH, after=after)
        for line in view.lines:
            what, side = screen._(LINES[line.kind].word), screen._(sign_of(Side(line.side)).word)
            label, why = (said_in(text, screen.language) for text in (line.label, line.why))
            yield side, line.code, line.name, what, label, line.before, line.after, why
        after = view.after


@router.post(f"{_PAGE}/approvals")
def approve_plan(integration_id: RecordId, plan_id: RecordId, screen: SyncScreen) -> Response:
    """Have the cycle do exactly what the plan says; it writes nothing if that is no longer what would happen."""
    with screen.writing() as session:
        _mine(session, integration_id, plan_id)
        of, order = approval(session, plan_id)
        run = ask(session, of, order, at=screen.at, by=screen.caller.login)
        screen.audit(session, "plan.approved", f"plan/{plan_id}", {"run": run.id})
        return screen.done(session, f"/runs/{run.id}", screen._("The plan is being applied."), tone="info")
