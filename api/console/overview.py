"""The overview: how fresh every integration is, what waits and what is in error, and the last days in figures."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from api.console.charts import Week
from api.console.error_words import Cause, cause
from api.console.formats import ZONE
from api.console.screen import ReadScreen, Screen
from api.pages import ThePlace
from syncengine.desk.alerts import list_alerts
from syncengine.desk.drift import agreement
from syncengine.desk.error_groups import ErrorGroup, error_groups
from syncengine.desk.overview import standings
from syncengine.desk.status import last_cycles
from syncengine.desk.week import Day, last_days

router = APIRouter()
_CYCLES: Final = 8
_ALERTS: Final = 5
_GROUPS: Final = 6


@router.get("/")
def show_overview(screen: ReadScreen, place: ThePlace) -> Response:
    """How every integration stands; of a single one also its last cycles and its agreement."""
    after = place.after(str)
    with screen.engine.store.reading() as session:
        found = standings(session, at=screen.at, limit=place.more, after=after)
        only = found[0].id if len(found) == 1 and after is None else None
        days = last_days(session, at=screen.at, zone=ZONE)
        context: dict[str, Any] = {
            "items": found[: place.limit],
            "next": place.cursor(found[place.limit - 1].name) if len(found) > place.limit else None,
            "only": found[0] if only else None,
            "groups": _causes(error_groups(session, only)[:_GROUPS], screen) if only else [],
            "alerts": list_alerts(session, limit=_ALERTS),
            "cycles": last_cycles(session, only, count=_CYCLES) if only else [],
            "agreement": agreement(session, only) if only else None,
        }
    return screen.show("overview.html", charts=week(screen, days, only).charts(), first=after is None, **context)


def _causes(groups: list[ErrorGroup], screen: Screen) -> list[tuple[ErrorGroup, Cause]]:
    return [(group, cause(group, screen.language)) for group in groups]


def week(screen: Screen, days: list[Day], integration_id: int | None) -> Week:
    """The charts; of one integration they lead to its lists."""
    return Week(
        days=days,
        language=screen.language,
        cycles=screen.address_of("/integrations/{integration_id}/cycles", integration_id),
        errors=screen.address_of("/integrations/{integration_id}/errors", integration_id),
    )
