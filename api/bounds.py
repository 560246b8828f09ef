"""Bounds of a request: how large its body may be, how long it may take to arrive, how long until something is answered."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ApiProblem, respond

BODY_MAX: Final = 1_000_000
"""Bytes; the largest form has a few thousand."""
BODY_S: Final = 30.0
ANSWER_S: Final = 60.0
_LAST: Final = {"Connection": "close"}
"""What was not read of a body would be taken for the next request."""


class Bounds:
    """Answers 413 for a body that is too large, before reading it; 408 for one that is late; 503 when no answer comes in time.

    What runs in a thread cannot be stopped: it ends by itself, and what it says then is dropped. A stream that has begun goes on.
    """

    def __init__(
        self, app: ASGIApp, *, body_max: int = BODY_MAX, body_s: float = BODY_S, answer_s: float = ANSWER_S
    ) -> None:
        self._app, self._body_max, self._body_s, self._answer_s = app, body_max, body_s, answer_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on within its bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _announced(scope) > self._body_max:
            await respond(Request(scope), ApiProblem("body_too_large", headers=_LAST))(scope, receive, send)
        elif not await self._answered(scope, _Exchange(receive, send, self._body_max, self._body_s)):
            await respond(Request(scope), ApiProblem("overloaded"))(scope, receive, send)

    async def _answered(self, scope: Scope, exchange: _Exchange) -> bool:
        """Whether an answer began in time; then it is finished, too."""
        running = asyncio.ensure_future(self._app(scope, exchange.receive, exchange.send))
        begun = asyncio.ensure_future(exchange.begun.wait())
        try:
            await asyncio.wait({running, begun}, timeout=self._answer_s, return_when=asyncio.FIRST_COMPLETED)
            if running.done() or exchange.begun.is_set():
                await running
                return True
        except asyncio.CancelledError:
            running.cancel()
            raise
        finally:
            begun.cancel()
        exchange.abandoned = True
        running.add_done_callback(_drop)
        return False


class _Exchange:
    """The two channels of a request, watched."""

    def __init__(self, receive: Receive, send: Send, body_max: int, body_s: float) -> None:
        self._receive, self._send, self._left, self._body_s = receive, send, body_max, body_s
        self._whole = False
        self.begun = asyncio.Event()
        self.abandoned = False

    async def receive(self) -> Message:
        """The next part of the body, in time and within its size; afterwards whatever comes, whenever.

        Raises HTTPException, which the framework lets pass; anything else it would take for a malformed body.
        """
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout(self._body_s):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, headers=_LAST) from None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, headers=_LAST)
        self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on, unless the caller has been told something else already."""
        if not self.abandoned:
            self.begun.set()
            await self._send(message)


def _announced(scope: Scope) -> int:
    """The size of the body as the request says; the server has made sure that it is a number."""
    given = Headers(scope=scope).get("content-length", "0")
    return int(given) if given.isdecimal() else 0


def _drop(task: asyncio.Future[None]) -> None:
    if not task.cancelled():
        task.exception()
