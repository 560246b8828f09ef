"""Users and what each may do: the rights withdrawn from one, all others granted (CRM-61)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.model import Right, User, UserRight


@dataclass(frozen=True, kw_only=True)
class UserView:
    """A user of the CRM with the rights it has not."""

    id: int
    login: str
    name: str
    active: bool
    administrator: bool
    withdrawn: tuple[Right, ...]


def list_users(session: Session) -> list[UserView]:
    """Every user, by login."""
    rows = session.execute(select(UserRight.user_id, UserRight.withdrawn).order_by(UserRight.user_id)).all()
    withdrawn: dict[int, list[Right]] = {}
    for row in rows:
        withdrawn.setdefault(row.user_id, []).append(row.withdrawn)
    return [
        UserView(
            id=user.id,
            login=user.login,
            name=user.name,
            active=user.active,
            administrator=user.administrator,
            withdrawn=tuple(right for right in Right if right in withdrawn.get(user.id, ())),
        )
        for user in session.scalars(select(User).order_by(User.login))
    ]
