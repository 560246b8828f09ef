"""The gateway over HTTP: one ASGI application, SOAP by POST on any path, the contract by GET.

Blocking work runs in a bounded pool of threads. Faults go out as HTTP 500, as SOAP 1.1 has it; missing credentials as 401.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar
from uuid import uuid4

import anyio
import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from contracts.errors import Problem
from contracts.schema import XSD_FILE, wsdl, xsd
from gateway.backend import Backend, SqlBackend
from gateway.credentials import Credentials
from gateway.errors import BaseReleased, DatabaseProblem, GatewayProblem
from gateway.heads import Places
from gateway.hold import Hold
from gateway.refusals import CallRefused, CredentialsRefused
from gateway.service import Reply, Service, wait_seconds
from gateway.settings import GatewaySettings
from gateway.soap import answer_bytes, fault_bytes, read_request
from gateway.sweep import Clock, utc_now
from gateway.transfer import packed, read_body
from gateway.watcher import Watcher

THREADS = 8
COMPARE_EVERY_S = 600.0
_XML = "text/xml; charset=utf-8"
_T = TypeVar("_T")

log = structlog.get_logger("gateway")


class InternalError(GatewayProblem):
    """Something nobody foresaw; the log has it under the same number."""

    code = "internal_error"
    remedy_default = "Look into the gateway's log under this number, and report it."


def create_app(settings: GatewaySettings, *, clock: Clock = utc_now, backend: Backend | None = None) -> Starlette:
    """The application; it opens the database with the first call and lets go of it when it stops."""
    door = Door(settings, backend or SqlBackend(settings, clock=clock))
    routes = [
        Route("/healthz", door.health, methods=["GET"]),
        Route("/contract.wsdl", door.wsdl, methods=["GET"]),
        Route(f"/{XSD_FILE}", door.xsd, methods=["GET"]),
        Route("/{path:path}", door.service, methods=["GET", "POST"]),
    ]
    app = Starlette(routes=routes, lifespan=door.lifespan)
    # Called when the gateway is told to stop: calls that wait for news end at once.
    app.state.stop = door.stop
    return app


class Door:
    """Takes requests in and hands answers out."""

    def __init__(self, settings: GatewaySettings, backend: Backend) -> None:
        self._backend = backend
        self._hold = Hold(settings.state_file)
        self._service = Service(backend, self._hold, company=settings.company, page_size=settings.page_size)
        self._credentials = Credentials(settings.users)
        self._threads = CapacityLimiter(THREADS)
        self._watcher = Watcher(partial(self._in_thread, self._service.look))

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Watch and compare in the background while the gateway runs; at the end nothing is left behind."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watcher.run)
                tasks.start_soon(self._compare_daily)
                yield
                self.stop()
                tasks.cancel_scope.cancel()
        finally:
            self._backend.close()

    def stop(self) -> None:
        """End the calls that wait, and the work in the background at its next step."""
        self._hold.leaving.set()
        self._watcher.stop()

    async def _compare_daily(self) -> None:
        while True:
            await anyio.sleep(COMPARE_EVERY_S)
            try:
                await run_sync(self._service.compare_when_due)
            except BaseReleased:
                continue
            except DatabaseProblem as problem:
                log.warning("full comparison put off", code=problem.problem_code, reason=problem.message)
            except Exception:
                log.exception("full comparison broken off")

    async def health(self, _request: Request) -> Response:
        """Whether the gateway runs and its database answers; a base that is released on purpose is no illness."""
        try:
            await self._in_thread(self._service.ping)
        except BaseReleased:
            return JSONResponse({"status": "released"})
        except DatabaseProblem as problem:
            return JSONResponse({"status": "unavailable", "code": problem.problem_code}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def wsdl(self, request: Request) -> Response:
        """The WSDL, with the address it was asked at."""
        return Response(wsdl(str(request.base_url)), media_type=_XML)

    async def xsd(self, _request: Request) -> Response:
        """The schema the WSDL imports."""
        return Response(xsd(), media_type=_XML)

    async def service(self, request: Request) -> Response:
        """One call of the contract; a GET is answered with the contract, or where it is."""
        if request.method != "POST":
            if "wsdl" in request.query_params or "WSDL" in request.query_params:
                return await self.wsdl(request)
            return PlainTextResponse(f"Passerelle Sage 100. Contrat : {request.base_url}?wsdl\n")
        began = time.perf_counter()
        response, told = await self._served(request)
        elapsed_ms = round((time.perf_counter() - began) * 1000, 1)
        log.info("call", status=response.status_code, bytes=len(response.body), elapsed_ms=elapsed_ms, **told)
        return response

    async def _served(self, request: Request) -> tuple[Response, dict[str, str]]:
        """The response, and what the log says of it."""
        told: dict[str, str] = {}
        try:
            told["user"] = await self._in_thread(partial(self._credentials.check, request.headers.get("authorization")))
            document = await read_body(request)
            content = await self._answer(document, request, told)
        except CredentialsRefused as problem:
            headers = {"WWW-Authenticate": 'Basic realm="Sage 100", charset="UTF-8"'}
            return _fault(problem, told, status=401, headers=headers), told
        except Problem as problem:
            if not isinstance(problem, CallRefused):
                told["reason"] = problem.message
            return _fault(problem, told), told
        except Exception:
            # The outermost loop: recorded, and told without its words.
            number = uuid4().hex[:12]
            log.exception("unforeseen", number=number, **told)
            return _fault(InternalError(f"an unforeseen error, number {number}"), told), told
        return content, told

    async def _answer(self, document: bytes, call: Request, told: dict[str, str]) -> Response:
        operation, request = await self._in_thread(partial(read_request, document))
        told["operation"] = operation.name
        until = anyio.current_time() + wait_seconds(request)
        answer = partial(self._service.answer, operation, request)
        reply = await self._in_thread(answer)
        if reply.waits_at is not None and await self._news(reply.waits_at, until, call):
            reply = await self._in_thread(answer) if reply.news is None else Reply(xml=reply.news)
        body, headers = await self._in_thread(partial(_packed_answer, reply.xml, gzip=_takes_gzip(call)))
        return Response(body, media_type=_XML, headers=headers)

    async def _news(self, places: Places, until: float, call: Request) -> bool:
        """Keep the call until there is something after these places; False when the time is up or the caller has gone."""
        outcome: bool | Problem = False
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_until_gone, call, tasks.cancel_scope)
            try:
                outcome = await self._watcher.beyond(places, until)
            except Problem as problem:
                # Kept, and raised outside of the group: it would come out of it wrapped.
                outcome = problem
            tasks.cancel_scope.cancel()
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await run_sync(work, limiter=self._threads)


def _packed_answer(element: str, *, gzip: bool) -> tuple[bytes, dict[str, str]]:
    return packed(answer_bytes(element), gzip=gzip)


async def _until_gone(call: Request, scope: anyio.CancelScope) -> None:
    """Cancel the scope once the caller has hung up."""
    while (await call.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _takes_gzip(request: Request) -> bool:
    accepted = request.headers.get("accept-encoding", "").lower().replace(" ", "")
    return any(part.partition(";")[0] == "gzip" and not part.endswith(";q=0") for part in accepted.split(","))


def _fault(
    problem: Problem, told: dict[str, str], *, status: int = 500, headers: dict[str, str] | None = None
) -> Response:
    told["code"] = problem.problem_code
    return Response(fault_bytes(problem), status_code=status, media_type=_XML, headers=headers)
