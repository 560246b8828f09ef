"""Territories ('secteurs'): what a Company belongs to, and the defaults of an integration name (CRM-16)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.core.entries import tidy
from syncengine.core.refusals import refused
from syncengine.model import Territory

NAME_LENGTH = 60


def list_territories(session: Session, *, limit: int = 100, after: str | None = None) -> list[Territory]:
    """The territories by name; ``after`` is the name that ended the last page."""
    query = select(Territory).order_by(Territory.name).limit(limit)
    return list(session.scalars(query if after is None else query.where(Territory.name > after)))


def create_territory(session: Session, name: str, *, parent_id: int | None = None) -> Territory:
    """A new territory, inside another one if that is named. Raises InputRefused (field_required, too_long, territory_known,
    unknown_value).
    """
    words = tidy(name)
    if not words:
        raise refused("field_required", "a territory has a name", field="name", remedy="Enter a name.")
    if len(words) > NAME_LENGTH:
        raise refused("too_long", f"a name has at most {NAME_LENGTH} characters", field="name", remedy="Shorten it.")
    if session.scalar(select(Territory.id).where(Territory.name == words)) is not None:
        raise refused(
            "territory_known", "there is a territory of that name", field="name", remedy="Choose another name."
        )
    if parent_id is not None and session.get(Territory, parent_id) is None:
        raise refused(
            "unknown_value", "there is no territory of that number", field="parent_id", remedy="Choose a territory."
        )
    made = Territory(name=words, parent_id=parent_id)
    session.add(made)
    session.flush()
    return made
