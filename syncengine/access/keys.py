"""API keys: ``sk_<prefix>_<secret>``, hashed, shown once, with scopes and an end; each acts on behalf of a user."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from syncengine.access.entry import entry
from syncengine.access.scopes import Scope, scopes_of
from syncengine.access.tokens import new_token, token_hash
from syncengine.core.refusals import refused
from syncengine.model import ApiKey, User

START: Final = "sk_"
LASTING_MAX: Final = timedelta(days=730)
USED_EVERY: Final = timedelta(minutes=1)
"""How often it is written down that a key is in use."""
_NAME_LENGTH: Final = 60
_PREFIX_LENGTH: Final = 8
_ID_MAX: Final = 2**63 - 1
_LETTERS: Final = string.ascii_lowercase + string.digits


@dataclass(frozen=True, kw_only=True)
class KeyOrder:
    """A key to be made; without ``expires_at`` it lasts until it is revoked."""

    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Identified:
    """A key that may be used now, its user, and what both may do."""

    key: ApiKey
    user: User
    scopes: frozenset[Scope]


def create(session: Session, user: User, order: KeyOrder, *, at: datetime) -> tuple[ApiKey, SecretStr]:
    """Make a key; its text is told once. Raises InputRefused (scope_beyond_user, key_expiry_invalid, and as ``entry``)."""
    if not order.scopes <= scopes_of(administrator=user.administrator):
        raise refused(
            "scope_beyond_user",
            "a key may not do what its user may not",
            field="scopes",
            remedy="Leave the scope admin to keys of administrators.",
        )
    if order.expires_at is not None and not at < order.expires_at <= at + LASTING_MAX:
        raise refused(
            "key_expiry_invalid",
            "the key would end in the past, or in more than two years",
            field="expires_at",
            remedy="Choose an instant within two years, or none.",
        )
    prefix = "".join(secrets.choice(_LETTERS) for _ in range(_PREFIX_LENGTH))
    text = f"{START}{prefix}_{new_token()}"
    key = ApiKey(
        name=entry(order.name, "name", _NAME_LENGTH),
        prefix=prefix,
        key_hash=token_hash(text),
        scopes=sorted(scope.value for scope in order.scopes),
        user_id=user.id,
        created_at=at,
        expires_at=order.expires_at,
    )
    session.add(key)
    session.flush()
    return key, SecretStr(text)


def identify(session: Session, text: str, *, at: datetime) -> Identified | None:
    """The key of that text, unless it is over, revoked, or its user is no longer active."""
    if not text.startswith(START):
        return None
    query = select(ApiKey, User).join(User, User.id == ApiKey.user_id).where(ApiKey.key_hash == token_hash(text))
    row = session.execute(query).one_or_none()
    if row is None or not usable(row[0], at) or not row[1].active:
        return None
    allowed = scopes_of(administrator=row[1].administrator)
    scopes = frozenset(scope for scope in allowed if scope.value in row[0].scopes)
    return Identified(key=row[0], user=row[1], scopes=scopes)


def usable(key: ApiKey, at: datetime) -> bool:
    """Whether a key is neither revoked nor over."""
    return key.revoked_at is None and (key.expires_at is None or at < key.expires_at)


def must_touch(key: ApiKey, at: datetime) -> bool:
    """Whether ``touch`` is due."""
    return key.used_at is None or at - key.used_at >= USED_EVERY


def touch(session: Session, key_id: int, at: datetime) -> None:
    """Write down that a key is in use."""
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(used_at=at))


def list_keys(
    session: Session, user_id: int | None = None, *, limit: int, before_id: int | None = None
) -> list[ApiKey]:
    """The keys of a user or of all, the newest first, revoked ones too."""
    query = select(ApiKey)
    if user_id is not None:
        query = query.where(ApiKey.user_id == user_id)
    if before_id is not None:
        query = query.where(ApiKey.id < before_id)
    return list(session.scalars(query.order_by(ApiKey.id.desc()).limit(limit)))


def find(session: Session, key_id: int) -> ApiKey:
    """The key of that number. Raises InputRefused (key_unknown)."""
    key = session.get(ApiKey, key_id) if 0 < key_id <= _ID_MAX else None
    if key is None:
        raise refused("key_unknown", "there is no such key", record=str(key_id), remedy="See `syncengine user keys`.")
    return key


def revoke(session: Session, key: ApiKey, *, at: datetime) -> None:
    """End a key; once more changes nothing."""
    if key.revoked_at is None:
        key.revoked_at = at
        session.flush()
