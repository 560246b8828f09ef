"""Alert: something about an integration that somebody must know, told once when it begins and once when it is over (NEW-09)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, Id, ref


class AlertCause(StrEnum):
    """What is wrong; an integration has at most one open alert of each cause."""

    FAILURE = "failure"  # its last cycle failed
    STALE = "stale"  # nothing was synchronised for longer than it should be
    GUARD = "guard"  # a guard stopped a cycle: somebody must approve its plan (NEW-06)
    DRIFT = "drift"  # both sides differ where they should agree


class Alert(Base):
    """A cause from when it was first seen until it is over; seen again and again it stays the same alert.

    ::

        open ──► closed     the cause is gone: told as a recovery
    """

    __tablename__ = "alerts"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    cause: Mapped[AlertCause]
    code: Mapped[str] = mapped_column(String(60))  # the problem's code, or the cause
    message: Mapped[str]
    remedy: Mapped[str] = mapped_column(default="")
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(default=1)
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_alerts_open",
            "integration_id",
            "cause",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index(None, "integration_id", "id"),
    )


class ChannelKind(StrEnum):
    """How people and programs are told."""

    EMAIL = "email"
    WEBHOOK = "webhook"


class AlertChannel(Base):
    """Somebody to tell: an address, or a URL with the secret its messages are signed by; of one integration, or of all."""

    __tablename__ = "alert_channels"

    id: Mapped[Id]
    kind: Mapped[ChannelKind]
    target: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str | None] = mapped_column(String(1000))  # encrypted by ``syncengine.secrets``
    integration_id: Mapped[int | None] = ref("integrations.id")
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class DeliveryState(StrEnum):
    """How far a message is.

    ::

        waiting ──► delivered     the other side took it
           │ └────► given_up      refused for days, or the channel is gone
           └─ tried again, later and later
    """

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Delivery(Base):
    """One message to one channel, with what became of it: written with the alert, in one transaction."""

    __tablename__ = "deliveries"

    id: Mapped[Id]
    channel_id: Mapped[int] = mapped_column(BIGINT, ForeignKey("alert_channels.id", ondelete="CASCADE"))
    alert_id: Mapped[int | None] = ref("alerts.id")  # None: a test message
    event: Mapped[str] = mapped_column(String(30))
    message_id: Mapped[str] = mapped_column(String(60), unique=True)
    payload: Mapped[str]
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]
    answer: Mapped[str | None] = mapped_column(String(300))  # what the other side said last
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_deliveries_due",
            "due_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(None, "channel_id", "id"),
    )
