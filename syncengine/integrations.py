"""The integration record: create, modify, activate, read (CRM-14..18, CRM-62).

Functions take a session and write through it; a refusal is raised before anything is written.
Passwords go in and are never shown again; ``erp_password`` reads one back, to call the gateway.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.errors import IntegrationInvalid, IntegrationUnknown, SecondIntegration, SettingsLocked
from syncengine.integration_draft import IntegrationDraft
from syncengine.integration_rules import check
from syncengine.model import (
    Integration,
    IntegrationState,
    Territory,
    User,
)
from syncengine.secrets import Secrets


@dataclass(frozen=True, kw_only=True)
class IntegrationRecord:
    """An integration as anybody may read it: what was entered, without the passwords, and how it stands (CRM-15)."""

    id: int
    draft: IntegrationDraft
    state: IntegrationState
    has_erp_password: bool
    has_crm_password: bool
    connected: bool
    gateway_version: str | None
    contract_version: str | None
    due_at: datetime | None

    @property
    def name(self) -> str:
        """The name people know it by."""
        return self.draft.name

    @property
    def active(self) -> bool:
        """Whether cycles run (CRM-11)."""
        return self.state is IntegrationState.ACTIVE


_NAMED = {"default_territory", "supplier_territory", "default_manager"}
_PASSWORDS = {"erp_password", "crm_password"}
_PLAIN = tuple(item.name for item in fields(IntegrationDraft) if item.name not in _NAMED | _PASSWORDS)


def create(
    session: Session, draft: IntegrationDraft, *, secrets: Secrets, multi: bool, at: datetime
) -> IntegrationRecord:
    """Create a deactivated integration. Raises IntegrationInvalid, SecondIntegration (CRM-62)."""
    checked = check(draft)
    if not multi and session.scalar(select(func.count(Integration.id))):
        raise SecondIntegration("there is an integration already, and multi-integration is off")
    _refuse_name_in_use(session, checked.name, None)
    values = _values(session, checked, secrets)
    integration = Integration(**values, state=IntegrationState.INACTIVE, created_at=at, updated_at=at)
    session.add(integration)
    session.flush()
    return _record(session, integration)


def modify(
    session: Session, integration_id: int, draft: IntegrationDraft, *, secrets: Secrets, at: datetime
) -> IntegrationRecord:
    """Replace what was entered. Raises IntegrationInvalid, IntegrationUnknown, SettingsLocked (CRM-18)."""
    integration = _row(session, integration_id)
    if integration.state is IntegrationState.ACTIVE:
        raise SettingsLocked(f"{integration.name} is active", record=integration.name)
    checked = check(draft)
    _refuse_name_in_use(session, checked.name, integration_id)
    for column, value in _values(session, checked, secrets).items():
        setattr(integration, column, value)
    integration.updated_at = at
    session.flush()
    return _record(session, integration)


def activate(session: Session, integration_id: int, *, at: datetime) -> IntegrationRecord:
    """Let cycles run, the first one at once. Raises IntegrationInvalid when something they need is missing (CRM-11)."""
    integration = _row(session, integration_id)
    for needed in ("company", "erp_user", "erp_password"):
        if not getattr(integration, needed):
            raise IntegrationInvalid(f"{needed} is not set", record=integration.name, field=needed)
    if integration.state is IntegrationState.INACTIVE:
        integration.state = IntegrationState.ACTIVE
        integration.due_at = integration.updated_at = at
        session.flush()
    return _record(session, integration)


def deactivate(session: Session, integration_id: int, *, at: datetime) -> IntegrationRecord:
    """Stop cycles; one that is running ends at its next page (CRM-11)."""
    integration = _row(session, integration_id)
    if integration.state is IntegrationState.ACTIVE:
        integration.state = IntegrationState.INACTIVE
        integration.due_at = None
        integration.updated_at = at
        session.flush()
    return _record(session, integration)


def get(session: Session, integration_id: int) -> IntegrationRecord:
    """One integration. Raises IntegrationUnknown."""
    return _record(session, _row(session, integration_id))


def find(session: Session, name: str | None) -> IntegrationRecord:
    """The integration of that name; without a name, the only one. Raises IntegrationUnknown."""
    everything = listed(session)
    found = [record for record in everything if name in (None, record.name)]
    if len(found) == 1:
        return found[0]
    if name is not None:
        raise IntegrationUnknown(f"there is no integration named {name!r}")
    if everything:
        raise IntegrationUnknown("there are several integrations", remedy="Name one: --integration NAME.")
    raise IntegrationUnknown("there is no integration yet", remedy="Create one: `syncengine integration create`.")


def listed(session: Session) -> list[IntegrationRecord]:
    """All integrations, by name."""
    return [_record(session, row) for row in session.scalars(select(Integration).order_by(Integration.name))]


def erp_password(integration: Integration, secrets: Secrets) -> SecretStr:
    """The password for calling the gateway. Raises IntegrationInvalid when none was entered, KeyMissing, KeyWrong."""
    if integration.erp_password is None:
        raise IntegrationInvalid("erp_password is not set", record=integration.name, field="erp_password")
    return secrets.decrypt(integration.erp_password)


def _row(session: Session, integration_id: int) -> Integration:
    integration = session.get(Integration, integration_id)
    if integration is None:
        raise IntegrationUnknown(f"there is no integration {integration_id}")
    return integration


def _refuse_name_in_use(session: Session, name: str, own_id: int | None) -> None:
    other = session.scalar(select(Integration.id).where(Integration.name == name))
    if other is not None and other != own_id:
        raise IntegrationInvalid(f"the name {name} is in use", field="name")


def _values(session: Session, draft: IntegrationDraft, secrets: Secrets) -> dict[str, Any]:
    """The columns of a draft. Everything that may refuse comes before the encryption, which may make a key file."""
    values: dict[str, Any] = {name: getattr(draft, name) for name in _PLAIN}
    values["default_territory_id"] = _territory_id(session, "default_territory", draft.default_territory)
    values["supplier_territory_id"] = _territory_id(session, "supplier_territory", draft.supplier_territory)
    values["default_manager_id"] = _user_id(session, draft.default_manager)
    for name, password in (("erp_password", draft.erp_password), ("crm_password", draft.crm_password)):
        if password is not None:
            values[name] = secrets.encrypt(password)
    return values


def _territory_id(session: Session, attr: str, name: str | None) -> int | None:
    if name is None:
        return None
    found = session.scalar(select(Territory.id).where(Territory.name == name))
    if found is None:
        raise IntegrationInvalid(f"there is no territory {name!r}", field=attr)
    return found


def _user_id(session: Session, login: str | None) -> int | None:
    if login is None:
        return None
    found = session.scalar(select(User.id).where(User.login == login, User.active))
    if found is None:
        raise IntegrationInvalid(f"there is no active user {login!r}", field="default_manager")
    return found


def _record(session: Session, row: Integration) -> IntegrationRecord:
    draft = IntegrationDraft(
        **{name: getattr(row, name) for name in _PLAIN},
        default_territory=_name_of(session, row.default_territory_id),
        supplier_territory=_name_of(session, row.supplier_territory_id),
        default_manager=_login_of(session, row.default_manager_id),
    )
    return IntegrationRecord(
        id=row.id,
        draft=draft,
        state=row.state,
        has_erp_password=row.erp_password is not None,
        has_crm_password=row.crm_password is not None,
        connected=row.connected,
        gateway_version=row.gateway_version,
        contract_version=row.contract_version,
        due_at=row.due_at,
    )


def _name_of(session: Session, territory_id: int | None) -> str | None:
    return None if territory_id is None else session.get_one(Territory, territory_id).name


def _login_of(session: Session, user_id: int | None) -> str | None:
    return None if user_id is None else session.get_one(User, user_id).login
