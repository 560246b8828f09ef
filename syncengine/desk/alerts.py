"""Alerts as people see them: what is wrong now and was before, closed by hand (NEW-09)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.core.alert_words import CAUSES
from syncengine.core.refusals import refused
from syncengine.cycle import alerting
from syncengine.model import Alert, AlertCause, Integration


@dataclass(frozen=True, kw_only=True)
class AlertView:
    """One alert; ``words`` is its cause in French, ``times`` how often it was met while it was open."""

    id: int
    integration: str
    cause: AlertCause
    words: str
    code: str
    message: str
    remedy: str
    opened_at: datetime
    seen_at: datetime
    times: int
    closed_at: datetime | None


def list_alerts(
    session: Session,
    *,
    integration_id: int | None = None,
    closed_too: bool = False,
    limit: int = 100,
    before: int | None = None,
) -> list[AlertView]:
    """The open alerts, the newest first; ``before`` is the number that ended the last page."""
    query = select(Alert, Integration.name).join(Integration, Integration.id == Alert.integration_id)
    if integration_id is not None:
        query = query.where(Alert.integration_id == integration_id)
    if not closed_too:
        query = query.where(Alert.closed_at.is_(None))
    if before is not None:
        query = query.where(Alert.id < before)
    found = session.execute(query.order_by(Alert.id.desc()).limit(limit))
    return [_view(alert, name) for alert, name in found]


def count_open(session: Session, *, integration_id: int | None = None) -> int:
    """How many alerts are open."""
    query = select(func.count(Alert.id)).where(Alert.closed_at.is_(None))
    if integration_id is not None:
        query = query.where(Alert.integration_id == integration_id)
    return session.scalars(query).one()


def close_alert(session: Session, alert_id: int, *, at: datetime) -> AlertView:
    """End an alert whatever its cause; those who were told of it are told. It opens again if the cause is met again.

    Raises InputRefused (alert_unknown, alert_closed).
    """
    alert = session.scalars(select(Alert).where(Alert.id == alert_id).with_for_update()).one_or_none()
    if alert is None:
        remedy = "See `syncengine alerts list`."
        raise refused("alert_unknown", "there is no such alert", record=str(alert_id), remedy=remedy)
    if alert.closed_at is not None:
        remedy = "Nothing to do."
        raise refused("alert_closed", "the alert is over already", record=str(alert_id), remedy=remedy)
    alerting.close(session, alert, at=at)
    return _view(alert, session.get_one(Integration, alert.integration_id).name)


def _view(alert: Alert, integration: str) -> AlertView:
    own = {name: getattr(alert, name) for name in AlertView.__dataclass_fields__ if hasattr(alert, name)}
    return AlertView(**(own | {"integration": integration, "words": CAUSES[alert.cause]}))
