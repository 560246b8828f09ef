"""Many gateways in one process, each with a base of its own: `python -m benchmarks.fleet.gateways FOLDER COUNT`.

A thousand processes would need a hundred times the memory of this machine. What a call costs is the same: the path of the address
chooses the application, and each has its own settings, connections, change log and credentials.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from benchmarks.crm import COMPANY, PASSWORD, USER
from benchmarks.stand import await_port
from gateway import passwords
from gateway.app import create_app
from gateway.passwords import hash_password
from gateway.serve import Server, listen, server_config
from gateway.settings import GatewaySettings, settings_from

CHEAP_HASH = 2**4
"""A gateway checks its password once in its life: that a thousand begin together is the stand's affair."""


@dataclass(frozen=True, kw_only=True)
class Gateways:
    """The process that serves them."""

    port: int
    pid: int

    def url(self, number: int) -> str:
        """The address of one of them."""
        return f"http://127.0.0.1:{self.port}/{number}/"


class Switchboard(Starlette):
    """Hands each request to the application that its path begins with."""

    def __init__(self, apps: list[Starlette]) -> None:
        super().__init__(lifespan=self._alive)
        self._apps = apps
        self.state.stop = self._stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        number, _, rest = scope["path"].lstrip("/").partition("/")
        path = {"path": f"/{rest}", "raw_path": f"/{rest}".encode()}
        await self._apps[int(number)]({**scope, **path}, receive, send)

    @asynccontextmanager
    async def _alive(self, _app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in self._apps:
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    def _stop(self) -> None:
        for app in self._apps:
            app.state.stop()


@contextmanager
def gateways(folder: Path, count: int) -> Iterator[Gateways]:
    """A gateway over each of the bases in that folder, all in one process, while the block lasts."""
    ready, log = folder / "gateways.port", folder / "gateways.log"
    with log.open("wb") as told:
        command = [sys.executable, "-m", "benchmarks.fleet.gateways", str(folder), str(count)]
        process = subprocess.Popen(command, stdout=told, stderr=told)
    try:
        yield Gateways(port=await_port(process, ready, log), pid=process.pid)
    finally:
        process.terminate()
        process.wait(60)


def main() -> None:
    """Serve until told to stop."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with patch.object(passwords, "COST", CHEAP_HASH):
        made = [_settings(folder, number, hash_password(PASSWORD)) for number in range(count)]
        app = Switchboard([create_app(settings) for settings in made])
    listener = listen("127.0.0.1", 0)
    config: uvicorn.Config = server_config(made[0], app)
    Server(app, config, "http://127.0.0.1", folder / "gateways.port").run(sockets=[listener])


def _settings(folder: Path, number: int, password_hash: str) -> GatewaySettings:
    users = [{"name": USER, "password_hash": password_hash}]
    return settings_from({"database": f"sqlite:///{folder / f'erp-{number}.db'}", "company": COMPANY, "users": users})


if __name__ == "__main__":
    main()
