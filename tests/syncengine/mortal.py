"""Processes that die: an engine at a chosen transaction or call; and gateways that come and go, each over a base of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import uvicorn
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.types import Receive, Scope, Send

from contracts.client import GatewayClient
from contracts.fields import Record
from contracts.messages import EXECUTE_TRANSACTIONS, Operation
from gateway.backend import SqlBackend
from gateway.sweep import utc_now
from syncengine.storage.store import Store
from tests.gateway.live import PASSWORD, USER, LiveGateway, gateway_app, gateway_settings

T = TypeVar("T")
NEVER = -1


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass(kw_only=True)
class Fate:
    """When a process dies: at its n-th transaction or call, counted from 0; before it has happened, or ``after``.

    ``transactions`` and ``operations`` are what it has begun.
    """

    transaction: int = NEVER
    call: int = NEVER
    after: bool = False
    transactions: int = 0
    operations: list[str] = field(default_factory=list)
    dead: bool = False

    def strike(self, *, deadly: bool) -> None:
        """Die, when the time has come; the dead do nothing any more."""
        self.dead = self.dead or deadly
        if self.dead:
            raise Killed

    @contextmanager
    def spans(self, work: AbstractContextManager[T]) -> Iterator[T]:
        """A transaction of the process: it dies just before its end, commit or not, or just after."""
        self.strike(deadly=False)
        deadly = self.transactions == self.transaction
        self.transactions += 1
        try:
            with work as opened:
                try:
                    yield opened
                finally:
                    self.strike(deadly=deadly and not self.after)
        finally:
            self.strike(deadly=deadly)


@dataclass(frozen=True, kw_only=True)
class MortalStore(Store):
    """A base whose process has a fate."""

    fate: Fate

    @classmethod
    def of(cls, store: Store, fate: Fate) -> MortalStore:
        """The same base, opened by that process."""
        parts = {name: getattr(store, name) for name in ("url", "dialect", "engine", "sessions", "readers")}
        return cls(**parts, fate=fate)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A write transaction."""
        with self.fate.spans(super().writing()) as session:
            yield session


class MortalClient(GatewayClient):
    """A client whose process has a fate; it dies before the call is sent, or before the answer arrives.

    ``meanwhile`` is what happens in the ERP whenever something is about to be sent.
    """

    def __init__(self, url: str, fate: Fate, meanwhile: Callable[[], None]) -> None:
        super().__init__(url, USER, PASSWORD)
        self._fate, self._meanwhile = fate, meanwhile

    def reply(self, operation: Operation, request: Record | None = None) -> bytes:
        """One call."""
        if operation is EXECUTE_TRANSACTIONS:
            self._meanwhile()
        deadly = len(self._fate.operations) == self._fate.call
        self._fate.operations.append(operation.name)
        self._fate.strike(deadly=deadly and not self._fate.after)
        answer = super().reply(operation, request)
        self._fate.strike(deadly=deadly)
        return answer


@dataclass(kw_only=True)
class Gateways:
    """One HTTP server, and behind it one gateway at a time: starting a server for each would cost more than what is tested."""

    url: str = ""
    backend: SqlBackend | None = None
    app: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on to the gateway there is."""
        await self.app(scope, receive, send)

    def serve(self, sage: Engine, *, clock: Callable[[], datetime] = utc_now, **options: Any) -> LiveGateway:
        """From now on a new gateway answers, over that base; the one before lets go of its own."""
        self.close()
        settings = gateway_settings(sage, **options)
        self.backend = SqlBackend(settings, clock=clock)
        self.app = gateway_app(settings, backend=self.backend)
        return LiveGateway(url=self.url, user=USER, password=PASSWORD, settings=settings)

    def close(self) -> None:
        """Let go of the base."""
        if self.backend is not None:
            self.backend.close()


@contextmanager
def gateways() -> Iterator[Gateways]:
    """The server, while the block lasts."""
    made = Gateways()
    server = uvicorn.Server(uvicorn.Config(made, lifespan="off", log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield made
        finally:
            server.should_exit = True
            thread.join(20)
            made.close()
