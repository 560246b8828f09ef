"""What the service tells over HTTP: whether it lives, whether it works, and figures; and beside these its face, if there is one.

Health and figures ask nothing of any ERP.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from contracts.errors import Problem
from syncengine.engine import Engine
from syncengine.errors import CannotListen
from syncengine.storage.schema import SchemaState, schema_status

FACES: Final = "syncengine.faces"
"""Entry points: what is served at '/'. The API and the console stand there, and the engine does not know them."""
_PATIENCE_S: Final = 5.0
_OK: Final = "ok"


class Server(uvicorn.Server):
    """uvicorn as a part of the service, which takes the signals itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to the service."""
        yield


def create_server(
    engine: Engine,
    *,
    loops: Callable[[], Mapping[str, str]],
    figures: Callable[[], tuple[bytes, str]],
    face: ASGIApp | None = None,
) -> Server:
    """The server of a service.

    ``loops`` tells of each of its parts 'ok', or the code of what keeps it from working; ``figures`` are those of the metrics,
    with their content type; ``face`` answers everything else.
    """
    routes: list[BaseRoute] = [
        Route("/healthz", _alive, methods=["GET"]),
        Route("/readyz", _Readiness(engine, loops).answer, methods=["GET"]),
        Route("/metrics", _Figures(figures).answer, methods=["GET"]),
    ]
    if face is not None:
        routes.append(Mount("/", face))
    config = uvicorn.Config(
        Starlette(routes=routes),
        log_config=None,
        access_log=False,
        server_header=False,
        # Whom a request comes from is the face's business: it knows which proxies are trusted.
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    return Server(config)


def installed_face(engine: Engine) -> ASGIApp | None:
    """The API and the console over this engine, where they are installed."""
    for found in entry_points(group=FACES):
        face: ASGIApp = found.load()(engine)
        return face
    return None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; with port 0 the system chooses one. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}", field="port") from None


async def _alive(_request: Request) -> Response:
    """The process answers: whoever restarts what is dead asks this."""
    return JSONResponse({"status": _OK})


class _Readiness:
    """The base answers, has this program's tables, and jobs are claimed and taken: whoever watches asks this."""

    def __init__(self, engine: Engine, loops: Callable[[], Mapping[str, str]]) -> None:
        self._engine, self._loops = engine, loops

    async def answer(self, _request: Request) -> Response:
        """200 or 503, and what is wrong by its code."""
        try:
            base = await asyncio.wait_for(asyncio.to_thread(self._base), _PATIENCE_S)
        except TimeoutError:
            base = "database_slow"
        found = {"database": base, **self._loops()}
        ready = all(said == _OK for said in found.values())
        return JSONResponse({"ready": ready, **found}, status_code=200 if ready else 503)

    def _base(self) -> str:
        try:
            with self._engine.store.reading() as session:
                state = schema_status(session.connection()).state
        except Problem as problem:
            return problem.problem_code
        return _OK if state is SchemaState.CURRENT else f"database_{state.value}"


class _Figures:
    """The metrics, for Prometheus."""

    def __init__(self, figures: Callable[[], tuple[bytes, str]]) -> None:
        self._figures = figures

    async def answer(self, _request: Request) -> Response:
        """The figures as text; 503 while the base does not answer."""
        try:
            told, kind = await asyncio.to_thread(self._figures)
        except Problem as problem:
            return JSONResponse({"code": problem.problem_code}, status_code=503)
        return Response(told, headers={"Content-Type": kind})
