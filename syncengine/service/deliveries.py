"""Deliveries: what is due is sent, tried again for days, and what became of it is kept (NEW-09).

A message is claimed before it is sent and recorded after: two processes never send the same one at once. One whose process died
in between is sent again under the same id, by which the receiver knows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import structlog
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contracts.errors import Problem
from syncengine.core.alert_words import mail_of
from syncengine.engine import Engine
from syncengine.logs import configure
from syncengine.model import AlertChannel, ChannelKind, Delivery, DeliveryState
from syncengine.service.answer import Answer, Outcome
from syncengine.service.mail import Mailer
from syncengine.service.webhook import Post, Poster

AGAIN_AFTER: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""How long a message waits after each refusal; after the last one it is given up: three days in all."""
CLAIMED_FOR: Final = timedelta(minutes=10)
"""Longer than sending those of one claim can take."""
CLAIMED_AT_ONCE: Final = 32
SENT_AT_ONCE: Final = 8

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Message:
    """A claimed message; ``attempts`` counts this one."""

    id: int
    message_id: str
    payload: str
    attempts: int


@dataclass(frozen=True, kw_only=True)
class _Parcel:
    """What goes to one channel in one go: one post, or all the alerts of a mail."""

    channel_id: int
    kind: ChannelKind
    target: str
    secret: str | None
    messages: tuple[_Message, ...]


def deliver_due(engine: Engine) -> int:
    """Send every message that is due; how many were tried. Raises DatabaseProblem."""
    count = 0
    with ThreadPoolExecutor(SENT_AT_ONCE, thread_name_prefix="deliveries") as pool:
        while parcels := _claim(engine):
            answers = pool.map(lambda parcel: _sent(engine, parcel), parcels)
            for parcel, answer in zip(parcels, answers, strict=True):
                _record(engine, parcel, answer)
                count += len(parcel.messages)
    return count


def deliver_now(engine: Engine, delivery_id: int) -> Answer | None:
    """Send one message that is due, in this thread; None when another process is at it."""
    configure()  # a command has no log of its own, and what it prints is its answer
    answer = None
    for parcel in _claim(engine, only=delivery_id):
        answer = _sent(engine, parcel)
        _record(engine, parcel, answer)
    return answer


def _claim(engine: Engine, *, only: int | None = None) -> list[_Parcel]:
    """Take the messages that are due; nobody else does until the claim has run out."""
    now = engine.store.clock()
    due = select(Delivery.id).where(Delivery.state == DeliveryState.WAITING, Delivery.due_at <= now)
    if only is not None:
        due = due.where(Delivery.id == only)
    due = due.order_by(Delivery.due_at).limit(CLAIMED_AT_ONCE).with_for_update(skip_locked=True)
    claim = (
        update(Delivery)
        .where(Delivery.id.in_(due))
        .values(due_at=now + CLAIMED_FOR, attempts=Delivery.attempts + 1)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    with engine.store.writing() as session:
        claimed = session.scalars(claim).all()
        return _parcels(session, claimed) if claimed else []


def _parcels(session: Session, claimed: Iterable[int]) -> list[_Parcel]:
    query = (
        select(Delivery, AlertChannel)
        .join(AlertChannel, AlertChannel.id == Delivery.channel_id)
        .where(Delivery.id.in_(claimed))
        .order_by(AlertChannel.id, Delivery.id)
    )
    parcels = []
    for channel, rows in groupby(session.execute(query), lambda row: row[1]):
        messages = [
            _Message(id=one.id, message_id=one.message_id, payload=one.payload, attempts=one.attempts)
            for one, _ in rows
        ]
        # A thousand integrations that fail together make one mail, not a thousand.
        packs = [messages] if channel.kind is ChannelKind.EMAIL else [[message] for message in messages]
        parcels += [
            _Parcel(
                channel_id=channel.id,
                kind=channel.kind,
                target=channel.target,
                secret=channel.secret,
                messages=tuple(pack),
            )
            for pack in packs
        ]
    return parcels


def _sent(engine: Engine, parcel: _Parcel) -> Answer:
    try:
        return _posted(engine, parcel) if parcel.kind is ChannelKind.WEBHOOK else _mailed(engine, parcel)
    except Problem as problem:
        return Answer(outcome=Outcome.LATER, text=problem.message)
    except Exception as error:  # noqa: BLE001 - one that cannot be sent, whatever the reason, keeps none of the others waiting
        _log.exception("delivery_failed", channel=parcel.channel_id)
        return Answer(outcome=Outcome.LATER, text=type(error).__name__)


def _posted(engine: Engine, parcel: _Parcel) -> Answer:
    (message,) = parcel.messages
    secret = SecretStr("") if parcel.secret is None else engine.secrets.decrypt(parcel.secret)
    post = Post(url=parcel.target, secret=secret, message_id=message.message_id, body=message.payload)
    return Poster(private=engine.settings.webhook_private_networks).post(post)


def _mailed(engine: Engine, parcel: _Parcel) -> Answer:
    mail = mail_of([json.loads(message.payload) for message in parcel.messages])
    return Mailer(engine.settings).send(parcel.target, mail, message_id=parcel.messages[0].message_id)


def _record(engine: Engine, parcel: _Parcel, answer: Answer) -> None:
    """Keep what became of it, unless the claim ran out and somebody else has it now."""
    now = engine.store.clock()
    with engine.store.writing() as session:
        for message in parcel.messages:
            held = (Delivery.id == message.id, Delivery.attempts == message.attempts)
            waiting = Delivery.state == DeliveryState.WAITING
            values = _became(answer, message.attempts, now)
            session.execute(update(Delivery).where(*held, waiting).values(answer=answer.text, **values))
        if answer.outcome is Outcome.GONE:
            _silence(session, parcel.channel_id, now)
    _log.info("delivery", channel=parcel.channel_id, outcome=answer.outcome.value, answer=answer.text)


def _became(answer: Answer, attempts: int, now: datetime) -> dict[str, object]:
    if answer.outcome is Outcome.TAKEN:
        return {"state": DeliveryState.DELIVERED, "due_at": None, "ended_at": now}
    if answer.outcome is Outcome.LATER and attempts <= len(AGAIN_AFTER):
        return {"due_at": now + AGAIN_AFTER[attempts - 1]}
    return {"state": DeliveryState.GIVEN_UP, "due_at": None, "ended_at": now}


def _silence(session: Session, channel_id: int, now: datetime) -> None:
    """The other side wants no messages any more (410 Gone)."""
    session.execute(update(AlertChannel).where(AlertChannel.id == channel_id).values(active=False))
    session.execute(
        update(Delivery)
        .where(Delivery.channel_id == channel_id, Delivery.state == DeliveryState.WAITING)
        .values(state=DeliveryState.GIVEN_UP, due_at=None, ended_at=now)
    )
