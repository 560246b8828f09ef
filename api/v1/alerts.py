"""/alerts: what somebody must know about an integration, from when it was first seen until it is over (NEW-09)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.forms import ID_MAX, Instant, RecordId, View
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.work import SyncOnce
from syncengine.desk import alerts
from syncengine.model import AlertCause

router = APIRouter(prefix="/alerts", tags=["alerts"])


class AlertSheet(View):
    """One alert; ``words`` is its cause in French, ``times`` how often it was met while it was open."""

    id: int
    integration: str
    cause: AlertCause
    words: str
    code: str
    message: str
    remedy: str
    opened_at: Instant
    seen_at: Instant
    times: int
    closed_at: Instant | None


@router.get("")
def list_alerts(
    _caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    *,
    integration_id: Annotated[int | None, Query(ge=1, le=ID_MAX, description="Of one integration only.")] = None,
    closed_too: Annotated[bool, Query(description="Those that are over, too.")] = False,
) -> Page[AlertSheet]:
    """Alerts, the newest first; the open ones unless `closed_too`."""
    with engine.store.reading() as session:
        found = alerts.list_alerts(
            session,
            integration_id=integration_id,
            closed_too=closed_too,
            limit=place.more,
            before=place.after(int),
        )
    return place.page(found, AlertSheet.model_validate, lambda one: one.id)


@router.post(
    "/{alert_id}/closures",
    status_code=201,
    response_model=AlertSheet,
    responses=refuses("alert_unknown", "alert_closed"),
)
def close_alert(alert_id: RecordId, work: SyncOnce) -> Response:
    """Close an alert by hand; it opens again if its cause is met again."""
    with work.writing() as session:
        closed = alerts.close_alert(session, alert_id, at=work.caller.at)
        work.audit(session, "alert.closed", f"alert/{alert_id}", {"cause": closed.cause.value})
        return work.answer(session, AlertSheet.model_validate(closed), status=201)
