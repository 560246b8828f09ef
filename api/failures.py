"""The outermost loop: a mistake of the server is logged under the request id and answered, without telling what it was."""

from __future__ import annotations

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ApiProblem, respond


class Failures:
    """Answers what nothing else has caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and answer 500 if that ends in an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            # The path is logged, the query is not: it may hold what somebody searched for.
            structlog.get_logger().exception("request_failed", method=scope["method"], path=scope["path"])
            if started:
                raise
            await respond(Request(scope), ApiProblem("internal_error"))(scope, receive, send)
