"""Rows the tests start from."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from sqlalchemy.orm import Session

from contracts.tables import CLIENT
from syncengine.integration_draft import IntegrationDraft
from syncengine.model import (
    Account,
    AssignmentRule,
    CodeMode,
    Company,
    Integration,
    IntegrationState,
    TransferMode,
)
from tests.syncengine.conftest import NOW

PASSWORD = "s3cret-Motdepasse"


def draft(**values: Any) -> IntegrationDraft:
    """A draft that may be activated."""
    entered: dict[str, Any] = {"company": "BIJOU SA", "erp_user": "crm", "erp_password": SecretStr(PASSWORD)}
    return IntegrationDraft(**(entered | values))


def integration(session: Session, **values: Any) -> Integration:
    """An active integration, written without the rules."""
    row: dict[str, Any] = {
        "name": "Sage100",
        "url": "http://127.0.0.1:8080",
        "company": "BIJOU SA",
        "state": IntegrationState.ACTIVE,
        "timeout_s": 60,
        "interval_min": 60,
        "transfer_mode": TransferMode.BY_HAND,
        "code_mode": CodeMode.FREE,
        "manager_rule": AssignmentRule.NONE,
        "representative_rule": AssignmentRule.NONE,
        "company_types": {},
        "client_company_type": "client",
        "supplier_company_type": "supplier",
        "created_at": NOW,
        "updated_at": NOW,
    }
    found = Integration(**(row | values))
    session.add(found)
    session.flush()
    return found


def company(session: Session, **values: Any) -> Company:
    """A Company."""
    row = Company(**({"company_type": "client", "name": "BIJOU SA", "created_at": NOW, "updated_at": NOW} | values))
    session.add(row)
    session.flush()
    return row


def account(session: Session, link: Integration, **values: Any) -> Account:
    """An Account of a client."""
    row: dict[str, Any] = {"integration_id": link.id, "type": CLIENT, "created_at": NOW, "updated_at": NOW}
    found = Account(**(row | values))
    session.add(found)
    session.flush()
    return found
