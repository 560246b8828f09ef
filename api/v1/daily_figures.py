"""/daily_figures: the last days in figures, for charts: volume, duration, delays, refusals (NEW-09)."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from api.forms import ID_MAX, Line, View
from api.identity import Reader, TheEngine
from api.pages import Page
from api.problems import ApiProblem
from api.v1.integrations import integration_or_404
from syncengine.core.schedule import zones
from syncengine.desk.week import last_days
from syncengine.model import Side

router = APIRouter(prefix="/daily_figures", tags=["figures"])


class DaySheet(View):
    """One day: cycles and how many failed, records each way, seconds (null where there was nothing to measure), records refused.

    ``lag`` is how long changes of the CRM's took to be in Sage 100; ``refused`` by the side that refused.
    """

    day: date
    cycles: int
    failed: int
    from_erp: int
    to_erp: int
    duration_p50: float | None
    duration_max: float | None
    lag_p50: float | None
    lag_p95: float | None
    refused: dict[Side, int]


@router.get("")
def list_daily_figures(
    caller: Reader,
    engine: TheEngine,
    integration_id: Annotated[int | None, Query(ge=1, le=ID_MAX, description="Of one integration only.")] = None,
    days: Annotated[int, Query(ge=1, le=90, description="How many, today included.")] = 7,
    zone: Annotated[Line, Query(description="Where a day begins: an IANA time zone.")] = "Europe/Paris",
) -> Page[DaySheet]:
    """The last days, the oldest first."""
    if zone not in zones():
        raise ApiProblem("parameter_invalid", field="zone")
    with engine.store.reading() as session:
        if integration_id is not None:
            integration_or_404(session, integration_id)
        found = last_days(session, at=caller.at, zone=ZoneInfo(zone), integration_id=integration_id, days=days)
    return Page(items=[DaySheet.model_validate(one) for one in found], next=None)
