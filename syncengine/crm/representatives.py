"""Representatives of an ERP company, and the CRM user each of them stands for (CRM-17)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.core.refusals import refused
from syncengine.model import Representative, User


def list_representatives(
    session: Session, integration_id: int, *, active: bool | None = None, limit: int = 100, after: str | None = None
) -> list[Representative]:
    """The representatives of an integration by code; ``after`` is the code that ended the last page."""
    query = select(Representative).where(Representative.integration_id == integration_id)
    if active is not None:
        query = query.where(Representative.active.is_(active))
    if after is not None:
        query = query.where(Representative.code > after)
    return list(session.scalars(query.order_by(Representative.code).limit(limit)))


def tie(session: Session, representative: Representative, user_id: int | None) -> None:
    """Say which user a representative stands for, or that it is none; rules of assignment follow it from the next change on.

    Raises InputRefused (unknown_user).
    """
    user = None if user_id is None else session.get(User, user_id)
    if user_id is not None and (user is None or not user.active):
        raise refused(
            "unknown_user",
            "there is no active user of that number",
            record=representative.code,
            field="user_id",
            remedy="Choose an active user.",
        )
    representative.user_id = user_id
    session.flush()
