"""HEAD and OPTIONS for every address: HEAD answers as GET without the body, OPTIONS tells the methods there are."""

from __future__ import annotations

import re
from typing import TypeAlias

import anyio
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MethodTable: TypeAlias = tuple[tuple[re.Pattern[str], frozenset[str]], ...]


def method_table(app: FastAPI) -> MethodTable:
    """The methods of each address."""
    return tuple(
        (route.path_regex, frozenset(route.methods))
        for route in iter_route_contexts(app.routes)
        if route.methods and route.path is not None
    )


def allowed(request: HTTPConnection) -> str:
    """The methods an address knows, as the header Allow tells them."""
    table: MethodTable = request.app.state.methods
    found = frozenset[str]().union(*(methods for path, methods in table if path.match(request.url.path)))
    return ", ".join(sorted(found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set())))


class Methods:
    """Answers HEAD and OPTIONS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with these two methods turned into what the routes know."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self._head(scope, send)
        elif scope["type"] == "http" and scope["method"] == "OPTIONS":
            await self._options(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _head(self, scope: Scope, send: Send) -> None:
        """As GET up to the headers; then the caller counts as gone, which also ends a stream."""
        ended, asked = anyio.Event(), False

        async def receive() -> Message:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await ended.wait()
            return {"type": "http.disconnect"}

        async def headers_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                ended.set()

        await self._app({**scope, "method": "GET"}, receive, headers_only)

    async def _options(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The routes refuse a method they do not know, and say which ones they do."""
        refusal: Message = {}

        async def look(message: Message) -> None:
            nonlocal refusal
            if message["type"] == "http.response.start":
                refusal = message
            if refusal["status"] != 405:
                await send(message)

        await self._app(scope, receive, look)
        if refusal.get("status") == 405:
            known = Headers(raw=refusal["headers"]).get("allow", "")
            await Response(status_code=204, headers={"Allow": known})(scope, receive, send)
