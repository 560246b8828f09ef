"""The audit log: who did what, written in the transaction that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from syncengine.access.actor import Actor
from syncengine.model import AuditEvent

_ACTOR_LENGTH: Final = 80


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which events; ``action`` is one action, or a group of them by what stands before the point ('user')."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


ALL: Final = Search()


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject: str | None = None,
    detail: Mapping[str, Any] | None = None,
    *,
    at: datetime,
) -> None:
    """Tell about what this transaction does.

    ``action`` reads 'user.created', ``subject`` 'user/3', ``detail`` names fields with their values ``[before, after]``, without
    secrets and as JSON knows them.
    """
    session.add(
        AuditEvent(
            at=at,
            actor=actor.name[:_ACTOR_LENGTH],
            action=action,
            subject=subject,
            detail=dict(detail) if detail else None,
            request_id=actor.request_id,
            address=actor.address,
        )
    )


def list_events(
    session: Session, search: Search = ALL, *, limit: int, before_id: int | None = None
) -> list[AuditEvent]:
    """The newest events first, those before an event of that id."""
    query = select(AuditEvent).where(*_criteria(search))
    if before_id is not None:
        query = query.where(AuditEvent.id < before_id)
    return list(session.scalars(query.order_by(AuditEvent.id.desc()).limit(limit)))


def _criteria(search: Search) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = []
    if search.actor is not None:
        criteria.append(AuditEvent.actor == search.actor)
    if search.subject is not None:
        criteria.append(AuditEvent.subject == search.subject)
    if search.action is not None:
        whole = "." in search.action
        criteria.append(
            AuditEvent.action == search.action
            if whole
            else AuditEvent.action.startswith(f"{search.action}.", autoescape=True)
        )
    if search.since is not None:
        criteria.append(AuditEvent.at >= search.since)
    if search.until is not None:
        criteria.append(AuditEvent.at < search.until)
    return criteria
