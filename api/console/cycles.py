"""Cycles: what ran and what waits to run, newest first (CRM-10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.console import tables
from api.console.choices import chosen, day
from api.console.cycle_words import KINDS, figures_of, kind_of
from api.console.language import N_
from api.console.problem_words import said
from api.console.screen import ReadScreen, Screen
from api.console.signs import sign_of
from api.forms import RecordId
from api.pages import ThePlace
from syncengine import integrations
from syncengine.desk.cycles import list_cycles
from syncengine.desk.run_requests import list_runs
from syncengine.desk.status import CycleSummary
from syncengine.model import CycleKind, CycleStatus, RunState

router = APIRouter()
_BATCH: Final = 500
_WAITING: Final = 5
HEADINGS: Final = (
    N_("Cycle"),
    N_("Kind"),
    N_("Status"),
    N_("Begun"),
    N_("Ended"),
    N_("What it did"),
    N_("What stopped it"),
)


@router.get("/integrations/{integration_id}/cycles")
def show_cycles(
    integration_id: RecordId,
    screen: ReadScreen,
    place: ThePlace,
    status: str = "",
    kind: str = "",
    day: str = "",
    format: str = "",  # noqa: A002 - the name in the address
) -> Response:
    """The cycles that match the filter, and above them what was ordered and waits; as a file all of them."""
    kept = {"status": status, "kind": kind, "day": day}
    wanted = _Wanted(kept)
    with screen.engine.store.reading() as session:
        integrations.get(session, integration_id)
        found = wanted.cycles(screen, integration_id, limit=place.more, before=place.after(int))
        runs = [
            run
            for state in (RunState.RUNNING, RunState.WAITING)
            for run in list_runs(session, integration_id, state=state, limit=_WAITING)
        ]
        refused = list_runs(session, integration_id, limit=1)
    if format == "csv":
        headings = [screen._(heading) for heading in HEADINGS]
        return tables.csv_answer("cycles.csv", headings, _lines(screen, integration_id, wanted))
    shown = found[: place.limit]
    return screen.show(
        "cycles.html",
        of=integration_id,
        rows=shown,
        runs=[run for run in runs if run.cycle_id is None],
        refused=next((run for run in refused if run.state is RunState.REFUSED), None),
        kept={name: value for name, value in kept.items() if value},
        next=place.cursor(shown[-1].id) if len(found) > place.limit else None,
        first=place.after(int) is None,
        kinds=[("", screen._("Every kind")), *((one.value, screen._(word)) for one, word in KINDS.items())],
        live=any(not cycle.status.ended for cycle in shown) or bool(runs),
    )


class _Wanted:
    """The filter as the address has it. Raises ApiProblem (parameter_invalid)."""

    def __init__(self, kept: dict[str, str]) -> None:
        self._status = chosen(CycleStatus, kept["status"], "status")
        self._kind = chosen(CycleKind, kept["kind"], "kind")
        self._day: tuple[datetime | None, datetime | None] = day(kept["day"]) or (None, None)

    def cycles(self, screen: Screen, integration_id: int, *, limit: int, before: int | None) -> list[CycleSummary]:
        """A page of the cycles that match."""
        begin, end = self._day
        with screen.engine.store.reading() as session:
            return list_cycles(
                session,
                integration_id,
                kind=self._kind,
                status=self._status,
                limit=limit,
                before=before,
                started_from=begin,
                started_until=end,
            )


def _lines(screen: Screen, integration_id: int, wanted: _Wanted) -> Iterator[tuple[object, ...]]:
    before: int | None = None
    while True:
        found = wanted.cycles(screen, integration_id, limit=_BATCH, before=before)
        yield from (_line(screen, one) for one in found)
        if len(found) < _BATCH:
            return
        before = found[-1].id


def _line(screen: Screen, one: CycleSummary) -> tuple[object, ...]:
    _ = screen._
    did = ", ".join(_(word, n=screen.formats.number(number)) for word, number in figures_of(one.counts))
    stopped = " ".join(said(one.error_code, one.error_message or "", screen.language)) if one.error_code else ""
    kind, status = _(kind_of(one.kind)), _(sign_of(one.status).word)
    return (one.id, kind, status, one.started_at, one.ended_at, did, stopped)
