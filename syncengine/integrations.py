"""The integration record: create, modify, activate, disconnect, ask for a cycle, read (CRM-14..19, CRM-58, CRM-62).

Functions take a session and write through it; a refusal is raised before anything is written.
Passwords go in and are never shown again; ``erp_password`` reads one back, to call the gateway.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from contracts.messages import EntitySet
from syncengine.crm.pairing import authorise
from syncengine.cycle import due
from syncengine.errors import (
    IntegrationInvalid,
    IntegrationUnknown,
    NotActive,
    SecondIntegration,
    SettingsLocked,
)
from syncengine.integration_draft import IntegrationDraft
from syncengine.integration_record import IntegrationRecord, record_of, values_of
from syncengine.integration_rules import check
from syncengine.model import (
    Cursor,
    Integration,
    IntegrationState,
    Right,
)
from syncengine.secrets import Secrets

AUDIT_AFTER: Final = timedelta(hours=1)
"""The first comparison of both sides is not before this: what there is has to be synchronised first."""
CLOCKS_APART: Final = timedelta(minutes=5)
"""How much the clocks of two machines may differ."""


def create(
    session: Session, draft: IntegrationDraft, *, secrets: Secrets, multi: bool, at: datetime
) -> IntegrationRecord:
    """Create a deactivated integration. Raises IntegrationInvalid, SecondIntegration (CRM-62)."""
    checked = check(draft)
    if not multi and session.scalar(select(func.count(Integration.id))):
        raise SecondIntegration("there is an integration already, and multi-integration is off")
    _refuse_name_in_use(session, checked.name, None)
    values = values_of(session, checked, secrets)
    integration = Integration(**values, state=IntegrationState.INACTIVE, created_at=at, updated_at=at)
    session.add(integration)
    session.flush()
    return record_of(session, integration)


def modify(
    session: Session, integration_id: int, draft: IntegrationDraft, *, secrets: Secrets, at: datetime
) -> IntegrationRecord:
    """Replace what was entered. Raises IntegrationInvalid, IntegrationUnknown, SettingsLocked (CRM-18)."""
    integration = _row(session, integration_id)
    if integration.state is IntegrationState.ACTIVE:
        raise SettingsLocked(f"{integration.name} is active", record=integration.name)
    checked = check(draft)
    _refuse_name_in_use(session, checked.name, integration_id)
    if checked.turnover_mode is not integration.turnover_mode:
        _forget_turnover(session, integration_id)
    for column, value in values_of(session, checked, secrets).items():
        setattr(integration, column, value)
    integration.updated_at = at
    session.flush()
    return record_of(session, integration)


def activate(session: Session, integration_id: int, *, at: datetime) -> IntegrationRecord:
    """Let cycles run, the first one at once. Raises IntegrationInvalid when something they need is missing (CRM-11)."""
    integration = _row(session, integration_id)
    for needed in ("company", "erp_user", "erp_password"):
        if not getattr(integration, needed):
            raise IntegrationInvalid(f"{needed} is not set", record=integration.name, field=needed)
    if integration.state is IntegrationState.INACTIVE:
        integration.state = IntegrationState.ACTIVE
        integration.updated_at = at
        _start(integration, at)
        session.flush()
    return record_of(session, integration)


def deactivate(session: Session, integration_id: int, *, at: datetime) -> IntegrationRecord:
    """Stop cycles; one that is running ends at its next page (CRM-11)."""
    integration = _row(session, integration_id)
    if integration.state is IntegrationState.ACTIVE:
        integration.state = IntegrationState.INACTIVE
        integration.updated_at = at
        _stop(integration)
        session.flush()
    return record_of(session, integration)


def disconnect(session: Session, integration_id: int, *, at: datetime, by: str | None = None) -> IntegrationRecord:
    """'Déconnecter Gestion Commerciale': nothing is synchronised or read from here on; a running cycle ends at its next page.

    The base itself is released by ``exclusive.disconnect``. Raises IntegrationUnknown, InputRefused (right_withdrawn) (CRM-58).
    """
    may_disconnect(session, by)
    integration = _locked(session, integration_id)
    if integration.connected:
        integration.connected = False
        integration.updated_at = at
        _stop(integration)
        session.flush()
    return record_of(session, integration)


def reconnect(session: Session, integration_id: int, *, at: datetime, by: str | None = None) -> IntegrationRecord:
    """'Reconnecter Gestion Commerciale': synchronisation goes on, at once if the integration is active (CRM-58).

    Raises IntegrationUnknown, InputRefused (right_withdrawn).
    """
    may_disconnect(session, by)
    integration = _locked(session, integration_id)
    if not integration.connected:
        integration.connected = True
        integration.updated_at = at
        if integration.state is IntegrationState.ACTIVE:
            _start(integration, at)
        session.flush()
    return record_of(session, integration)


def may_disconnect(session: Session, by: str | None) -> None:
    """Raises InputRefused (right_withdrawn) unless that login may disconnect and reconnect (CRM-61)."""
    authorise(session, by, Right.DISCONNECT)


def request(session: Session, integration_id: int, *, at: datetime) -> int:
    """'Synchronise now': a cycle that begins after this is due at once; the number of the request (CRM-07, CRM-19).

    Never lost: when a cycle is running, the next one is due at its end. Raises IntegrationUnknown, NotActive, Disconnected.
    """
    integration = _locked(session, integration_id)
    if integration.state is not IntegrationState.ACTIVE:
        raise NotActive(f"integration {integration.name} is not active", record=integration.name)
    due.may_read(integration)
    integration.requested_number += 1
    integration.due_at = at if integration.due_at is None else min(integration.due_at, at)
    session.flush()
    return integration.requested_number


def bring_forward(session: Session, *, at: datetime) -> int:
    """What is due later than any rule allows is due now: the clock that wrote it was ahead, and has been set back; how many."""
    found = 0
    for interval in session.scalars(select(Integration.interval_min).distinct()).all():
        late = Integration.due_at > at + timedelta(minutes=interval) + CLOCKS_APART
        of = (Integration.interval_min == interval, late)
        found += len(session.scalars(update(Integration).where(*of).values(due_at=at).returning(Integration.id)).all())
    late = Integration.turnover_due_at > at + timedelta(days=2)
    session.execute(update(Integration).where(late).values(turnover_due_at=at))
    return found


def get(session: Session, integration_id: int) -> IntegrationRecord:
    """One integration. Raises IntegrationUnknown."""
    return record_of(session, _row(session, integration_id))


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
    return [record_of(session, row) for row in session.scalars(select(Integration).order_by(Integration.name))]


def erp_password(integration: Integration, secrets: Secrets) -> SecretStr:
    """The password for calling the gateway. Raises IntegrationInvalid when none was entered, KeyMissing, KeyWrong."""
    if integration.erp_password is None:
        raise IntegrationInvalid("erp_password is not set", record=integration.name, field="erp_password")
    return secrets.decrypt(integration.erp_password)


def _forget_turnover(session: Session, integration_id: int) -> None:
    """Cycles that read turnover again read all of it: the change log has not followed what was read beside it (CRM-48)."""
    mine = (Cursor.integration_id == integration_id, Cursor.entity_set == EntitySet.TURNOVER.value)
    session.execute(update(Cursor).where(*mine).values(cursor=""))


def _start(integration: Integration, at: datetime) -> None:
    """Cycles run from now on, the first one at once."""
    integration.due_at = at
    integration.failures = 0
    times = due.turnover_times(integration)
    integration.turnover_due_at = times.next(at) if times else None
    integration.audit_due_at = at + AUDIT_AFTER if integration.audit_percent else None


def _stop(integration: Integration) -> None:
    """Nothing is due any more; what was asked for and has not begun is settled by the first cycle after."""
    integration.due_at = integration.turnover_due_at = integration.audit_due_at = None


def _row(session: Session, integration_id: int) -> Integration:
    integration = session.get(Integration, integration_id)
    if integration is None:
        raise IntegrationUnknown(f"there is no integration {integration_id}")
    return integration


def _locked(session: Session, integration_id: int) -> Integration:
    """The row, for a change of what cycles change too."""
    integration = session.get(Integration, integration_id, with_for_update=True, populate_existing=True)
    if integration is None:
        raise IntegrationUnknown(f"there is no integration {integration_id}")
    return integration


def _refuse_name_in_use(session: Session, name: str, own_id: int | None) -> None:
    other = session.scalar(select(Integration.id).where(Integration.name == name))
    if other is not None and other != own_id:
        raise IntegrationInvalid(f"the name {name} is in use", field="name")
