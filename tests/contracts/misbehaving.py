"""A small HTTP server that answers whatever a test wants, byte by byte."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self, TypeAlias

Answer: TypeAlias = Callable[[socket.socket], None]


class MisbehavingServer:
    """Listens on loopback; each request is kept in ``requests`` and answered by ``answer`` on the bare socket."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self._start(lambda line=line: self._serve(line))  # type: ignore[misc]

    def _serve(self, line: socket.socket) -> None:
        # The client hangs up on what it does not like: that is what is tested.
        with line, suppress(OSError):
            line.settimeout(5)
            for request in _requests(line):
                self.requests.append(request)
                self.answer(line)
                if b"connection: close" in request.lower() or self._stopped.is_set():
                    return


def _requests(line: socket.socket) -> Iterator[bytes]:
    """The requests that come over a connection, head and body."""
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            received = line.recv(65536)
            if not received:
                return
            buffer += received
        head, buffer = buffer.split(b"\r\n\r\n", 1)
        length = next(
            (int(row[15:]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:")),
            0,
        )
        while len(buffer) < length:
            buffer += line.recv(65536)
        yield head + b"\r\n\r\n" + buffer[:length]
        buffer = buffer[length:]


def http(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """An HTTP answer, with another Content-Length than the true one if wanted."""
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers]
    if not any(header.lower().startswith("content-type") for header in headers):
        head.append("Content-Type: text/xml; charset=utf-8")
    return "\r\n".join([*head, "", ""]).encode() + body


def sends(answer: bytes) -> Answer:
    """Send these bytes, and wait for the next request."""
    return lambda line: line.sendall(answer)


def hangs_up_after(answer: bytes) -> Answer:
    """Send these bytes, then close as if all were said."""

    def act(line: socket.socket) -> None:
        line.sendall(answer)
        line.shutdown(socket.SHUT_RDWR)

    return act


def resets_after(answer: bytes) -> Answer:
    """Send these bytes, then reset the connection."""

    def act(line: socket.socket) -> None:
        line.sendall(answer)
        time.sleep(0.05)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()

    return act


def falls_silent_after(answer: bytes, seconds: float = 2.0) -> Answer:
    """Send these bytes, then nothing more until the client gives up."""

    def act(line: socket.socket) -> None:
        line.sendall(answer)
        line.settimeout(seconds)
        with suppress(OSError):
            line.recv(1)

    return act


def drips(answer: bytes, pause_s: float = 0.05) -> Answer:
    """Send a byte at a time, each well before any silence is too long."""

    def act(line: socket.socket) -> None:
        for position in range(len(answer)):
            line.sendall(answer[position : position + 1])
            time.sleep(pause_s)

    return act


def in_turn(*answers: Answer) -> Answer:
    """Answer the first request so, the second so."""
    waiting = list(answers)

    def act(line: socket.socket) -> None:
        waiting.pop(0)(line)

    return act


@contextmanager
def closed_port() -> Iterator[str]:
    """The address of a port on which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}/"
