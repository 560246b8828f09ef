"""Rights: all granted to every user until one is withdrawn (CRM-61)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.core.refusals import refused
from syncengine.model import Right, User, UserRight


def allowed(session: Session, user_id: int | None, right: Right) -> bool:
    """Whether that user may. None is the operator of the machine, who may all; a user who is unknown or inactive may nothing."""
    if user_id is None:
        return True
    user = session.get(User, user_id)
    return user is not None and user.active and session.get(UserRight, (user_id, right)) is None


def require(session: Session, user_id: int | None, right: Right) -> None:
    """Raises InputRefused (right_withdrawn) unless the user may."""
    if not allowed(session, user_id, right):
        raise refused(
            "right_withdrawn",
            f"this user may not: {right}",
            record=None if user_id is None else str(user_id),
            field=right.value,
            remedy="Ask an administrator to give the right back.",
        )


def withdrawn(session: Session, user_id: int) -> list[Right]:
    """The rights a user has not."""
    rows = set(session.scalars(select(UserRight.withdrawn).where(UserRight.user_id == user_id)))
    return [right for right in Right if right in rows]


def granted(session: Session, user_id: int) -> list[Right]:
    """The rights a user has."""
    gone = withdrawn(session, user_id)
    return [right for right in Right if right not in gone]


def withdraw(session: Session, user_id: int, right: Right, *, at: datetime) -> None:
    """Take a right from a user; once more changes nothing. Raises InputRefused (unknown_user)."""
    _known(session, user_id)
    if session.get(UserRight, (user_id, right)) is None:
        session.add(UserRight(user_id=user_id, withdrawn=right, withdrawn_at=at))
        session.flush()


def grant(session: Session, user_id: int, right: Right) -> None:
    """Give a right back. Raises InputRefused (unknown_user)."""
    _known(session, user_id)
    if (row := session.get(UserRight, (user_id, right))) is not None:
        session.delete(row)
        session.flush()


def _known(session: Session, user_id: int) -> None:
    if session.get(User, user_id) is None:
        raise refused("unknown_user", "there is no such user", record=str(user_id), remedy="Name a user of the CRM.")
