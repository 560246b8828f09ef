"""A web server on loopback that answers what a test tells it to."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from contracts.envelope import fault_message, message
from contracts.messages import CONFIGURATION, CONTRACT_VERSION, FAULT, GET_CONFIGURATION
from contracts.tables import PARAMETER


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server answers to a POST; a user and password other than these are turned away."""

    body: bytes
    status: int = 200
    user: str = "crm"
    password: str = ""


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The address of a server that gives that answer, while the block runs."""
    credentials = base64.b64encode(f"{answer.user}:{answer.password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(405, b"")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            accepted = not answer.password or self.headers["Authorization"] == f"Basic {credentials}"
            self._send(answer.status if accepted else 401, answer.body if accepted else b"")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/xml; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the library
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def configuration(**values: Any) -> bytes:
    """The reply to GetConfiguration of a gateway of BIJOU SA."""
    said: dict[str, Any] = {
        "product": "Sage 100 Gestion Commerciale",
        "product_version": "12.00",
        "gateway_version": "0.1.0",
        "contract_version": CONTRACT_VERSION,
        "company": "BIJOU SA",
        "synchronise_contacts": True,
        "synchronise_addresses": True,
        "synchronise_phones": True,
        "synchronise_dormant": True,
        "codification": "manual",
        "parameters": [PARAMETER.record(kind="language", code="0", label="Aucune")],
    }
    reply = GET_CONFIGURATION.response.record(configuration=CONFIGURATION.record(**(said | values)))
    return message(reply)


def fault(code: str, text: str, *, retry: bool = False) -> bytes:
    """A typed fault of the contract."""
    return fault_message(FAULT.record(code=code, message=text, retry=retry, remedy="do this"), client=False)
