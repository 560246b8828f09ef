"""The messages that tell of an alert: one for each channel that should know, written with the alert, sent later (NEW-09).

A message is a document of Standard Webhooks: ``type``, ``timestamp``, ``data``. An e-mail is written from the same document.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from syncengine.model import Alert, AlertChannel, Delivery, Integration
from syncengine.storage.store import to_json


class Event(StrEnum):
    """What a message tells."""

    OPENED = "alert.opened"
    CLOSED = "alert.closed"
    TEST = "alert.test"


def tell(session: Session, integration: Integration, alert: Alert, event: Event, *, at: datetime) -> int:
    """Write the message to each active channel of the integration and of all; returns how many."""
    concerned = or_(AlertChannel.integration_id.is_(None), AlertChannel.integration_id == integration.id)
    channels = session.scalars(
        select(AlertChannel.id).where(AlertChannel.active, concerned).order_by(AlertChannel.id)
    ).all()
    payload = document(event, alert_facts(integration, alert), at=at)
    session.add_all(
        message(channel_id=channel, event=event, payload=payload, alert_id=alert.id, at=at) for channel in channels
    )
    return len(channels)


def message(*, channel_id: int, event: Event, payload: str, at: datetime, alert_id: int | None = None) -> Delivery:
    """One message, due at once. Its id stays the same however often it is sent: by it the receiver knows a repetition."""
    return Delivery(
        channel_id=channel_id,
        alert_id=alert_id,
        event=event.value,
        message_id=f"msg_{uuid4().hex}",
        payload=payload,
        due_at=at,
        created_at=at,
    )


def document(event: Event, data: dict[str, Any], *, at: datetime) -> str:
    """The message as it is sent and signed."""
    return to_json({"type": event.value, "timestamp": at.isoformat(), "data": data})


def alert_facts(integration: Integration, alert: Alert) -> dict[str, Any]:
    """What a message says of an alert; instants in UTC, ``zone`` is where the integration's people are."""
    return {
        "alert": alert.id,
        "integration": integration.id,
        "name": integration.name,
        "cause": alert.cause.value,
        "code": alert.code,
        "message": alert.message,
        "remedy": alert.remedy,
        "opened_at": alert.opened_at.isoformat(),
        "closed_at": None if alert.closed_at is None else alert.closed_at.isoformat(),
        "times": alert.times,
        "zone": integration.zone,
    }
