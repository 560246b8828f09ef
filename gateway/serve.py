"""Running the gateway: `sage-gateway serve`."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from pathlib import Path

import structlog
import uvicorn
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.errors import GatewayProblem, SettingsInvalid
from gateway.settings import GatewaySettings

GRACE_S = 30
IDLE_S = 75

log = structlog.get_logger("gateway")


class CannotListen(GatewayProblem):
    """The address or port cannot be listened on."""

    code = "cannot_listen"
    remedy_default = "Choose another port in the settings, or stop the program that uses this one."


class Server(uvicorn.Server):
    """uvicorn, telling where it listens once it really does."""

    def __init__(self, app: Starlette, config: uvicorn.Config, address: str, ready_file: Path | None = None) -> None:
        super().__init__(config)
        self._app = app
        self._address = address
        self._ready_file = ready_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell: the program that waits for the ready file may call at once."""
        await super().startup(sockets)
        if not self.started or not sockets:
            return
        port = sockets[0].getsockname()[1]
        log.info("listening", address=f"{self._address}:{port}/")
        if self._ready_file is not None:
            _write_whole(self._ready_file, str(port))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the calls that only wait for news end, finish the others, stop."""
        self._app.state.stop()
        await super().shutdown(sockets)


def server_config(settings: GatewaySettings, app: Starlette) -> uvicorn.Config:
    """How uvicorn runs the gateway. Raises SettingsInvalid when only one half of the TLS settings is given."""
    if (settings.ssl_certificate is None) != (settings.ssl_key is None):
        raise SettingsInvalid("TLS needs both ssl_certificate and ssl_key", field="ssl_key")
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.ssl_certificate,
        ssl_keyfile=settings.ssl_key,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
    )


def serve(settings: GatewaySettings, *, ready_file: Path | None = None) -> None:
    """Serve until told to stop (Ctrl+C, SIGTERM), then finish the calls under way. Raises CannotListen, SettingsInvalid.

    With port 0 the system chooses one; `ready_file` then receives it, once the gateway answers.
    """
    app = create_app(settings)
    config = server_config(settings, app)
    if not settings.users:
        log.warning(
            "no user may call", remedy="add [[users]] to the settings; `sage-gateway hash-password` makes the hash"
        )
    if not _is_loopback(settings.host) and settings.ssl_key is None:
        log.warning("passwords travel in the clear", host=settings.host, remedy="set ssl_certificate and ssl_key")
    listener = listen(settings.host, settings.port)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    scheme = "https" if settings.ssl_key is not None else "http"
    with listener:
        Server(app, config, f"{scheme}://{settings.host}", ready_file).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket bound there, port 0 being any that is free. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, for asyncio sends at once (TCP_NODELAY) only on sockets that do: the body of an answer
    # would otherwise wait until its head is acknowledged, 40 ms with each call, 200 on Windows.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name != "nt":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}", field="port") from None
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _write_whole(path: Path, text: str) -> None:
    # Renamed into place: who waits for the file never reads half of it.
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text, "utf-8")
    draft.replace(path)
