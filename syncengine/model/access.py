"""Who may come in: sessions of people, keys of programs, what each of them did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, Id

HASH_LENGTH = 64
"""Characters of a SHA-256 in hexadecimal digits."""


class UserSession(Base):
    """Somebody who is signed in, on one browser. Only the hash of the token is kept; deleting the row signs out."""

    __tablename__ = "user_sessions"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BIGINT, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(HASH_LENGTH))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str | None] = mapped_column(String(45))
    agent: Mapped[str | None] = mapped_column(String(200))

    __table_args__ = (UniqueConstraint("token_hash"),)


class ApiKey(Base):
    """A program that may call the API, with the scopes it was given. Only the hash is kept; ``prefix`` tells keys apart."""

    __tablename__ = "api_keys"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60))
    prefix: Mapped[str] = mapped_column(String(12))
    key_hash: Mapped[str] = mapped_column(String(HASH_LENGTH))
    scopes: Mapped[list[str]]
    user_id: Mapped[int] = mapped_column(BIGINT, ForeignKey("users.id", ondelete="CASCADE"))  # on whose behalf it acts
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("key_hash"),)


class AuditEvent(Base):
    """Who did what, when, from where; never changed, never deleted with what it tells about."""

    __tablename__ = "audit_events"

    id: Mapped[Id]
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(80))  # login, 'key:<name>', or 'operator' at the command line
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str | None] = mapped_column(String(80))  # 'integration/1', 'company/12', 'user/3'
    detail: Mapped[dict[str, Any] | None]  # from → to, without secrets
    request_id: Mapped[str | None] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(45))

    __table_args__ = (Index(None, "subject", "id"), Index(None, "actor", "id"))


class IdempotencyKey(Base):
    """An unsafe request that was carried out, and its answer: the same key again gets the same answer."""

    __tablename__ = "idempotency_keys"

    actor: Mapped[str] = mapped_column(String(80), primary_key=True)
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(HASH_LENGTH))  # of method, path and body
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[str | None]
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "created_at"),)
