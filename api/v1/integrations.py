"""/integrations: the link between the CRM base and a Sage 100 company, and how it stands (CRM-14..18, CRM-62)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.etags import TheIfMatch
from api.forms import Instant, Line, RecordId, View
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.problems import not_found
from api.v1.integration_forms import (
    IntegrationChange,
    IntegrationForm,
    IntegrationSheet,
    changes,
    draft_values,
    integration_sheet,
)
from api.work import AdminOnce, AdminWork
from syncengine import another_company, integrations
from syncengine.desk.freshness import Freshness
from syncengine.desk.next_cycle import Coming, next_cycle
from syncengine.desk.overview import Standing, standings
from syncengine.errors import InputRefused
from syncengine.integration_draft import IntegrationDraft
from syncengine.integration_record import IntegrationRecord
from syncengine.model import CycleStatus, Integration

router = APIRouter(prefix="/integrations", tags=["integrations"])
FIELDS = ("integration_invalid", "unknown_field", "unknown_policy", "field_from_erp", "unknown_guard", "guard_invalid")
_WRITES = (*FIELDS, "key_missing", "key_wrong", "settings_invalid")


class NextSheet(View):
    """The next cycle, after failures the next attempt: why, when, and in words."""

    why: Coming
    at: Instant | None
    words: str


class StatusSheet(View):
    """How an integration stands. ``lag_s``: how long the oldest change of the CRM's has waited to be in Sage 100, 0 without any.

    ``well_at`` is when the last cycle that ended well began; the counts are of tiers with changes to be sent, of records in error
    and of fields that wait for a decision.
    """

    id: int
    name: str
    company: str
    freshness: Freshness
    next: NextSheet
    live: bool
    last_status: CycleStatus | None
    last_at: Instant | None
    last_error: str | None
    well_at: Instant | None
    waiting: int
    lag_s: float
    errors: int
    conflicts: int
    failures: int
    requested_number: int
    handled_number: int


class NewIntegration(View):
    """The integration made, deactivated; and what somebody should know who makes another one (CRM-62)."""

    integration: IntegrationSheet
    warnings: list[str]


@router.get("")
def list_integrations(
    caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    text: Annotated[Line | None, Query(description="Part of the name or of the company.")] = None,
) -> Page[StatusSheet]:
    """Integrations by name, and how each stands."""
    with engine.store.reading() as session:
        found = standings(session, at=caller.at, limit=place.more, after=place.after(str), text=text)
        return place.page(found, lambda one: _status(one, caller.at), lambda one: one.name)


@router.post(
    "",
    status_code=201,
    response_model=NewIntegration,
    responses=refuses("second_integration", "not_confirmed", *_WRITES),
)
def create_integration(form: IntegrationForm, work: AdminOnce) -> Response:
    """Make an integration, deactivated. Beside another one, `confirmed` says that the warning was read (CRM-62)."""
    draft = IntegrationDraft(**draft_values(form))
    with work.writing(dry_run=form.dry_run) as session:
        warnings = _warnings(session, draft, multi=work.engine.settings.multi_integration)
        if warnings and not (form.confirmed or form.dry_run):
            raise InputRefused(
                " ".join(warnings),
                code="not_confirmed",
                remedy="Send it again with confirmed: true.",
                field="confirmed",
            )
        record = integrations.create(
            session,
            draft,
            secrets=work.engine.secrets,
            multi=work.engine.settings.multi_integration,
            at=work.caller.at,
        )
        work.audit(session, "integration.created", f"integration/{record.id}", {"name": [None, record.name]})
        view = NewIntegration(integration=integration_sheet(record), warnings=warnings)
        return work.answer(session, view, status=201, location=f"/api/v1/integrations/{record.id}")


@router.get("/{integration_id}", response_model=IntegrationSheet)
def get_integration(integration_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """One integration: everything that was entered, and what is known of its gateway (CRM-15)."""
    with engine.store.reading() as session:
        return etags.answer(request, integration_sheet(integration_or_404(session, integration_id)))


@router.patch("/{integration_id}", response_model=IntegrationSheet, responses=refuses("settings_locked", *_WRITES))
def modify_integration(
    integration_id: RecordId, form: IntegrationChange, work: AdminWork, if_match: TheIfMatch
) -> Response:
    """Change what was entered, only while the integration is deactivated (CRM-18)."""
    with work.writing() as session:
        before = integration_or_404(session, integration_id)
        if_match.check(integration_sheet(before))
        given = draft_values(form)
        draft = replace(before.draft, **given)
        after = integrations.modify(session, before.id, draft, secrets=work.engine.secrets, at=work.caller.at)
        if told := changes(before, after, given):
            work.audit(session, "integration.changed", f"integration/{after.id}", told)
        return work.answer(session, integration_sheet(after), versioned=True)


@router.get("/{integration_id}/status")
def get_integration_status(integration_id: RecordId, caller: Reader, engine: TheEngine) -> StatusSheet:
    """How an integration stands: on time or late, how far behind, when it goes on."""
    with engine.store.reading() as session:
        found = standings(session, at=caller.at, integration_id=integration_id)
        if not found:
            raise not_found()
        return _status(found[0], caller.at)


def integration_or_404(session: Session, integration_id: int) -> IntegrationRecord:
    """The integration of that id. Raises ApiProblem (not_found)."""
    if session.get(Integration, integration_id) is None:
        raise not_found()
    return integrations.get(session, integration_id)


def _warnings(session: Session, draft: IntegrationDraft, *, multi: bool) -> list[str]:
    return another_company.warnings(draft, integrations.listed(session)) if multi else []


def _status(standing: Standing, at: datetime) -> StatusSheet:
    coming = next_cycle(
        active=standing.freshness is not Freshness.INACTIVE,
        connected=standing.connected,
        running=standing.freshness is Freshness.RUNNING,
        failures=standing.failures,
        due_at=standing.due_at,
        at=at,
    )
    return StatusSheet(
        **{name: getattr(standing, name) for name in _OF_STANDING},
        next=NextSheet.model_validate(coming),
        lag_s=0.0 if standing.oldest_at is None else max(0.0, (at - standing.oldest_at).total_seconds()),
    )


_OF_STANDING = tuple(name for name in StatusSheet.model_fields if name in Standing.__dataclass_fields__)
