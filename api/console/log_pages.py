"""Journal: the log files of an integration, listed and read, without a secret in them (CRM-52)."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from api.console.screen import ReadScreen
from api.forms import RecordId
from api.problems import not_found
from syncengine import integrations, logs

router = APIRouter()
_SHOWN: Final = 100
_OWN: Final = frozenset({"event", "level", "timestamp", "integration"})
_LEVELS: Final = {"warning": "warn", "error": "bad", "critical": "bad"}


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One event: ``details`` are its facts; of a line that is none only ``event`` is known."""

    at: datetime | None
    level: str
    event: str
    details: tuple[tuple[str, str], ...] = ()


@router.get("/integrations/{integration_id}/logs")
def show_logs(
    integration_id: RecordId, screen: ReadScreen, name: str = "", level: str = "", text: str = ""
) -> Response:
    """The files, and the last lines of one of them, the newest first."""
    settings = screen.engine.settings
    with screen.engine.store.reading() as session:
        integrations.get(session, integration_id)
    files = logs.list_logs(settings, integration_id)
    chosen = _chosen(files, name)
    lines: Iterable[LogLine] = ()
    if chosen is not None:
        matching = (line for line in map(_line, logs.read_log(settings, chosen.name)) if _wanted(line, level, text))
        lines = reversed(deque(matching, maxlen=_SHOWN))
    shown: dict[str, Any] = {
        "files": files,
        "chosen": chosen,
        "lines": list(lines),
        "level": level,
        "text": text,
        "most": _SHOWN,
    }
    return screen.show("logs.html", of=integration_id, **shown)


@router.get("/integrations/{integration_id}/logs/{name}")
def get_log(integration_id: RecordId, name: str, screen: ReadScreen) -> Response:
    """A file as it is."""
    chosen = _chosen(logs.list_logs(screen.engine.settings, integration_id), name)
    if chosen is None:
        raise not_found()
    headers = {"Content-Disposition": f'attachment; filename="{chosen.name}"'}
    lines = (f"{line}\n" for line in logs.read_log(screen.engine.settings, chosen.name))
    return StreamingResponse(_pieces(lines), headers=headers, media_type="application/x-ndjson")


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    yield from lines


def _chosen(files: list[logs.LogFile], name: str) -> logs.LogFile | None:
    """The file of that name, the current one without a name; another integration's is none."""
    found = next((file for file in files if file.name == name), None)
    if name and found is None:
        raise not_found()
    return found or (files[0] if files else None)


def _line(text: str) -> LogLine:
    try:
        event = json.loads(text)
        at = datetime.fromisoformat(event["timestamp"])
        facts = tuple((key, _fact(value)) for key, value in event.items() if key not in _OWN and value is not None)
        return LogLine(at=at, level=str(event.get("level", "")), event=str(event["event"]), details=facts)
    except (ValueError, KeyError, TypeError, AttributeError):
        return LogLine(at=None, level="", event=text)


def _fact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _wanted(line: LogLine, level: str, text: str) -> bool:
    if level and _LEVELS.get(line.level, "info") not in {level, "bad"}:
        return False
    haystack = " ".join((line.event, *(fact for _key, fact in line.details))).casefold()
    return text.strip().casefold() in haystack
