"""One request that writes: its transaction, its caller, what the audit log says about it, and its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Depends, Header
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import idempotency
from api.etags import etag_of
from api.idempotency import Ticket
from api.identity import ADMIN, ANYONE, EDIT, FRESH, SYNC, Caller, Requires, engine_of
from syncengine.access import audit_log


class Work:
    """What a route that writes is given. Everything it does stands in one transaction: the work, its audit, its answer."""

    def __init__(self, request: Request, caller: Caller, ticket: Ticket | None = None) -> None:
        self.request, self.caller, self.engine = request, caller, engine_of(request)
        self._ticket = ticket
        self._dry_run = False

    @contextmanager
    def writing(self, *, dry_run: bool = False) -> Iterator[Session]:
        """The transaction. With ``dry_run`` everything happens and nothing stays.

        A request that was carried out before, by its Idempotency-Key, ends here with the answer it got then.
        """
        self._dry_run = dry_run
        with self.engine.store.writing() as session:
            if self._ticket is not None and not dry_run:
                idempotency.begin(session, self._ticket, at=self.caller.at)
            yield session
            if dry_run:
                session.rollback()

    def audit(
        self, session: Session, action: str, subject: str | None = None, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Tell the audit log, as ``audit_log.record``."""
        audit_log.record(session, self.caller.actor, action, subject, detail, at=self.caller.at)

    def answer(
        self,
        session: Session,
        view: BaseModel | None = None,
        *,
        status: int = 200,
        location: str | None = None,
        versioned: bool = False,
        kept: BaseModel | None = None,
    ) -> Response:
        """The answer, kept for the Idempotency-Key; ``versioned`` adds the ETag.

        ``kept`` is what a repetition gets instead, for what is shown only once: a secret is not kept.
        """
        headers = {}
        if location is not None:
            headers["Location"] = location
        if versioned and view is not None:
            headers["ETag"] = etag_of(view)
        body = None if view is None else view.model_dump_json()
        if self._ticket is not None and not self._dry_run:
            stored = body if kept is None else kept.model_dump_json()
            idempotency.keep(session, self._ticket, status=status, headers=headers, body=stored)
        return Response(body, status_code=status, headers=headers, media_type="application/json" if body else None)


class Works:
    """A dependency: the work of a caller who has the scope."""

    def __init__(self, requires: Requires) -> None:
        # Defaults, not annotations: those are read outside of this function, where the name means nothing.
        def work(request: Request, caller: Caller = Depends(requires)) -> Work:
            return Work(request, caller)

        async def once(
            request: Request,
            caller: Caller = Depends(requires),
            idempotency_key: Annotated[
                str | None,
                Header(
                    pattern=idempotency.PATTERN,
                    description="The same key again gets the answer of the first request and does nothing (24 hours).",
                ),
            ] = None,
        ) -> Work:
            ticket = None
            if idempotency_key is not None:
                ticket = await idempotency.ticket(request, caller, idempotency_key)
            return Work(request, caller, ticket)

        self.work, self.once = work, once


_FRESH, _ANYONE, _SYNC, _EDIT, _ADMIN = map(Works, (FRESH, ANYONE, SYNC, EDIT, ADMIN))

FreshWork = Annotated[Work, Depends(_FRESH.work)]
OwnWork = Annotated[Work, Depends(_ANYONE.work)]
SyncWork = Annotated[Work, Depends(_SYNC.work)]
EditWork = Annotated[Work, Depends(_EDIT.work)]
AdminWork = Annotated[Work, Depends(_ADMIN.work)]
OwnOnce = Annotated[Work, Depends(_ANYONE.once)]
SyncOnce = Annotated[Work, Depends(_SYNC.once)]
EditOnce = Annotated[Work, Depends(_EDIT.once)]
AdminOnce = Annotated[Work, Depends(_ADMIN.once)]
