"""Paramètres: what is entered into the integration record: shown, changed while it is deactivated, created (CRM-14, CRM-16..18)."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.console.draft_form import POLICY_FIELDS, draft_from
from api.console.screen import AdminScreen, ReadScreen
from api.forms import RecordId
from syncengine import integrations
from syncengine.core.guards import Guards
from syncengine.core.policies import Policy
from syncengine.errors import InputRefused, IntegrationInvalid, SecondIntegration, SettingsLocked
from syncengine.integration_draft import IntegrationDraft
from syncengine.model import Territory, User

router = APIRouter()
_SECRETS: Final = ("erp_password", "crm_password", "sql_url")
_REFUSALS: Final = (IntegrationInvalid, InputRefused, SettingsLocked, SecondIntegration)


@router.get("/integrations/new")
def show_new(screen: AdminScreen) -> Response:
    """The form of an integration to be made."""
    return screen.show("settings_form.html", **_form(screen, None, IntegrationDraft()))


@router.post("/integrations")
def create_integration(screen: AdminScreen) -> Response:
    """Make an integration, deactivated."""
    engine = screen.engine
    try:
        draft = draft_from(screen.posted, IntegrationDraft())
        with screen.writing() as session:
            multi = engine.settings.multi_integration
            record = integrations.create(session, draft, secrets=engine.secrets, multi=multi, at=screen.at)
            screen.audit(session, "integration.created", f"integration/{record.id}", {"name": [None, record.name]})
            words = screen._("%(name)s is made. Test the connection, then activate it.", name=record.name)
            return screen.done(session, f"/integrations/{record.id}", words)
    except _REFUSALS as problem:
        return screen.again("settings_form.html", problem, **_form(screen, None, IntegrationDraft()))


@router.get("/integrations/{integration_id}/settings")
def show_settings(integration_id: RecordId, screen: ReadScreen) -> Response:
    """The settings as they are."""
    with screen.engine.store.reading() as session:
        record = integrations.get(session, integration_id)
    guards = Guards.read(record.draft.guards).limits
    return screen.show("settings.html", of=integration_id, record=record, guards=guards, policies=list(Policy))


@router.get("/integrations/{integration_id}/settings/edit")
def show_settings_form(integration_id: RecordId, screen: AdminScreen) -> Response:
    """The form of the settings."""
    with screen.engine.store.reading() as session:
        record = integrations.get(session, integration_id)
    if record.active:
        return screen.go(f"/integrations/{integration_id}/settings")
    return screen.show("settings_form.html", of=integration_id, **_form(screen, record, record.draft))


@router.post("/integrations/{integration_id}/settings")
def change_settings(integration_id: RecordId, screen: AdminScreen) -> Response:
    """Replace what was entered (CRM-18)."""
    with screen.engine.store.reading() as session:
        record = integrations.get(session, integration_id)
    try:
        draft = draft_from(screen.posted, record.draft)
        with screen.writing() as session:
            integrations.modify(session, integration_id, draft, secrets=screen.engine.secrets, at=screen.at)
            screen.audit(session, "integration.changed", f"integration/{integration_id}", _moved(record.draft, draft))
            return screen.done(
                session, f"/integrations/{integration_id}/settings", screen._("The settings are changed.")
            )
    except _REFUSALS as problem:
        form = _form(screen, record, record.draft)
        return screen.again("settings_form.html", problem, of=integration_id, **form)


def _moved(before: IntegrationDraft, after: IntegrationDraft) -> dict[str, Any]:
    """From → to, of secrets only that they were entered."""
    names = [item.name for item in fields(IntegrationDraft) if getattr(before, item.name) != getattr(after, item.name)]
    shown = {name: [_plain(getattr(before, name)), _plain(getattr(after, name))] for name in names}
    return {name: ["***", "***"] if name in _SECRETS else values for name, values in shown.items()}


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | bool | dict | None) else str(value)


def _form(screen: AdminScreen, record: Any, draft: IntegrationDraft) -> dict[str, Any]:
    with screen.engine.store.reading() as session:
        territories, managers = _territories(session), _managers(session)
    return {
        "record": record,
        "draft": replace(draft, erp_password=None, crm_password=None),
        "territories": territories,
        "managers": managers,
        "guards": Guards.read(draft.guards).limits,
        "policies": list(Policy),
        "policy_fields": POLICY_FIELDS,
    }


def _territories(session: Session) -> list[str]:
    return list(session.scalars(select(Territory.name).order_by(Territory.name)))


def _managers(session: Session) -> list[tuple[str, str]]:
    found = session.execute(select(User.login, User.name).where(User.active).order_by(User.name).limit(1_000))
    return [(row.login, f"{row.name} ({row.login})") for row in found]
