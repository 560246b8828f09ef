"""/integrations/{id}/…: activate, release the ERP base, synchronise now, test the connection, check the ERP's data.

What waits for a gateway is done outside of any transaction, and written down after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.forms import RecordId, View
from api.gateway_codes import refuses_far
from api.identity import Syncer, TheEngine
from api.openapi import refuses
from api.pages import Page
from api.v1.integration_forms import IntegrationSheet, integration_sheet
from api.v1.integrations import integration_or_404
from api.work import AdminOnce, SyncOnce, Work
from contracts.errors import Problem
from syncengine import diagnosis, exclusive, integrations
from syncengine.connection import StepResult, StepStatus
from syncengine.diagnosis import Severity
from syncengine.exclusive import Exclusive

router = APIRouter(prefix="/integrations/{integration_id}", tags=["integrations"])

TEST_S: Final = 15.0
"""A step of the connection test waits so long: three of them wait, and a caller of the API is answered within a minute."""
RELEASE_S: Final = 30.0
"""A running cycle, or a call of others, gets so long to end; who asks again goes on waiting."""


class ExclusiveSheet(View):
    """How the integration stands, and whether the gateway did its part; an older one cannot, and keeps its connections."""

    integration: IntegrationSheet
    gateway_obeyed: bool


class SyncRequestSheet(View):
    """'Synchronise now' was heard: done once ``handled_number`` of the status is not below this."""

    number: int


class StepSheet(View):
    """One step of a connection test; ``problem`` is the code of what made it fail."""

    code: str
    name: str
    status: StepStatus
    detail: str
    remedy: str
    problem: str | None


class ConnectionTestSheet(View):
    """Whether the gateway can be worked with, and every step that shows it."""

    passed: bool
    steps: list[StepSheet]


class FindingSheet(View):
    """One check of the ERP's data: how many records it concerns, a few of them, and how to correct them there."""

    check: str
    title: str
    severity: Severity
    count: int
    examples: list[str]
    remedy: str


@router.post("/activations", status_code=201, response_model=IntegrationSheet, responses=refuses("integration_invalid"))
def activate_integration(integration_id: RecordId, work: AdminOnce) -> Response:
    """Let cycles run, the first one at once (CRM-11)."""
    with work.writing() as session:
        was = integration_or_404(session, integration_id)
        record = integrations.activate(session, integration_id, at=work.caller.at)
        if not was.active:
            work.audit(session, "integration.activated", f"integration/{integration_id}")
        return work.answer(session, integration_sheet(record), status=201)


@router.post("/deactivations", status_code=201, response_model=IntegrationSheet)
def deactivate_integration(integration_id: RecordId, work: AdminOnce) -> Response:
    """Stop cycles; one that runs ends at its next page (CRM-11). Then settings can be changed (CRM-18)."""
    with work.writing() as session:
        was = integration_or_404(session, integration_id)
        record = integrations.deactivate(session, integration_id, at=work.caller.at)
        if was.active:
            work.audit(session, "integration.deactivated", f"integration/{integration_id}")
        return work.answer(session, integration_sheet(record), status=201)


@router.post(
    "/disconnections",
    status_code=201,
    response_model=ExclusiveSheet,
    responses=refuses_far("right_withdrawn", "already_running"),
)
def disconnect_integration(integration_id: RecordId, work: SyncOnce) -> Response:
    """'Déconnecter Gestion Commerciale': nothing is synchronised or read, and the gateway releases the ERP base (CRM-58).

    409 `already_running`: it is disconnected, but a cycle has not ended yet; the same again goes on.
    """
    return _exclusive(work, integration_id, "integration.disconnected", _disconnect)


@router.post("/reconnections", status_code=201, response_model=ExclusiveSheet, responses=refuses_far("right_withdrawn"))
def reconnect_integration(integration_id: RecordId, work: SyncOnce) -> Response:
    """'Reconnecter Gestion Commerciale': the ERP base is used again; an active integration synchronises at once (CRM-58)."""
    return _exclusive(work, integration_id, "integration.reconnected", _reconnect)


@router.post(
    "/sync_requests",
    status_code=202,
    response_model=SyncRequestSheet,
    responses=refuses("integration_not_active", "integration_disconnected"),
)
def request_sync(integration_id: RecordId, work: SyncOnce) -> Response:
    """'Synchroniser': a cycle that begins after this is due at once; when one is running, at its end (CRM-07, CRM-19)."""
    with work.writing() as session:
        integration_or_404(session, integration_id)
        number = integrations.request(session, integration_id, at=work.caller.at)
        work.audit(session, "integration.sync_requested", f"integration/{integration_id}", {"number": number})
        location = f"/api/v1/integrations/{integration_id}/status"
        return work.answer(session, SyncRequestSheet(number=number), status=202, location=location)


@router.post(
    "/connection_tests",
    responses=refuses(
        "integration_invalid", "integration_disconnected", "key_missing", "key_wrong", "settings_invalid"
    ),
)
def create_connection_test(integration_id: RecordId, _caller: Syncer, engine: TheEngine) -> ConnectionTestSheet:
    """Try the connection as it is stored, step by step; the steps behind the first that fails are skipped (CRM-53)."""
    with engine.store.reading() as session:
        integration_or_404(session, integration_id)
    steps = [_step(result) for result in diagnosis.try_connection(engine, integration_id, longest_s=TEST_S)]
    return ConnectionTestSheet(passed=all(step.status is StepStatus.OK for step in steps), steps=steps)


@router.post("/erp_checks", responses=refuses_far())
def check_erp(integration_id: RecordId, _caller: Syncer, engine: TheEngine) -> Page[FindingSheet]:
    """Have the gateway check the data of Sage 100, as before a first synchronisation (CRM-53)."""
    with engine.store.reading() as session:
        integration_or_404(session, integration_id)
    found = diagnosis.check_erp_data(engine, integration_id)
    return Page(items=[FindingSheet.model_validate(one) for one in found], next=None)


def _disconnect(work: Work, integration_id: int) -> Exclusive:
    return exclusive.disconnect(work.engine, integration_id, by=work.caller.login, longest_s=RELEASE_S)


def _reconnect(work: Work, integration_id: int) -> Exclusive:
    return exclusive.reconnect(work.engine, integration_id, by=work.caller.login)


def _exclusive(work: Work, integration_id: int, action: str, act: Callable[[Work, int], Exclusive]) -> Response:
    subject = f"integration/{integration_id}"
    with work.engine.store.reading() as session:
        integration_or_404(session, integration_id)
    try:
        done = act(work, integration_id)
    except Problem as problem:
        with work.engine.store.writing() as session:
            work.audit(session, f"{action}_in_vain", subject, {"code": problem.problem_code})
        raise
    with work.writing() as session:
        work.audit(session, action, subject, {"gateway_obeyed": done.gateway_obeyed})
        view = ExclusiveSheet(integration=integration_sheet(done.integration), gateway_obeyed=done.gateway_obeyed)
        return work.answer(session, view, status=201)


def _step(result: StepResult) -> StepSheet:
    return StepSheet(
        **{name: getattr(result, name) for name in ("code", "name", "status", "detail", "remedy")},
        problem=None if result.problem is None else result.problem.problem_code,
    )
