"""Analyse: what a cycle met, grouped, with counts, examples and what to do (CRM-51)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.console.error_words import Cause, cause
from api.console.language import words
from api.console.problem_words import meaning_of, remedy_of
from api.console.screen import ReadScreen
from api.forms import ID_MAX, RecordId
from syncengine import logs
from syncengine.desk.analysis import Group, Severity, analysis
from syncengine.desk.error_groups import ErrorGroup
from syncengine.desk.history import unknown_cycle
from syncengine.desk.status import last_cycles
from syncengine.model import Cycle
from syncengine.settings import EngineSettings

router = APIRouter()
_CHOICE: Final = 30


@router.get("/integrations/{integration_id}/analysis")
def show_analysis(
    integration_id: RecordId, screen: ReadScreen, cycle: Annotated[int | None, Query(ge=1, le=ID_MAX)] = None
) -> Response:
    """The analysis of a cycle, of the last one unless another is named."""
    with screen.engine.store.reading() as session:
        cycles = last_cycles(session, integration_id, count=_CHOICE)
        number = cycle or (cycles[0].id if cycles else None)
        found = None
        if number is not None:
            named = session.get(Cycle, number)
            if named is None or named.integration_id != integration_id:
                raise unknown_cycle(number)
            found = analysis(session, number, _lines(screen.engine.settings, integration_id))
    causes = [_cause(group, found.cycle.started_at, screen.language) for group in found.groups] if found else []
    return screen.show("analysis.html", of=integration_id, found=found, causes=causes, cycles=cycles)


def _cause(group: Group, at: datetime, language: str) -> Cause:
    """What happened to the records of a group, and what to do."""
    message = next((example.message for example in group.examples if example.message), "")
    if group.severity is Severity.ERROR and group.side is not None:
        refused = ErrorGroup(
            side=group.side,
            code=group.code,
            field=group.field,
            count=group.count,
            first_at=at,
            last_at=at,
            latest_id=group.examples[0].id or 0,
            message=message,
            remedy=group.remedy,
        )
        return cause(refused, language)
    remedy = remedy_of(group.code, group.remedy, language)
    return Cause(happened=words(language)(meaning_of(group.code)), remedy=remedy, raw=message, field="")


def _lines(settings: EngineSettings, integration_id: int) -> Iterator[str]:
    """The lines of all log files of an integration, the oldest first."""
    for file in reversed(logs.list_logs(settings, integration_id)):
        yield from logs.read_log(settings, file.name)
