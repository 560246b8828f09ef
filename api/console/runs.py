"""What was ordered and is carried out by the service: followed until its cycle or its plan is there (CRM-19, NEW-02)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from api.console.problem_words import told
from api.console.screen import ReadScreen, Screen
from api.forms import RecordId
from contracts.errors import Problem
from syncengine.desk.run_requests import RunView, show_run
from syncengine.model import Integration, RunState

router = APIRouter()
_PATIENCE: Final = timedelta(seconds=15)
"""After that, and while no cycle runs, the service does not seem to be at work."""


@router.get("/runs/{run_id}")
def show_a_run(run_id: RecordId, screen: ReadScreen) -> Response:
    """On to the cycle or the plan once it is there; until then that it waits, and why it was refused."""
    with screen.engine.store.reading() as session:
        run = show_run(session, run_id)
        until = session.get_one(Integration, run.integration_id).lease_until
    onward = _onward(run)
    if onward is not None:
        return _go(screen, onward)
    busy = until is not None and until > screen.at
    return screen.show(
        "run.html",
        of=run.integration_id,
        run=run,
        busy=busy,
        still=run.state is RunState.WAITING and not busy and screen.at - run.asked_at > _PATIENCE,
        refusal=_refusal(run, screen),
        live=run.state in {RunState.WAITING, RunState.RUNNING},
    )


def _onward(run: RunView) -> str | None:
    place = f"/integrations/{run.integration_id}"
    if run.cycle_id is not None:
        return f"{place}/cycles/{run.cycle_id}"
    return f"{place}/plans/{run.plan_id}" if run.plan_id is not None else None


def _go(screen: Screen, path: str) -> Response:
    if "hx-request" in screen.request.headers:
        return HTMLResponse(headers={"HX-Redirect": path})
    return screen.go(path)


def _refusal(run: RunView, screen: Screen) -> object:
    if run.problem is None:
        return None
    known = run.problem
    problem = Problem(str(known.get("message", "")), code=known.get("code"), remedy=known.get("remedy"))
    return told(problem, screen.language)
