"""What keeps a browser from being used against its user: strict headers, and no requests from other sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ApiProblem, respond

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PAGE: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing inline, nothing from elsewhere; `data:` are the small icons of the style sheet."""
_DATA: Final = "default-src 'none'; frame-ancestors 'none'"
_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HSTS: Final = "max-age=31536000"


class StrictHeaders:
    """Adds to every answer what browsers are to be strict about; answers are not kept unless they say so themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its answer with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                _harden(MutableHeaders(scope=message), https=scope["scheme"] == "https")
            await send(message)

        await self._app(scope, receive, strict)


def _harden(headers: MutableHeaders, *, https: bool) -> None:
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    page = headers.get("Content-Type", "").startswith("text/html")
    headers.setdefault("Content-Security-Policy", _PAGE if page else _DATA)
    headers.setdefault("Cache-Control", "no-store")
    if https:
        headers.setdefault("Strict-Transport-Security", _HSTS)


class SameSite:
    """Refuses unsafe requests that a page of another site made a browser send (CSRF).

    Browsers say where a request comes from: Sec-Fetch-Site, the older ones Origin. What says neither is no browser. A request with
    an Authorization header is passed on: no other site can make a browser send that.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http" and scope["method"] not in _SAFE and _from_elsewhere(Request(scope)):
            answer = respond(Request(scope), ApiProblem("cross_site_refused"))
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _from_elsewhere(request: Request) -> bool:
    headers = request.headers
    if "authorization" in headers:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and not _is_ours(origin, request, headers)


def _is_ours(origin: str, request: Request, headers: Headers) -> bool:
    public = request.app.state.engine.settings.public_url
    return origin == public or (origin != "null" and urlsplit(origin).netloc == headers.get("host"))
