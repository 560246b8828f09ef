"""Sessions: who is signed in, on which browser; each can be ended, one by one or all at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from syncengine.access.tokens import new_token, token_hash
from syncengine.model import User, UserSession
from syncengine.settings import EngineSettings

SEEN_EVERY: Final = timedelta(minutes=1)
"""How often it is written down that somebody is still there."""
_ADDRESS_LENGTH: Final = 45
_AGENT_LENGTH: Final = 200


@dataclass(frozen=True, kw_only=True)
class Lasting:
    """How long a session lasts: without a request, and at most."""

    idle: timedelta
    whole: timedelta

    @classmethod
    def by(cls, settings: EngineSettings) -> Lasting:
        """As the settings say."""
        return cls(idle=timedelta(hours=settings.session_idle_hours), whole=timedelta(hours=settings.session_hours))


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where somebody signs in from: network address and name of the browser."""

    address: str | None = None
    agent: str | None = None


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A session and whose it is."""

    session: UserSession
    user: User


def begin(session: Session, user: User, *, place: Place, lasting: Lasting, at: datetime) -> SecretStr:
    """Sign a user in; the token is told once. Sessions of the user that are over are forgotten."""
    token = new_token()
    session.execute(delete(UserSession).where(UserSession.user_id == user.id, UserSession.expires_at <= at))
    session.add(
        UserSession(
            user_id=user.id,
            token_hash=token_hash(token),
            created_at=at,
            seen_at=at,
            expires_at=at + lasting.whole,
            address=place.address and place.address[:_ADDRESS_LENGTH],
            agent=place.agent and place.agent[:_AGENT_LENGTH],
        )
    )
    return SecretStr(token)


def find(session: Session, token: str, *, lasting: Lasting, at: datetime) -> SignedIn | None:
    """The living session of a token, of a user who is still active."""
    query = (
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.token_hash == token_hash(token),
            UserSession.expires_at > at,
            UserSession.seen_at > at - lasting.idle,
            User.active,
        )
    )
    row = session.execute(query).one_or_none()
    return None if row is None else SignedIn(session=row[0], user=row[1])


def must_touch(found: UserSession, at: datetime) -> bool:
    """Whether ``touch`` is due."""
    return at - found.seen_at >= SEEN_EVERY


def touch(session: Session, session_id: int, at: datetime) -> None:
    """Write down that somebody is still there."""
    session.execute(update(UserSession).where(UserSession.id == session_id).values(seen_at=at))


def list_sessions(session: Session, user_id: int, *, lasting: Lasting, at: datetime) -> list[UserSession]:
    """Where a user is signed in, the most recent first."""
    query = select(UserSession).where(
        UserSession.user_id == user_id, UserSession.expires_at > at, UserSession.seen_at > at - lasting.idle
    )
    return list(session.scalars(query.order_by(UserSession.seen_at.desc(), UserSession.id.desc())))


def end(session: Session, user_id: int, session_id: int) -> bool:
    """Sign one of a user's sessions out; False when it is not this user's, or over."""
    mine = (UserSession.id == session_id, UserSession.user_id == user_id)
    return session.scalar(delete(UserSession).where(*mine).returning(UserSession.id)) is not None


def end_all(session: Session, user_id: int, *, but: int | None = None) -> int:
    """Sign a user out everywhere, except in one session; how many were ended."""
    of_user = delete(UserSession).where(UserSession.user_id == user_id)
    if but is not None:
        of_user = of_user.where(UserSession.id != but)
    return len(session.scalars(of_user.returning(UserSession.id)).all())
