"""Plans that were kept, read: what a cycle would do, per side and per tiers, in words (NEW-02, NEW-06)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from syncengine.core.guards import Totals
from syncengine.core.labels import label_of
from syncengine.core.paths import join
from syncengine.core.plan import Line, LineKind, load_lines, totals_of
from syncengine.core.reasons import why
from syncengine.errors import InputRefused
from syncengine.model import CycleKind, Plan
from syncengine.model.link import Entity

LIMIT: Final = 200
_WHOLE: Final = {
    Entity.COMPANY.value: "Société",
    Entity.ACCOUNT.value: "Tiers",
    Entity.CONTACT.value: "Contact",
    Entity.ADDRESS.value: "Adresse",
    Entity.REPRESENTATIVE.value: "Représentant",
    Entity.FREE_FIELD.value: "Information libre",
    Entity.TURNOVER.value: "Chiffre d'affaires",
}


@dataclass(frozen=True, kw_only=True)
class PlanSummary:
    """One plan without its lines; ``counts`` are those of ``guards.Totals``, per side and action."""

    id: int
    kind: CycleKind
    made_at: datetime
    counts: dict[str, Any]
    stopped_by: str | None
    applied_cycle_id: int | None


@dataclass(frozen=True, kw_only=True)
class PlanLine:
    """One write, refusal or conflict in words; of a conflict, ``before`` is the CRM's value and ``after`` the ERP's."""

    side: str
    code: str
    name: str
    kind: LineKind
    entity: str
    path: str
    label: str
    before: str
    after: str
    rule: str
    why: str


@dataclass(frozen=True, kw_only=True)
class PlanView:
    """A plan with one page of its lines, by side and tiers; ``after`` continues behind them, None when there are no more."""

    plan: PlanSummary
    totals: Totals
    tiers: int
    refused: int
    conflicts: int
    size: int
    lines: tuple[PlanLine, ...]
    after: int | None


def list_plans(
    session: Session, integration_id: int, *, limit: int = 20, before: int | None = None
) -> list[PlanSummary]:
    """The plans of an integration, the newest first; ``before`` is the number that ended the last page."""
    query = select(Plan).where(Plan.integration_id == integration_id).options(defer(Plan.lines))
    if before is not None:
        query = query.where(Plan.id < before)
    return [_summary(plan) for plan in session.scalars(query.order_by(Plan.id.desc()).limit(limit))]


def show_plan(session: Session, plan_id: int, *, limit: int = LIMIT, after: int = 0) -> PlanView:
    """A plan with its lines from number ``after`` on. Raises InputRefused (plan_unknown)."""
    plan = session.get(Plan, plan_id)
    if plan is None:
        raise unknown_plan(plan_id)
    lines = sorted(load_lines(plan.lines))
    kinds = Counter(line.kind for line in lines)
    page = lines[after : after + limit]
    return PlanView(
        plan=_summary(plan),
        totals=totals_of(lines),
        tiers=len({line.key for line in lines}),
        refused=kinds[LineKind.REFUSE],
        conflicts=kinds[LineKind.CONFLICT],
        size=len(lines),
        lines=tuple(map(_told, page)),
        after=after + limit if after + limit < len(lines) else None,
    )


def refuse_other_kind(session: Session, plan_id: int, kinds: Sequence[CycleKind]) -> None:
    """Raises InputRefused (plan_unknown, plan_of_another_kind) unless the plan is one of these kinds of cycle."""
    plan = session.get(Plan, plan_id)
    if plan is None:
        raise unknown_plan(plan_id)
    if plan.kind not in kinds:
        raise InputRefused(
            f"plan {plan_id} is that of another kind of cycle: {plan.kind}",
            code="plan_of_another_kind",
            record=str(plan_id),
            remedy=f"Apply it with the command that made it: `{_COMMAND[plan.kind]}`.",
        )


_COMMAND: Final = {
    CycleKind.FIRST: "syncengine sync --apply PLAN",
    CycleKind.DIFFERENTIAL: "syncengine sync --apply PLAN",
    CycleKind.RESYNC: "syncengine resync [--from erp] --apply PLAN",
    CycleKind.FULL_SEND: "syncengine resync --from crm --apply PLAN",
    CycleKind.UNDO: "syncengine undo CYCLE --apply PLAN",
}


def unknown_plan(plan_id: int) -> InputRefused:
    """The refusal of an order about a plan that is not there."""
    return InputRefused(
        "there is no such plan", code="plan_unknown", record=str(plan_id), remedy="See `syncengine plan list`."
    )


def _summary(plan: Plan) -> PlanSummary:
    return PlanSummary(**{name: getattr(plan, name) for name in PlanSummary.__dataclass_fields__})


def _told(line: Line) -> PlanLine:
    child = {Entity.CONTACT.value: "contacts", Entity.ADDRESS.value: "addresses"}.get(line.entity)
    known = f"{_WHOLE.get(line.entity, line.entity)}"
    label = f"{known} – {_attr_label(child, line.field)}" if child and line.field else label_of(line.field) or known
    refusal = line.kind == LineKind.REFUSE
    return PlanLine(
        side=line.side,
        code=line.key,
        name=line.name,
        kind=LineKind(line.kind),
        entity=line.entity,
        path=line.field,
        label=label,
        before=line.before,
        after=line.after,
        rule=line.rule,
        why=line.after if refusal else why(line.rule) if line.rule else "",
    )


def _attr_label(name: str, attr: str) -> str:
    """The label of a field of a child, whichever child it is."""
    return label_of(join(name, "0", attr)).rpartition(" – ")[2]
