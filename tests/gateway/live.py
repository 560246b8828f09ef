"""A real gateway on a free loopback port, for the tests of both sides: the application itself, under uvicorn, in a thread."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvicorn.server
from sqlalchemy import Engine
from starlette.applications import Starlette

from contracts.client import GatewayClient
from gateway import passwords
from gateway.app import create_app
from gateway.passwords import hash_password
from gateway.serve import Server, listen, server_config
from gateway.settings import GatewaySettings, settings_from
from gateway.sweep import utc_now

COMPANY = "Société de démonstration"
USER, PASSWORD = "crm", "mot de passe é€"
CHEAP = patch.object(passwords, "COST", 2)
"""Nearly every test starts a gateway, which makes one hash and checks one: they are to cost attackers, not the tests."""
with CHEAP:
    _HASH = hash_password(PASSWORD)


@dataclass(frozen=True, kw_only=True)
class LiveGateway:
    """Where the gateway answers, and who may call it."""

    url: str
    user: str
    password: str
    settings: GatewaySettings

    def client(self, *, timeout_s: float = 30.0) -> GatewayClient:
        """The engine's own client, signed in."""
        return GatewayClient(self.url, self.user, self.password, timeout_s=timeout_s)


def gateway_settings(base: Engine | str, **options: Any) -> GatewaySettings:
    """Settings for that base with one user; `options` are further keys, such as `synchronise` or `page_size`."""
    url = base if isinstance(base, str) else base.url.render_as_string(hide_password=False)
    users = [{"name": USER, "password_hash": _HASH}]
    given = {"database": url, "company": COMPANY, "users": users, "host": "127.0.0.1", "port": 0}
    return settings_from({**given, **options})


def gateway_app(settings: GatewaySettings, **given: Any) -> Starlette:
    """The application with those settings, made without the cost of its passwords."""
    with CHEAP:
        return create_app(settings, **given)


class _Naps:
    """asyncio as uvicorn's server sees it here: it looks again after milliseconds, where it would sleep for tenths of a second."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, delay: float) -> None:
        """Sleep, not for long."""
        await asyncio.sleep(min(delay, 0.005))


patch.object(uvicorn.server, "asyncio", _Naps()).start()


@contextmanager
def live_gateway(
    base: Engine | str, *, clock: Callable[[], datetime] = utc_now, **options: Any
) -> Iterator[LiveGateway]:
    """Run the gateway over that base while the block lasts."""
    settings = gateway_settings(base, **options)
    app = gateway_app(settings, clock=clock)
    listener = listen(settings.host, settings.port)
    server = Server(app, server_config(settings, app), "http://127.0.0.1")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        _await_start(server, thread)
        port = listener.getsockname()[1]
        yield LiveGateway(url=f"http://127.0.0.1:{port}/", user=USER, password=PASSWORD, settings=settings)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive(), "the gateway did not stop"


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    limit = time.monotonic() + 10
    while not server.started:
        assert thread.is_alive(), "the gateway did not start"
        assert time.monotonic() < limit, "the gateway took too long to start"
        time.sleep(0.002)


def written_settings(base: Engine, folder: Path) -> Path:
    """The settings file of a gateway over that SQLite base."""
    path = folder / "gateway.toml"
    user = f'[[users]]\nname = "{USER}"\npassword_hash = "{_HASH}"\n'
    path.write_text(f'database = "{base.url.database}"\ncompany = "{COMPANY}"\n{user}', "utf-8")
    return path


@contextmanager
def gateway_process(settings: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`sage-gateway serve` as a process of its own, and where it listens."""
    ready = settings.with_name("ready")
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-c", "from gateway.cli import main; main()", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--settings", str(settings), "--ready-file", str(ready)], stderr=subprocess.PIPE, text=True
    )
    try:
        limit = time.monotonic() + 30
        while not ready.exists() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)
        yield process, f"http://127.0.0.1:{ready.read_text('utf-8')}/"
    finally:
        process.kill()
        process.communicate(timeout=30)
