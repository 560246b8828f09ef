"""Signing in: the right password, and how guessing is made slow without locking anybody out for good.

After a few failures in a row the user is refused for a while that doubles with each further one, up to a bound; what is tried
meanwhile does not make it longer. A browser that the user has signed in from before is recognised by a cookie and is not
refused, so nobody can keep an administrator out by guessing; the command line gives a new password at any time. Who is not
known, locked or wrong gets the same answer after the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.access import audit_log, passwords, sessions
from syncengine.access.actor import Actor
from syncengine.access.sessions import Lasting, Place
from syncengine.core.fold import searchable
from syncengine.errors import SignInRefused
from syncengine.model import User
from syncengine.settings import EngineSettings
from syncengine.storage.store import Store

FIRST_DELAY: Final = timedelta(seconds=30)
_DOUBLINGS_MAX: Final = 30


@dataclass(frozen=True, kw_only=True)
class LockOut:
    """After how many failures in a row sign-in is refused for a while, and for how long at most."""

    after: int
    at_most: timedelta

    @classmethod
    def by(cls, settings: EngineSettings) -> LockOut:
        """As the settings say."""
        return cls(after=settings.lockout_failures, at_most=timedelta(minutes=settings.lockout_minutes))

    def delay(self, failures: int) -> timedelta | None:
        """How long after that many failures in a row; None: not yet."""
        beyond = failures - self.after
        if beyond < 0:
            return None
        return min(FIRST_DELAY * (1 << min(beyond, _DOUBLINGS_MAX)), self.at_most)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """Somebody who wants in; ``known_user`` is the id of the user this browser was signed in as before."""

    login: str
    password: SecretStr
    place: Place
    request_id: str | None = None
    known_user: int | None = None


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A session that has begun, and its token."""

    user: User
    token: SecretStr


def sign_in(store: Store, attempt: Attempt, *, lasting: Lasting, lock_out: LockOut, at: datetime) -> Opened:
    """Check a password and begin a session. Raises SignInRefused, whatever the reason is."""
    with store.reading() as session:
        user = _find(session, attempt.login)
    locked = user is not None and user.id != attempt.known_user and is_locked(user, at)
    # Outside any transaction: it takes a while by design, and a lock on the base would make everybody wait.
    stored = None if user is None or locked or not user.active else user.password_hash
    checked = passwords.check(stored, attempt.password)
    if user is None or not checked.right:
        counted = user is not None and stored is not None
        _failed(store, user, attempt, lock_out=lock_out if counted else None, at=at)
        raise SignInRefused("login or password is wrong, or sign-in is refused for a while after several failures")
    return _enter(store, user.id, attempt, checked, lasting=lasting, at=at)


def is_locked(user: User, at: datetime) -> bool:
    """Whether sign-in is refused for now."""
    return user.locked_until is not None and at < user.locked_until


def _find(session: Session, login: str) -> User | None:
    typed = searchable(login, "login").strip()
    query = select(User).where(User.login.in_({typed, typed.lower()}))
    return session.scalars(query.order_by(User.login != typed, User.id).limit(1)).first()


def _failed(store: Store, user: User | None, attempt: Attempt, *, lock_out: LockOut | None, at: datetime) -> None:
    """Write it down, for somebody unknown too: both take as long. What was typed is not kept: it may be a password."""
    with store.writing() as session:
        name, subject = ("nobody", None) if user is None else (user.login, f"user/{user.id}")
        actor = Actor(name=name, address=attempt.place.address, request_id=attempt.request_id)
        audit_log.record(session, actor, "session.refused", subject, at=at)
        if user is not None and lock_out is not None:
            _count(session, user.id, actor, lock_out, at)


def _count(session: Session, user_id: int, actor: Actor, lock_out: LockOut, at: datetime) -> None:
    user = session.get_one(User, user_id, with_for_update=True)
    user.failed_logins += 1
    delay = lock_out.delay(user.failed_logins)
    if delay is not None:
        user.locked_until = at + delay
        detail = {"failures": user.failed_logins, "locked_until": user.locked_until.isoformat()}
        audit_log.record(session, actor, "user.locked", f"user/{user.id}", detail, at=at)


def _enter(
    store: Store, user_id: int, attempt: Attempt, checked: passwords.Checked, *, lasting: Lasting, at: datetime
) -> Opened:
    with store.writing() as session:
        user = session.get_one(User, user_id)
        if checked.renewed is not None:
            user.password_hash = checked.renewed
        user.failed_logins, user.locked_until = 0, None
        return open_session(session, user, _actor(user, attempt), place=attempt.place, lasting=lasting, at=at)


def open_session(session: Session, user: User, actor: Actor, *, place: Place, lasting: Lasting, at: datetime) -> Opened:
    """Begin the session of somebody whose identity is proved, and tell the audit log."""
    token = sessions.begin(session, user, place=place, lasting=lasting, at=at)
    audit_log.record(session, actor, "session.begun", f"user/{user.id}", at=at)
    return Opened(user=user, token=token)


def _actor(user: User, attempt: Attempt) -> Actor:
    return Actor(name=user.login, address=attempt.place.address, request_id=attempt.request_id)
