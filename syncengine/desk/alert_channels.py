"""Who is told of alerts: e-mail addresses and webhooks, of one integration or of all, and what they were sent (NEW-09)."""

from __future__ import annotations

import base64
import re
import secrets as random
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from syncengine.core.refusals import refused
from syncengine.core.webhook_address import checked_url
from syncengine.cycle.alert_messages import Event, document, message
from syncengine.model import AlertChannel, ChannelKind, Delivery, DeliveryState, Integration
from syncengine.secrets import Secrets

SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what secrets of Standard Webhooks begin with
_ADDRESS: Final = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+\.[^@\s<>,;:\"()\[\]\\.]+")
_ADDRESS_LENGTH: Final = 254  # RFC 5321
_HIDDEN_QUERY: Final = "…"


@dataclass(frozen=True, kw_only=True)
class ChannelView:
    """One channel; ``integration`` None: of all. The query of a webhook's address is hidden: it may hold a secret (G10)."""

    id: int
    kind: ChannelKind
    target: str
    integration: str | None
    active: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class NewChannel:
    """A channel just made; ``secret`` is shown this once: by it the receiver checks the signatures of a webhook."""

    channel: ChannelView
    secret: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeliveryView:
    """One message to one channel: how often it was tried, when it is tried next, what the other side said last."""

    id: int
    channel_id: int
    target: str
    alert_id: int | None
    event: str
    message_id: str
    state: DeliveryState
    attempts: int
    due_at: datetime | None
    answer: str | None
    created_at: datetime
    ended_at: datetime | None


def list_channels(session: Session) -> list[ChannelView]:
    """Every channel, in the order they were made."""
    return [_view(session, channel) for channel in session.scalars(select(AlertChannel).order_by(AlertChannel.id))]


def show_channel(session: Session, channel_id: int) -> ChannelView:
    """One channel. Raises InputRefused (channel_unknown)."""
    return _view(session, _channel(session, channel_id))


def add_email(session: Session, address: str, *, integration_id: int | None, at: datetime) -> NewChannel:
    """Tell an e-mail address. Raises InputRefused (mail_address, channel_known)."""
    entered = address.strip()
    if _ADDRESS.fullmatch(entered) is None or not entered.isprintable() or len(entered) > _ADDRESS_LENGTH:
        remedy = "Write one address: compta@societe.example."
        raise refused("mail_address", "the text is no e-mail address", remedy=remedy, field="address")
    return NewChannel(channel=_add(session, ChannelKind.EMAIL, entered, integration_id, at))


def add_webhook(
    session: Session, url: str, *, integration_id: int | None, private: bool, secrets: Secrets, at: datetime
) -> NewChannel:
    """Tell a server; ``private`` as the engine's settings have it. Raises InputRefused (webhook_address, channel_known)."""
    entered = url.strip()
    checked_url(entered, private=private)
    secret = _new_secret()
    view = _add(session, ChannelKind.WEBHOOK, entered, integration_id, at)
    session.get_one(AlertChannel, view.id).secret = secrets.encrypt(SecretStr(secret))
    session.flush()
    return NewChannel(channel=view, secret=secret)


def set_active(session: Session, channel_id: int, *, active: bool, at: datetime) -> ChannelView:
    """Tell the channel from now on, or no more; what waits to be sent to it then is given up. Raises InputRefused."""
    channel = _channel(session, channel_id)
    channel.active = active
    if not active:
        session.execute(
            update(Delivery)
            .where(Delivery.channel_id == channel_id, Delivery.state == DeliveryState.WAITING)
            .values(state=DeliveryState.GIVEN_UP, due_at=None, ended_at=at)
        )
    session.flush()
    return _view(session, channel)


def renew_secret(session: Session, channel_id: int, *, secrets: Secrets) -> NewChannel:
    """A new secret for a webhook, in place of the old one. Raises InputRefused (channel_unknown)."""
    channel = _channel(session, channel_id)
    if channel.kind is not ChannelKind.WEBHOOK:
        remedy = "Name a webhook: see `syncengine alerts channels`."
        raise refused("channel_unknown", "the channel has no secret", record=str(channel_id), remedy=remedy)
    secret = _new_secret()
    channel.secret = secrets.encrypt(SecretStr(secret))
    session.flush()
    return NewChannel(channel=_view(session, channel), secret=secret)


def remove_channel(session: Session, channel_id: int) -> ChannelView:
    """Forget a channel and what it was sent. Raises InputRefused (channel_unknown)."""
    view = _view(session, _channel(session, channel_id))
    session.execute(delete(Delivery).where(Delivery.channel_id == channel_id))
    session.execute(delete(AlertChannel).where(AlertChannel.id == channel_id))
    return view


def write_test(session: Session, channel_id: int, *, at: datetime) -> int:
    """Write a test message to a channel, due at once; the number of its delivery. Raises InputRefused (channel_unknown)."""
    channel = _channel(session, channel_id)
    payload = document(Event.TEST, {"channel": channel.id}, at=at)
    delivery = message(channel_id=channel.id, event=Event.TEST, payload=payload, at=at)
    session.add(delivery)
    session.flush()
    return delivery.id


def list_deliveries(
    session: Session,
    *,
    channel_id: int | None = None,
    state: DeliveryState | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[DeliveryView]:
    """What was sent or waits, the newest first; ``before`` is the number that ended the last page."""
    query = select(Delivery, AlertChannel).join(AlertChannel, AlertChannel.id == Delivery.channel_id)
    if channel_id is not None:
        query = query.where(Delivery.channel_id == channel_id)
    if state is not None:
        query = query.where(Delivery.state == state)
    if before is not None:
        query = query.where(Delivery.id < before)
    return [
        _delivery(one, channel) for one, channel in session.execute(query.order_by(Delivery.id.desc()).limit(limit))
    ]


def show_delivery(session: Session, delivery_id: int) -> DeliveryView:
    """One delivery, which is there."""
    delivery = session.get_one(Delivery, delivery_id)
    return _delivery(delivery, session.get_one(AlertChannel, delivery.channel_id))


def _add(session: Session, kind: ChannelKind, target: str, integration_id: int | None, at: datetime) -> ChannelView:
    known = select(AlertChannel.id).where(AlertChannel.kind == kind, AlertChannel.target == target)
    own = AlertChannel.integration_id
    same = own.is_(None) if integration_id is None else own == integration_id
    if (number := session.scalars(known.where(same)).first()) is not None:
        remedy = f"It is channel {number}: see `syncengine alerts channels`."
        raise refused("channel_known", "there is such a channel", record=str(number), remedy=remedy)
    channel = AlertChannel(kind=kind, target=target, integration_id=integration_id, created_at=at)
    session.add(channel)
    session.flush()
    return _view(session, channel)


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(random.token_bytes(SECRET_BYTES)).decode("ascii")


def _channel(session: Session, channel_id: int) -> AlertChannel:
    channel = session.get(AlertChannel, channel_id)
    if channel is None:
        remedy = "See `syncengine alerts channels`."
        raise refused("channel_unknown", "there is no such channel", record=str(channel_id), remedy=remedy)
    return channel


def _view(session: Session, channel: AlertChannel) -> ChannelView:
    of = None if channel.integration_id is None else session.get_one(Integration, channel.integration_id).name
    return ChannelView(
        id=channel.id,
        kind=channel.kind,
        target=_shown(channel),
        integration=of,
        active=channel.active,
        created_at=channel.created_at,
    )


def _delivery(delivery: Delivery, channel: AlertChannel) -> DeliveryView:
    own = {name: getattr(delivery, name) for name in DeliveryView.__dataclass_fields__ if name != "target"}
    return DeliveryView(**own, target=_shown(channel))


def _shown(channel: AlertChannel) -> str:
    if channel.kind is ChannelKind.EMAIL:
        return channel.target
    parts = urlsplit(channel.target)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, _HIDDEN_QUERY if parts.query else "", ""))
