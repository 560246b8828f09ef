"""/cycles: what ran, how it goes, what it met, and taking it back (CRM-10, CRM-51, NEW-04)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.forms import ID_MAX, Form, RecordId, View
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.progress import watched
from api.shown import Shown
from api.v1.runs import REFUSED, run_answer
from api.work import SyncOnce
from syncengine import integrations
from syncengine.core.undo_plan import Arrival, Left, UndoEdit, UndoPlan
from syncengine.cycle.run import Order
from syncengine.desk.analysis import Analysis, analysis
from syncengine.desk.cycles import find_cycle
from syncengine.desk.cycles import list_cycles as listed
from syncengine.desk.run_requests import RunView, ask
from syncengine.desk.status import CycleSummary, summary_of
from syncengine.desk.undoing import undo_preview
from syncengine.engine import Engine
from syncengine.logs import log_name, read_log
from syncengine.model import CycleKind, CycleStatus, Side

router = APIRouter(tags=["cycles"])
SHOWN: Final = 200
"""Of each kind, so many are shown of what an undo would do; the plan of it (dry_run) has them all."""


class CycleForm(Form):
    """What the cycle is to do: the differences, or everything; with ``preferred`` one side is right wherever the two differ."""

    full: bool = Field(default=False, description="Compare everything instead of following the changes (CRM-09).")
    preferred: Side | None = Field(
        default=None, description="With `full`, while the integration is deactivated (CRM-19)."
    )
    plan_id: int | None = Field(
        default=None, ge=1, le=ID_MAX, description="Do exactly what that plan says, or nothing."
    )
    dry_run: bool = Field(default=False, description="Make the plan of it and write nothing else (NEW-02).")


class UndoForm(Form):
    """Whether values that were changed since go back, too."""

    changed_since_too: bool = False
    plan_id: int | None = Field(
        default=None, ge=1, le=ID_MAX, description="Do exactly what that plan says, or nothing."
    )
    dry_run: bool = Field(default=False, description="Make the plan of it and write nothing else (NEW-02).")


class UndoCounts(View):
    """How many values go back, were changed since, cannot go back; how many Companies go, how many tiers come back."""

    edits: int
    changed_since: int
    removed: int
    put_back: int
    left: int


class UndoSheet(View):
    """What taking a cycle back would do now; of each kind at most 200."""

    counts: UndoCounts
    edits: list[UndoEdit]
    changed_since: list[UndoEdit]
    removed: list[Arrival]
    put_back: list[str]
    left: list[Left]


@router.post(
    "/integrations/{integration_id}/cycles", status_code=202, response_model=RunView, responses=refuses(*REFUSED)
)
def create_cycle(integration_id: RecordId, work: SyncOnce, form: CycleForm = CycleForm()) -> Response:  # noqa: B008
    """Ask for a cycle, or with ``dry_run`` for the plan of it: Location is the run to follow (CRM-19, NEW-02)."""
    order = Order(full=form.full or form.preferred is not None, preferred=form.preferred, plan_id=form.plan_id)
    with work.writing() as session:
        asked = ask(session, integration_id, order, at=work.caller.at, by=work.caller.login, preview=form.dry_run)
        return run_answer(work, session, asked)


@router.get("/integrations/{integration_id}/cycles", responses=refuses("integration_unknown"))
def list_cycles(
    integration_id: RecordId,
    _caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    kind: Annotated[CycleKind | None, Query(description="Of that kind.")] = None,
    status: Annotated[CycleStatus | None, Query(description="Of that status.")] = None,
) -> Page[CycleSummary]:
    """The cycles of an integration with what they did and what stopped them, the newest first."""
    with engine.store.reading() as session:
        of = integrations.get(session, integration_id).id
        found = listed(session, of, kind=kind, status=status, limit=place.more, before=place.after(int))
    return place.page(found, lambda one: one, lambda one: one.id)


@router.get("/cycles/{cycle_id}", response_model=CycleSummary, responses=refuses("cycle_unknown"))
def get_cycle(cycle_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """One cycle with its counts, and its progress while it runs."""
    return etags.answer(request, _shown(engine, cycle_id))


def _known(cycle_id: RecordId, _caller: Reader, engine: TheEngine) -> Engine:
    """Before a stream begins: once it has, there is no 404 any more."""
    _shown(engine, cycle_id)
    return engine


KnownCycle = Annotated[Engine, Depends(_known)]


@router.get("/cycles/{cycle_id}/events", response_class=EventSourceResponse, responses=refuses("cycle_unknown"))
async def watch_cycle(
    cycle_id: RecordId,
    engine: KnownCycle,
    last_event_id: Annotated[str | None, Header(max_length=100, description="Of the last event that arrived.")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """The cycle each time it has got further, until the event `end`; the same as polling it."""

    def look() -> tuple[Shown[CycleSummary], bool]:
        shown = _shown(engine, cycle_id)
        return shown, shown.root.status.ended

    async for event in watched(look, last_event_id):
        yield event


@router.get("/cycles/{cycle_id}/analysis", responses=refuses("cycle_unknown"))
def get_analysis(cycle_id: RecordId, _caller: Reader, engine: TheEngine) -> Analysis:
    """The log analyser: what the cycle met, grouped, with counts, examples and what to do (CRM-51)."""
    with engine.store.reading() as session:
        cycle = find_cycle(session, cycle_id)
        kept = engine.settings.logs / log_name(cycle.integration_id)
        log = read_log(engine.settings, kept.name) if kept.is_file() else ()
        return analysis(session, cycle_id, log)


@router.get("/cycles/{cycle_id}/undo", responses=refuses("cycle_unknown", "cycle_running"))
def get_undo(cycle_id: RecordId, _caller: Reader, engine: TheEngine) -> UndoSheet:
    """What taking the cycle back would do now (NEW-04)."""
    with engine.store.reading() as session:
        found = undo_preview(session, find_cycle(session, cycle_id).integration_id, cycle_id)
    return _sheet(found)


@router.post(
    "/cycles/{cycle_id}/undos",
    status_code=202,
    response_model=RunView,
    responses=refuses("cycle_running", *REFUSED),
)
def create_undo(cycle_id: RecordId, work: SyncOnce, form: UndoForm = UndoForm()) -> Response:  # noqa: B008
    """Take a whole cycle back on both sides, by a cycle that can be undone itself: Location is the run to follow (NEW-04)."""
    order = Order(undoes=cycle_id, changed_since_too=form.changed_since_too, plan_id=form.plan_id)
    with work.writing() as session:
        of = find_cycle(session, cycle_id).integration_id
        asked = ask(session, of, order, at=work.caller.at, by=work.caller.login, preview=form.dry_run)
        return run_answer(work, session, asked)


def _shown(engine: Engine, cycle_id: int) -> Shown[CycleSummary]:
    with engine.store.reading() as session:
        return Shown[CycleSummary](summary_of(find_cycle(session, cycle_id)))


def _sheet(found: UndoPlan) -> UndoSheet:
    lists = {name: list(getattr(found, name)) for name in UndoCounts.model_fields}
    counts = UndoCounts(**{name: len(rows) for name, rows in lists.items()})
    return UndoSheet(counts=counts, **{name: rows[:SHOWN] for name, rows in lists.items()})
