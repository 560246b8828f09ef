"""/runs: what was asked for, a cycle or its plan, until a worker has carried it out (CRM-19, NEW-02)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.forms import ID_MAX, RecordId, View
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.progress import watched
from api.shown import Shown
from api.work import Work
from syncengine.desk.cycles import find_cycle
from syncengine.desk.run_requests import RunView, run_view, show_run
from syncengine.desk.run_requests import list_runs as listed
from syncengine.desk.status import CycleSummary, summary_of
from syncengine.engine import Engine
from syncengine.model import RunRequest, RunState

router = APIRouter(prefix="/runs", tags=["cycles"])

REFUSED: Final = (
    *("integration_unknown", "integration_not_active", "integration_disconnected", "settings_locked"),
    *("plan_unknown", "plan_of_another_kind", "cycle_unknown"),
)
"""Why a run may be refused at once."""
_ENDED: Final = frozenset({RunState.DONE, RunState.REFUSED})


class RunProgress(View):
    """A run, and the cycle that carries it out as far as that is."""

    run: RunView
    cycle: CycleSummary | None


@router.get("")
def list_runs(
    _caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    integration_id: Annotated[int | None, Query(ge=1, le=ID_MAX, description="Of one integration.")] = None,
    state: Annotated[RunState | None, Query(description="In that state.")] = None,
) -> Page[RunView]:
    """What was asked for, the newest first."""
    with engine.store.reading() as session:
        found = listed(session, integration_id, state=state, limit=place.more, before=place.after(int))
    return place.page(found, lambda one: one, lambda one: one.id)


@router.get("/{run_id}", response_model=RunProgress, responses=refuses("run_unknown"))
def get_run(run_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """One run: waiting, running, done or refused, with its cycle or its plan."""
    return etags.answer(request, _progress(engine, run_id))


def _known(run_id: RecordId, _caller: Reader, engine: TheEngine) -> Engine:
    """Before a stream begins: once it has, there is no 404 any more."""
    _progress(engine, run_id)
    return engine


KnownRun = Annotated[Engine, Depends(_known)]


@router.get("/{run_id}/events", response_class=EventSourceResponse, responses=refuses("run_unknown"))
async def watch_run(
    run_id: RecordId,
    engine: KnownRun,
    last_event_id: Annotated[str | None, Header(max_length=100, description="Of the last event that arrived.")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """The run each time it has got further, until the event `end`; the same as polling it."""

    def look() -> tuple[RunProgress, bool]:
        shown = _progress(engine, run_id)
        return shown, shown.run.state in _ENDED

    async for event in watched(look, last_event_id):
        yield event


def run_answer(work: Work, session: Session, asked: RunRequest) -> Response:
    """202 with the run to follow; the audit log is told."""
    detail = {"order": asked.order, "preview": asked.preview}
    work.audit(session, "run.asked", f"integration/{asked.integration_id}", detail)
    return work.answer(session, Shown[RunView](run_view(asked)), status=202, location=f"/api/v1/runs/{asked.id}")


def _progress(engine: Engine, run_id: int) -> RunProgress:
    with engine.store.reading() as session:
        run = show_run(session, run_id)
        cycle = None if run.cycle_id is None else summary_of(find_cycle(session, run.cycle_id))
        return RunProgress(run=run, cycle=cycle)
