"""/integrations/{id}/log_files: the log of an integration, listed, read a part at a time, or downloaded (CRM-19, CRM-52)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response, StreamingResponse

from api.forms import Instant, RecordId, View
from api.identity import Reader, TheEngine
from api.pages import Page, ThePlace
from api.problems import not_found
from api.v1.integrations import integration_or_404
from syncengine import logs
from syncengine.engine import Engine

router = APIRouter(prefix="/integrations/{integration_id}/log_files", tags=["logs"])

FileName = Annotated[str, Path(max_length=60, description="A name from the list.")]


class LogFileSheet(View):
    """A log file; its size in bytes. When it is full it is put aside under the next number."""

    name: str
    size: int
    modified_at: Instant


@router.get("")
def list_log_files(integration_id: RecordId, _caller: Reader, engine: TheEngine) -> Page[LogFileSheet]:
    """The log files of an integration, the current one first; no secret is in any of them."""
    with engine.store.reading() as session:
        integration_or_404(session, integration_id)
    found = logs.list_logs(engine.settings, integration_id)
    return Page(items=[LogFileSheet.model_validate(one) for one in found], next=None)


@router.get("/{name}", response_class=StreamingResponse, responses={200: {"content": {"application/x-ndjson": {}}}})
def get_log_file(integration_id: RecordId, name: FileName, _caller: Reader, engine: TheEngine) -> Response:
    """A whole log file: one JSON object per line."""
    _known(engine, integration_id, name)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    pieces = logs.read_bytes(engine.settings, name)
    return StreamingResponse(pieces, headers=headers, media_type="application/x-ndjson")


@router.get("/{name}/lines")
def list_log_lines(
    integration_id: RecordId, name: FileName, _caller: Reader, engine: TheEngine, place: ThePlace
) -> Page[str]:
    """The lines of a log file as they are, the oldest first."""
    _known(engine, integration_id, name)
    part = logs.read_part(engine.settings, name, offset=place.after(int) or 0, limit=place.limit)
    return Page(items=list(part.lines), next=None if part.end is None else place.cursor(part.end))


def _known(engine: Engine, integration_id: int, name: str) -> None:
    """Raises ApiProblem (not_found) unless it is a log file of that integration: no other file is ever opened."""
    with engine.store.reading() as session:
        integration_or_404(session, integration_id)
    if name not in {one.name for one in logs.list_logs(engine.settings, integration_id)}:
        raise not_found()
