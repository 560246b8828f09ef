"""The diagnostics bundle: a ZIP for whoever is asked for help, without secrets and without data of customers (G10).

Texts that somebody entered are never in it: of each only whether there is one. Numbers, switches and words of the program are.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.core.log_scrub import scrubbed
from syncengine.desk.system import system
from syncengine.engine import Engine
from syncengine.integration_record import IntegrationRecord, record_of
from syncengine.logs import ENGINE_LOG, log_name
from syncengine.model import Alert, Cycle, Integration, SyncError
from syncengine.model.sync_error import STANDING
from syncengine.settings import EngineSettings

INTEGRATIONS: Final = 50
CYCLES: Final = 50
LINES: Final = 500
_READ_BYTES: Final = 1_000_000
_SET, _UNSET = "(set)", "(not set)"
_CHECKED: Final = ("policies", "guards", "zone")
"""Texts of an integration that are words of the program, whoever entered them: they were checked against its lists."""
_README: Final = """\
What is in here
  system.json        versions, state of the base, checks, workers, what waits
  settings.json      settings of the program: numbers and switches; of every text only whether it is set
  integrations.json  the same of each integration, with its last cycles, and counts of its errors and alerts by code
  logs/              the end of the logs: events, codes, figures and places in the program
What is not
  passwords, keys, addresses, names of companies, customers or people, values of records, messages that may quote them
"""


def diagnostics_bundle(engine: Engine, session: Session, *, at: datetime) -> bytes:
    """The ZIP; of at most 50 integrations, those that fail first."""
    rows = list(
        session.scalars(select(Integration).order_by(Integration.failures.desc(), Integration.id).limit(INTEGRATIONS))
    )
    told = {
        "system": _system(engine, session, at),
        "settings": _settings(engine.settings),
        "integrations": [_integration(session, row) for row in rows],
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _README)
        for name, value in told.items():
            archive.writestr(f"{name}.json", json.dumps(value, indent=1, ensure_ascii=False))
        for name in (ENGINE_LOG, *(log_name(row.id) for row in rows)):
            lines = "".join(f"{line}\n" for line in _tail(engine.settings.logs / name))
            archive.writestr(f"logs/{name}", lines)
    return out.getvalue()


def _system(engine: Engine, session: Session, at: datetime) -> Any:
    """A host may be named after its owner: workers are numbered."""
    told = asdict(system(engine, session, at=at))
    told["workers"] = [{**worker, "name": number} for number, worker in enumerate(told["workers"], 1)]
    return _plain(told)


def _settings(settings: EngineSettings) -> dict[str, Any]:
    return {name: _masked(getattr(settings, name)) for name in type(settings).model_fields}


def _integration(session: Session, row: Integration) -> dict[str, Any]:
    record = record_of(session, row)
    cycles = select(Cycle).where(Cycle.integration_id == row.id).order_by(Cycle.id.desc()).limit(CYCLES)
    return {
        "id": row.id,
        "state": row.state.value,
        "connected": row.connected,
        "failures": row.failures,
        "due_at": _plain(row.due_at),
        "gateway": row.gateway_version,
        "contract": row.contract_version,
        "settings": _entered(record),
        "cycles": [_cycle(cycle) for cycle in session.scalars(cycles)],
        "errors": _counts(session, SyncError, row.id, SyncError.state.in_(STANDING)),
        "alerts": _counts(session, Alert, row.id, Alert.closed_at.is_(None)),
    }


def _entered(record: IntegrationRecord) -> dict[str, Any]:
    entered = {item.name: getattr(record.draft, item.name) for item in fields(record.draft)}
    told = {name: _plain(value) if name in _CHECKED else _masked(value) for name, value in entered.items()}
    has = ("erp_password", "crm_password", "sql_url")
    return told | {name: _SET if getattr(record, f"has_{name}") else _UNSET for name in has}


def _cycle(cycle: Cycle) -> dict[str, Any]:
    """A cycle without its message, which may quote a record."""
    names = ("id", "kind", "status", "due_at", "started_at", "ended_at", "phase", "progress_done", "progress_total")
    return {name: _plain(getattr(cycle, name)) for name in (*names, "counts", "error_code")}


def _counts(session: Session, of: Any, integration_id: int, which: Any) -> dict[str, int]:
    query = select(of.code, func.count()).where(of.integration_id == integration_id, which).group_by(of.code)
    return {row[0]: row[1] for row in session.execute(query)}


def _masked(value: Any) -> Any:
    """Numbers, switches and choices as they are; anything that somebody typed only as set or not."""
    if value is None or isinstance(value, bool | int | float | Enum | time):
        return _plain(value)
    if isinstance(value, Mapping | list | tuple):
        return len(value)
    return _SET if str(value) else _UNSET


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal():
            return str(value)
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
    return value


def _tail(path: Path) -> Iterator[str]:
    """The last lines of a log, scrubbed; nothing when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(max(0, size - _READ_BYTES))
            text = file.read(_READ_BYTES).decode("utf-8", "replace")
    except OSError:
        return
    found = deque(islice(text.splitlines(), 1 if size > _READ_BYTES else 0, None), maxlen=LINES)
    yield from (line for line in map(scrubbed, found) if line is not None)
