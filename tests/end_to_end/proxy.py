"""A proxy between engine and gateway that does to chosen calls what networks, proxies and wrong addresses do to them."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import urlsplit

PULL = "GetChangeLog"
_OPERATION = re.compile(rb"Body[^>]*>\s*<(?:\w+:)?(\w+)")
_PASSED_ON = ("Authorization", "Content-Type", "SOAPAction", "Accept-Encoding")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes back to the engine. ``length`` is what its head promises, the true length unless given."""

    body: bytes
    status: int = 200
    content_type: str = "text/xml; charset=utf-8"
    length: int | None = None


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call on its way: ``number`` counts the calls of its operation from 1; ``before`` is the reply to the one before."""

    operation: str
    number: int
    forward: Callable[[], Reply]
    before: Reply | None
    released: threading.Event


Way: TypeAlias = "Callable[[Call], Iterator[Reply | bytes]]"
"""What becomes of a call: yields the head's reply, then its body in pieces; ends early to cut the line."""


@dataclass(kw_only=True)
class Proxy:
    """Where the engine calls, and what is done to which calls."""

    url: str
    target: str
    calls: dict[str, int] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)
    _plans: list[tuple[str, Callable[[int], bool], Way]] = field(default_factory=list)
    _before: dict[str, Reply] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def disturb(self, way: Way, *, operation: str = PULL, only: int | None = None, since: int = 1) -> None:
        """From now on the calls of that operation go that way: the one of that number only, or all since that number."""
        self.calls.pop(operation, None)
        chosen = (lambda number: number == only) if only is not None else (lambda number: number >= since)
        self._plans.append((operation, chosen, way))

    def calm(self) -> None:
        """From now on every call goes through; what was held is let go."""
        self._plans.clear()
        self.released.set()
        self.released = threading.Event()

    def serve(self, operation: str, forward: Callable[[], Reply]) -> Iterator[Reply | bytes]:
        """The reply to a call, as planned for it."""
        with self._lock:
            number = self.calls[operation] = self.calls.get(operation, 0) + 1
            ways = [way for name, chosen, way in self._plans if name == operation and chosen(number)]
        before = self._before.get(operation)

        def remembered() -> Reply:
            reply = self._before[operation] = forward()
            return reply

        call = Call(operation=operation, number=number, forward=remembered, before=before, released=self.released)
        return (ways[0] if ways else untouched)(call)


def untouched(call: Call) -> Iterator[Reply | bytes]:
    """As it is."""
    reply = call.forward()
    yield reply
    yield reply.body


def stalled(call: Call) -> Iterator[Reply | bytes]:
    """Half of the reply, then silence."""
    reply = call.forward()
    yield reply
    yield reply.body[: len(reply.body) // 2]
    call.released.wait(30)


def cut_off(call: Call) -> Iterator[Reply | bytes]:
    """Half of the reply, then the end of the line."""
    reply = call.forward()
    yield reply
    yield reply.body[: len(reply.body) // 2]


def cut_clean(call: Call) -> Iterator[Reply | bytes]:
    """Half of the reply, from something that promised no more."""
    reply = call.forward()
    half = reply.body[: len(reply.body) // 2]
    yield replace(reply, body=half)
    yield half


def lost(call: Call) -> Iterator[Reply | bytes]:
    """The gateway has done its work, the reply never comes."""
    call.forward()
    yield from ()


def twice(call: Call) -> Iterator[Reply | bytes]:
    """The call is made twice, as a proxy does that retries; the second reply goes back."""
    call.forward()
    yield from untouched(call)


def replayed(call: Call) -> Iterator[Reply | bytes]:
    """The reply to the call before, as from a cache."""
    if call.before is None:
        yield from untouched(call)
        return
    yield call.before
    yield call.before.body


def dripping(call: Call) -> Iterator[Reply | bytes]:
    """Whole, but in small pieces over most of a second."""
    reply = call.forward()
    yield reply
    size = len(reply.body) // 8 + 1
    for start in range(0, len(reply.body), size):
        time.sleep(0.08)
        yield reply.body[start : start + size]


def replaced(body: bytes, *, status: int = 200, content_type: str = "text/xml", length: int | None = None) -> Way:
    """Something else instead of the gateway's reply."""

    def way(_call: Call) -> Iterator[Reply | bytes]:
        yield Reply(body=body, status=status, content_type=content_type, length=length)
        yield body

    return way


def altered(change: Callable[[bytes], bytes]) -> Way:
    """The reply with something changed in it."""

    def way(call: Call) -> Iterator[Reply | bytes]:
        reply = call.forward()
        body = change(reply.body)
        yield replace(reply, body=body)
        yield body

    return way


def after(event: Callable[[], Any]) -> Way:
    """As it is, but not before that has happened."""

    def way(call: Call) -> Iterator[Reply | bytes]:
        event()
        yield from untouched(call)

    return way


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """A proxy before that address while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: self.headers[name] for name in _PASSED_ON if self.headers[name]}
            found = _OPERATION.search(request)
            operation = found.group(1).decode() if found else ""
            # A gateway that is not there, or an engine that has gone, ends the line.
            with suppress(OSError, http.client.HTTPException):
                for piece in made.serve(operation, lambda: _forwarded(made.target, request, headers)):
                    self._send(piece)
            self.close_connection = True

        def _send(self, piece: Reply | bytes) -> None:
            if isinstance(piece, bytes):
                self.wfile.write(piece)
                self.wfile.flush()
                return
            self.send_response(piece.status)
            self.send_header("Content-Type", piece.content_type)
            self.send_header("Content-Length", str(len(piece.body) if piece.length is None else piece.length))
            if piece.status == http.client.UNAUTHORIZED:
                self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the library
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Proxy(url=f"http://127.0.0.1:{server.server_port}", target=target)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        made.calm()
        server.shutdown()
        thread.join()
        server.server_close()


def _forwarded(target: str, request: bytes, headers: dict[str, str]) -> Reply:
    parts = urlsplit(target)
    line = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    try:
        line.request("POST", parts.path or "/", request, headers)
        answer = line.getresponse()
        return Reply(
            body=answer.read(), status=answer.status, content_type=answer.getheader("Content-Type", "text/xml")
        )
    finally:
        line.close()
