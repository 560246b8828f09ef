"""A time limit on a whole HTTP call. A socket's own time-out only bounds each silence: a reply that drips would go on for ever."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse


class Deadline:
    """While it is entered, the connection the call goes over is cut when the time is up."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self.cut)
        self._timer.daemon = True
        self._socket: socket.socket | None = None
        self._token: Token[Deadline | None] | None = None
        self.passed = False

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._token is not None:
            _current.reset(self._token)

    def watch(self, line: socket.socket | None) -> None:
        """Name the socket to cut."""
        self._socket = line
        if self.passed:
            self.cut()

    def cut(self) -> None:
        """Cut the socket now, from whatever thread; one that is not named yet, as soon as it is."""
        self.passed = True
        if self._socket is not None:
            with suppress(OSError):
                # Under TLS too it is the line that is cut; the reader then finds its end.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def _watch(line: socket.socket | None) -> None:
    deadline = _current.get()
    if deadline is not None:
        deadline.watch(line)


class _PlainConnection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _watch(self.sock)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _watch(self.sock)
        return super().getresponse()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class DeadlineAdapter(HTTPAdapter):
    """Connections that heed the Deadline entered around a call, through a proxy as well."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As in requests."""
        super().init_poolmanager(*args, **kwargs)
        _heeding(self.poolmanager)

    def close(self) -> None:
        """End the connections now; urllib3 would wait until nothing refers to them, an error's traceback included."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - the container forbids plain iteration
                manager.pools[key].close()
        super().close()

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> PoolManager:
        """As in requests."""
        manager: PoolManager = super().proxy_manager_for(*args, **kwargs)
        _heeding(manager)
        return manager


def _heeding(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
