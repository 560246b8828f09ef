"""Idempotency keys: an unsafe request that is sent again gets the answer it got, and nothing happens twice.

The key is stored in the transaction that does the work: both stay, or neither. Two requests with one key at once wait for
each other. What was refused is not kept: it did nothing, and may be sent again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api.identity import Caller
from api.problems import ApiProblem
from syncengine.model import IdempotencyKey

PATTERN: Final = r"^[\x21-\x7e]{1,80}$"
KEPT_FOR: Final = timedelta(hours=24)
_UNDER_WAY: Final = 0
_CLEARED_AT_ONCE: Final = 500


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """Whose key it is, and a hash of the request it came with."""

    actor: str
    key: str
    fingerprint: str


class Replayed(Exception):
    """The request was carried out before; ``answer`` is what it got."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


async def ticket(request: Request, caller: Caller, key: str) -> Ticket:
    """The ticket of a request with that key."""
    body = await request.body()
    parts = (request.method, request.url.path, request.url.query)
    digest = hashlib.sha256("\n".join(parts).encode() + b"\n" + body).hexdigest()
    who = f"key/{caller.key_id}" if caller.key_id else f"user/{caller.user_id}"
    return Ticket(actor=who, key=key, fingerprint=digest)


def begin(session: Session, ticket: Ticket, *, at: datetime) -> None:
    """Claim the key. Raises Replayed for a request done before, ApiProblem (idempotency_key_reused) for another one."""
    _clear(session, at)
    row: dict[str, Any] = {"actor": ticket.actor, "key": ticket.key, "fingerprint": ticket.fingerprint}
    row |= {"status": _UNDER_WAY, "headers": {}, "created_at": at}
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    claim: Any = insert(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key)
    if session.scalar(claim) is None:
        done = session.get_one(IdempotencyKey, (ticket.actor, ticket.key))
        if done.fingerprint != ticket.fingerprint:
            raise ApiProblem("idempotency_key_reused", field="Idempotency-Key")
        raise Replayed(_again(done))


def keep(session: Session, ticket: Ticket, *, status: int, headers: dict[str, str], body: str | None) -> None:
    """Store the answer beside the work."""
    row = session.get_one(IdempotencyKey, (ticket.actor, ticket.key))
    row.status, row.headers, row.body = status, headers, body


def _again(row: IdempotencyKey) -> Response:
    headers = {**row.headers, "Idempotent-Replayed": "true"}
    return Response(
        row.body, status_code=row.status, headers=headers, media_type="application/json" if row.body else None
    )


def _clear(session: Session, at: datetime) -> None:
    """Forget old keys, a few at a time."""
    old = select(IdempotencyKey.actor, IdempotencyKey.key).where(IdempotencyKey.created_at < at - KEPT_FOR)
    for actor, key in session.execute(old.limit(_CLEARED_AT_ONCE)).all():
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.actor == actor, IdempotencyKey.key == key))


def install(app: FastAPI) -> None:
    """Answer repetitions."""

    @app.exception_handler(Replayed)
    async def on_replayed(_request: Request, replayed: Replayed) -> Response:
        return replayed.answer
