"""Users as an administrator keeps them: made, changed, deactivated, given a password."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from syncengine.access import sessions
from syncengine.access.entry import entry
from syncengine.access.passwords import OneTime
from syncengine.core.document_types import DOCUMENT_TYPES
from syncengine.core.fold import fold, folded, searchable
from syncengine.core.refusals import refused
from syncengine.model import User

LANGUAGES: Final = ("fr", "en")
FIELDS: Final = ("name", "email", "administrator", "active", "language", "document_types")
"""What can be changed of a user; the login stays: the journal and the audit log name people by it."""
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,59}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NAME_LENGTH: Final = 80
_EMAIL_LENGTH: Final = 254


@dataclass(frozen=True, kw_only=True)
class UserDraft:
    """A user to be made; ``document_types`` None means all of them (CRM-55)."""

    login: str
    name: str
    email: str | None = None
    administrator: bool = False
    language: str | None = None
    document_types: Collection[str] | None = None


def create(session: Session, draft: UserDraft, one_time: OneTime, *, at: datetime) -> User:
    """Make a user, with a password for the first sign-in.

    Raises InputRefused (login_invalid, login_in_use, email_invalid, unknown_value, and as ``entry``).
    """
    login = checked_login(session, draft.login)
    user = User(
        login=login, name=entry(draft.name, "name", _NAME_LENGTH), administrator=draft.administrator, created_at=at
    )
    _assign(user, {"email": draft.email, "language": draft.language, "document_types": draft.document_types})
    user.password_hash, user.must_change_password = one_time.password_hash, True
    session.add(user)
    session.flush()
    return user


def checked_login(session: Session, text: str) -> str:
    """A login nobody has, in small letters. Raises InputRefused (login_invalid, login_in_use)."""
    login = text.strip().lower()
    if not _LOGIN.fullmatch(login):
        raise refused(
            "login_invalid",
            "a login has 1 to 60 letters, digits or . _ - + @, and begins with a letter or digit",
            field="login",
            remedy="Choose another one, such as the name or the e-mail address.",
        )
    if session.scalar(select(User.id).where(func.lower(User.login) == login)) is not None:
        raise refused("login_in_use", "somebody has this login", field="login", remedy="Choose another one.")
    return login


def modify(session: Session, user: User, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Change some of ``FIELDS``; returns each that changed as [before, after].

    Who is deactivated is signed out everywhere. Raises InputRefused (last_administrator, email_invalid, unknown_value, and as
    ``entry``).
    """
    before = {field: getattr(user, field) for field in FIELDS}
    _assign(user, values)
    if before["active"] and before["administrator"] and not (user.active and user.administrator):
        _require_another_administrator(session, user)
    if not user.active:
        sessions.end_all(session, user.id)
    session.flush()
    return {field: [old, getattr(user, field)] for field, old in before.items() if getattr(user, field) != old}


def _assign(user: User, values: Mapping[str, Any]) -> None:
    for field, value in values.items():
        setattr(user, field, _CHECKS[field](value))


def _email(text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    email = entry(text, "email", _EMAIL_LENGTH)
    if not _EMAIL.fullmatch(email):
        raise refused(
            "email_invalid", "this is no e-mail address", field="email", remedy="Type it as name@example.com."
        )
    return email


def _language(code: str | None) -> str | None:
    if code is not None and code not in LANGUAGES:
        raise _unknown("language", LANGUAGES)
    return code


def _document_types(given: Collection[str] | None) -> list[str] | None:
    if given is None:
        return None
    if not set(given) <= set(DOCUMENT_TYPES):
        raise _unknown("document_types", DOCUMENT_TYPES)
    return [kind for kind in DOCUMENT_TYPES if kind in given]


def _unknown(field: str, known: Collection[str]) -> Exception:
    return refused("unknown_value", "there is no such choice", field=field, remedy=f"Choose from {', '.join(known)}.")


_CHECKS: Final[Mapping[str, Any]] = {
    "name": lambda text: entry(text, "name", _NAME_LENGTH),
    "email": _email,
    "administrator": bool,
    "active": bool,
    "language": _language,
    "document_types": _document_types,
}


def _require_another_administrator(session: Session, user: User) -> None:
    others = select(User.id).where(User.administrator, User.active, User.id != user.id)
    if session.scalar(others.limit(1)) is None:
        raise refused(
            "last_administrator",
            "there would be no administrator left",
            record=user.login,
            remedy="Make somebody else administrator first.",
        )


def reset(session: Session, user: User, one_time: OneTime) -> None:
    """A new password for one sign-in: the user is signed out everywhere and no longer locked out."""
    _set(session, user, one_time.password_hash, must_change=True)
    sessions.end_all(session, user.id)


def change_password(session: Session, user: User, password_hash: str, *, keep: int | None = None) -> None:
    """A password the user chose (``passwords.chosen``); all sessions of the user end but the one to keep."""
    _set(session, user, password_hash, must_change=False)
    sessions.end_all(session, user.id, but=keep)


def _set(session: Session, user: User, password_hash: str, *, must_change: bool) -> None:
    user.password_hash, user.must_change_password = password_hash, must_change
    user.failed_logins, user.locked_until = 0, None
    session.flush()


def list_users(
    session: Session,
    *,
    text: str | None = None,
    active: bool | None = None,
    limit: int | None,
    after: str | None = None,
) -> list[User]:
    """Users by login, those behind one; ``text`` is in login, name or e-mail, without case and accents."""
    criteria: list[ColumnElement[bool]] = []
    for word in searchable(text or "", "text").split():
        columns = (User.login, User.name, User.email)
        matches = [folded(column).contains(fold(word), autoescape=True) for column in columns]
        criteria.append(matches[0] | matches[1] | matches[2])
    if active is not None:
        criteria.append(User.active == active)
    if after is not None:
        criteria.append(User.login > searchable(after, "after"))
    return list(session.scalars(select(User).where(*criteria).order_by(User.login).limit(limit)))


def by_login(session: Session, login: str) -> User | None:
    """The user of that login, active or not."""
    return session.scalar(select(User).where(User.login == searchable(login, "login")))
