"""/integrations/{id}/turnover_refreshes: 'Réactualiser CA', turnover read in Sage 100 now, without a cycle (CRM-48)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from api.forms import Form, Instant, Line, RecordId, View
from api.gateway_codes import refuses_far
from api.v1.integrations import integration_or_404
from api.work import SyncOnce
from syncengine.crm.turnover import BATCH, ask_turnover, refresh_turnover
from syncengine.sync import gateway

router = APIRouter(prefix="/integrations/{integration_id}/turnover_refreshes", tags=["turnover"])


class RefreshForm(Form):
    """Codes of tiers, at most as many as one call of the gateway reads; null for all tiers, which a worker reads."""

    codes: Annotated[list[Line], Field(min_length=1, max_length=BATCH)] | None = None


class RefreshSheet(View):
    """Of some tiers: how many were asked for, have figures now, and have none any more. Of all: since when it is due."""

    asked: int | None = None
    figures: int | None = None
    gone: int | None = None
    due_at: Instant | None = None


@router.post(
    "",
    response_model=RefreshSheet,
    responses={**refuses_far("right_withdrawn", "account_unknown"), 202: {"model": RefreshSheet}},
)
def refresh_turnover_figures(integration_id: RecordId, form: RefreshForm, work: SyncOnce) -> Response:
    """Read turnover N and N-1 of some tiers at once (200), or have a worker read that of all (202)."""
    if form.codes is None:
        return _ask(work, integration_id)
    with work.engine.store.reading() as session:
        integration_or_404(session, integration_id)
    with gateway(work.engine, integration_id, screen=False) as client:
        at, by = work.caller.at, work.caller.login
        done = refresh_turnover(work.engine.store, client, integration_id, form.codes, at=at, by=by)
    with work.writing() as session:
        work.audit(session, "turnover.refreshed", f"integration/{integration_id}", {"tiers": done.asked})
        return work.answer(session, RefreshSheet(asked=done.asked, figures=done.figures, gone=done.gone))


def _ask(work: SyncOnce, integration_id: int) -> Response:
    with work.writing() as session:
        integration_or_404(session, integration_id)
        due_at = ask_turnover(session, integration_id, at=work.caller.at, by=work.caller.login)
        work.audit(session, "turnover.asked", f"integration/{integration_id}")
        location = f"/api/v1/integrations/{integration_id}/status"
        return work.answer(session, RefreshSheet(due_at=due_at), status=202, location=location)
