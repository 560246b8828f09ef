"""The first start: one administrator, whose one-time password is shown once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.access import audit_log, passwords, users
from syncengine.access.actor import OPERATOR
from syncengine.access.users import UserDraft
from syncengine.model import User

LOGIN: Final = "admin"


@dataclass(frozen=True, kw_only=True)
class FirstSignIn:
    """How the first administrator comes in; the password is to be shown once, and changed at that sign-in."""

    login: str
    password: SecretStr


def ensure(session: Session, at: datetime) -> FirstSignIn | None:
    """Make the administrator if nobody is one, else None."""
    if session.scalar(select(User.id).where(User.administrator).limit(1)) is not None:
        return None
    draft = UserDraft(login=_free_login(session), name="Administrateur", administrator=True)
    one_time = passwords.one_time()
    user = users.create(session, draft, one_time, at=at)
    audit_log.record(session, OPERATOR, "user.created", f"user/{user.id}", {"login": [None, user.login]}, at=at)
    return FirstSignIn(login=user.login, password=one_time.password)


def _free_login(session: Session) -> str:
    taken = set(session.scalars(select(User.login).where(User.login.startswith(LOGIN))))
    return next(login for login in (LOGIN, *(f"{LOGIN}{n}" for n in range(2, 10_000))) if login not in taken)
