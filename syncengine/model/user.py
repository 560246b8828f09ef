"""User of the CRM, and the rights withdrawn from one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, Id


class Right(StrEnum):
    """What a user may do (CRM-61). Every right is granted until it is withdrawn."""

    CREATE_TIERS = "create_tiers"
    BREAK_LINK = "break_link"
    ETENDUE_ENTRY = "etendue_entry"
    REASSIGN = "reassign"
    DISCONNECT = "disconnect"
    REFRESH_TURNOVER = "refresh_turnover"


class User(Base):
    """Somebody who works in the CRM, and may be the account manager of Companies."""

    __tablename__ = "users"

    id: Mapped[Id]
    login: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(80))
    email: Mapped[str | None] = mapped_column(String(254))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    administrator: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    language: Mapped[str | None] = mapped_column(String(5))  # None: what the browser asks for
    must_change_password: Mapped[bool] = mapped_column(default=False)
    failed_logins: Mapped[int] = mapped_column(default=0)  # in a row
    locked_until: Mapped[datetime | None]
    oidc_subject: Mapped[str | None] = mapped_column(String(255))  # as the identity provider knows this user
    document_types: Mapped[list[str] | None]  # CRM-55: types of document this user may see; None: all

    __table_args__ = (UniqueConstraint("login"), Index("uq_users_oidc_subject", "oidc_subject", unique=True))


class UserRight(Base):
    """One right withdrawn from one user; no row means granted."""

    __tablename__ = "user_rights"

    user_id: Mapped[int] = mapped_column(BIGINT, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    withdrawn: Mapped[Right] = mapped_column("right", primary_key=True)
    withdrawn_at: Mapped[datetime]
