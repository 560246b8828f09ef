"""/system: versions, health, workers and what waits for them; and the bundle for whoever is asked for help."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.forms import Instant, View
from api.identity import Administrator, TheEngine
from api.work import AdminWork
from syncengine.desk.diagnostics_bundle import diagnostics_bundle
from syncengine.desk.system import system
from syncengine.storage.schema import SchemaState

router = APIRouter(prefix="/system", tags=["system"])
_ZIP: Final = "application/zip"


class SchemaSheet(View):
    """The version of the base, and the one this program needs."""

    state: SchemaState
    found: str | None
    wanted: str


class CheckSheet(View):
    """One thing that has to be well: `ok`, or a word for what is wrong, and what to do."""

    name: str
    state: str
    ok: bool
    remedy: str


class WaitingSheet(View):
    """What waits: integrations due (the first since ``oldest_at``), runs asked for, messages of alerts."""

    due: int
    runs: int
    deliveries: int
    oldest_at: Instant | None


class WorkerSheet(View):
    """A process that ran cycles within a day: host and process, how many it runs now, when it last began one."""

    name: str
    running: int
    last_at: Instant | None


class SystemSheet(View):
    """The installation."""

    at: Instant
    healthy: bool
    versions: dict[str, str]
    schema_version: SchemaSheet
    checks: list[CheckSheet]
    waiting: WaitingSheet
    workers: list[WorkerSheet]
    integrations: dict[str, int]


@router.get("")
def get_system(caller: Administrator, engine: TheEngine) -> SystemSheet:
    """How the installation stands; no ERP is asked."""
    with engine.store.reading() as session:
        found = system(engine, session, at=caller.at)
    parts = {name: getattr(found, name) for name in SystemSheet.model_fields if name != "schema_version"}
    return SystemSheet.model_validate({**parts, "schema_version": found.schema}, from_attributes=True)


@router.post(
    "/diagnostics_bundles",
    response_class=Response,
    responses={200: {"content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}}}},
)
def create_diagnostics_bundle(work: AdminWork) -> Response:
    """A ZIP of versions, settings without texts, last cycles and scrubbed logs: no secret and no customer is in it."""
    with work.engine.store.reading() as session:
        bundle = diagnostics_bundle(work.engine, session, at=work.caller.at)
    with work.writing() as session:
        work.audit(session, "system.bundle_made", None, {"bytes": len(bundle)})
    name = f"diagnostics-{work.caller.at:%Y%m%d-%H%M%S}.zip"
    return Response(bundle, media_type=_ZIP, headers={"Content-Disposition": f'attachment; filename="{name}"'})
