"""The application: the REST API and the console over one engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import console, idempotency, oidc, openapi, problem_pages, problems
from api.bounds import Bounds
from api.failures import Failures
from api.limits import Limits
from api.methods import Methods, method_table
from api.request_id import RequestId
from api.security import SameSite, StrictHeaders
from api.v1 import ROUTERS
from syncengine.engine import Engine
from syncengine.logs import configure

_COMPRESSED_FROM: Final = 1_000


def create_app(engine: Engine, *, clock: Callable[[], datetime] | None = None) -> FastAPI:
    """The application over an open engine, which stays the caller's to close; ``clock`` is the base's unless given."""
    configure()
    app = routed()
    app.state.engine = engine
    app.state.clock = clock or engine.store.clock
    app.state.limits = Limits(engine.settings)
    app.state.methods = method_table(app)
    app.state.parameters = openapi.query_parameters(app)
    _surround(app, engine)
    return app


def routed() -> FastAPI:
    """The application with its routes and nothing behind them, as far as its description needs it."""
    app = FastAPI(
        title="CRM – Sage 100",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in ROUTERS:
        app.include_router(router, prefix="/api/v1")
    app.include_router(problem_pages.router)
    app.include_router(oidc.router)
    console.install(app)
    problems.install(app)
    idempotency.install(app)
    return app


def _surround(app: FastAPI, engine: Engine) -> None:
    """What every request passes through; the last one added is the first one met."""
    app.add_middleware(SameSite)
    app.add_middleware(GZipMiddleware, minimum_size=_COMPRESSED_FROM)
    app.add_middleware(Methods)
    app.add_middleware(Bounds)
    app.add_middleware(Failures)
    app.add_middleware(StrictHeaders)
    app.add_middleware(RequestId)
    if engine.settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(engine.settings.trusted_proxies))
