"""The record of an integration: as anybody may read it, and the columns that what was entered goes to (CRM-14..16)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.errors import IntegrationInvalid
from syncengine.integration_draft import IntegrationDraft
from syncengine.model import Integration, IntegrationState, Territory, User
from syncengine.secrets import Secrets


@dataclass(frozen=True, kw_only=True)
class IntegrationRecord:
    """An integration as anybody may read it: what was entered, without the passwords, and how it stands (CRM-15).

    ``due_at`` is when its next cycle is due, None while none may run; ``failures`` how many in a row could not finish.
    """

    id: int
    draft: IntegrationDraft
    state: IntegrationState
    has_erp_password: bool
    has_crm_password: bool
    has_sql_url: bool
    connected: bool
    gateway_version: str | None
    contract_version: str | None
    due_at: datetime | None
    failures: int
    last_resync_at: datetime | None
    turnover_due_at: datetime | None

    @property
    def name(self) -> str:
        """The name people know it by."""
        return self.draft.name

    @property
    def active(self) -> bool:
        """Whether cycles run (CRM-11)."""
        return self.state is IntegrationState.ACTIVE


_NAMED = {"default_territory", "supplier_territory", "default_manager"}
_PASSWORDS = {"erp_password", "crm_password", "sql_url"}
_PLAIN = tuple(item.name for item in fields(IntegrationDraft) if item.name not in _NAMED | _PASSWORDS)


def values_of(session: Session, draft: IntegrationDraft, secrets: Secrets) -> dict[str, Any]:
    """The columns of a draft. Raises IntegrationInvalid.

    Everything that may refuse comes before the encryption, which may make a key file.
    """
    values: dict[str, Any] = {name: getattr(draft, name) for name in _PLAIN}
    values["default_territory_id"] = _territory_id(session, "default_territory", draft.default_territory)
    values["supplier_territory_id"] = _territory_id(session, "supplier_territory", draft.supplier_territory)
    values["default_manager_id"] = _user_id(session, draft.default_manager)
    for name, password in (("erp_password", draft.erp_password), ("crm_password", draft.crm_password)):
        if password is not None:
            values[name] = secrets.encrypt(password)
    if draft.sql_url is not None:
        values["sql_url"] = secrets.encrypt(draft.sql_url) if draft.sql_url.get_secret_value().strip() else None
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


def record_of(session: Session, row: Integration) -> IntegrationRecord:
    """The integration as a value."""
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
        has_sql_url=row.sql_url is not None,
        connected=row.connected,
        gateway_version=row.gateway_version,
        contract_version=row.contract_version,
        due_at=row.due_at,
        failures=row.failures,
        last_resync_at=row.last_resync_at,
        turnover_due_at=row.turnover_due_at,
    )


def _name_of(session: Session, territory_id: int | None) -> str | None:
    return None if territory_id is None else session.get_one(Territory, territory_id).name


def _login_of(session: Session, user_id: int | None) -> str | None:
    return None if user_id is None else session.get_one(User, user_id).login
