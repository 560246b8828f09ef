"""Webhooks: a message posted to somebody's server, signed as Standard Webhooks has it, and to no server it should not go to."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from socket import SOCK_STREAM, create_connection, gaierror, getaddrinfo, socket
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from contracts.deadline import Deadline
from syncengine.core.webhook_address import Address, checked_url, is_allowed
from syncengine.errors import InputRefused
from syncengine.service.answer import Answer, Outcome

TIMEOUT_S: Final = 15.0
_GONE: Final = 410
_PORTS: Final = {"https": 443, "http": 80}
_READ: Final = 200


@dataclass(frozen=True, kw_only=True)
class Post:
    """One message on its way: where to, what it is signed with, what it says, and when it is sent."""

    url: str
    secret: SecretStr
    message_id: str
    body: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def headers(self) -> dict[str, str]:
        """The headers of Standard Webhooks: id, seconds since 1970, and the signature of both and the body."""
        signature = Webhook(self.secret.get_secret_value()).sign(self.message_id, self.at, self.body)
        return {
            "content-type": "application/json",
            "user-agent": "syncengine",
            "webhook-id": self.message_id,
            "webhook-timestamp": str(int(self.at.timestamp())),
            "webhook-signature": signature,
        }


class _NotAllowed(Exception):
    """The name of the server stands for addresses that no message goes to."""


@dataclass(frozen=True)
class Poster:
    """Posts messages; ``private``: private networks, this machine and plain HTTP are allowed. ``timeout_s`` bounds each call.

    Redirects are not followed and proxies not used: either would lead to an address that was not looked at.
    """

    private: bool = False
    timeout_s: float = TIMEOUT_S

    def post(self, post: Post) -> Answer:
        """What became of the message; nothing that may happen on the way is raised."""
        deadline = Deadline(self.timeout_s)
        try:
            checked_url(post.url, private=self.private)
            with deadline:
                return self._exchanged(post, deadline)
        except InputRefused as error:
            said = error.message
        except _NotAllowed as error:
            said = str(error)
        except (OSError, HTTPException, UnicodeError) as error:
            said = f"no answer within {self.timeout_s:g} s" if deadline.passed else _reason(error)
        return Answer(outcome=Outcome.LATER, text=said)

    def _exchanged(self, post: Post, deadline: Deadline) -> Answer:
        parts = urlsplit(post.url.strip())
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        with self._connected(post.url, deadline) as connection:
            connection.request("POST", target, body=post.body.encode(), headers=post.headers)
            reply = connection.getresponse()
            said = reply.read(_READ).decode("utf-8", "replace").strip()
        text = f"HTTP {reply.status} {said}".strip()
        if 200 <= reply.status < 300:
            return Answer(outcome=Outcome.TAKEN, text=text)
        return Answer(outcome=Outcome.GONE if reply.status == _GONE else Outcome.LATER, text=text)

    @contextmanager
    def _connected(self, url: str, deadline: Deadline) -> Iterator[HTTPConnection]:
        """A connection to an address that was looked at, whatever the name stands for a moment later."""
        parts = urlsplit(url.strip())
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or _PORTS[parts.scheme]
        with closing(self._line(host, port, deadline)) as line:
            if secure:
                connection: HTTPConnection = HTTPSConnection(host, port, context=self._trust)
                connection.sock = self._secured(line, host, deadline)
            else:
                connection = HTTPConnection(host, port)
                connection.sock = line
            with closing(connection):
                yield connection

    def _line(self, host: str, port: int, deadline: Deadline) -> socket:
        allowed = [address for address in _addresses(host, port) if is_allowed(address, private=self.private)]
        if not allowed:
            raise _NotAllowed(f"{host} is in a private network: the setting webhook_private_networks is off")
        refusal: OSError = OSError(f"no address for {host}")
        for address in allowed:
            try:
                line = create_connection((str(address), port), timeout=self.timeout_s / len(allowed))
            except OSError as error:
                refusal = error
            else:
                line.settimeout(self.timeout_s)
                deadline.watch(line)
                return line
        raise refusal

    def _secured(self, line: socket, host: str, deadline: Deadline) -> ssl.SSLSocket:
        secured = self._trust.wrap_socket(line, server_hostname=host, do_handshake_on_connect=False)
        deadline.watch(secured)
        try:
            secured.do_handshake()
        except OSError:
            secured.close()
            raise
        return secured

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _addresses(host: str, port: int) -> list[Address]:
    found = getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def _reason(error: Exception) -> str:
    """What went wrong, without the library's own words for it."""
    match error:
        case gaierror():
            return "the name of the server is not known"
        case ssl.SSLCertVerificationError():
            return f"the certificate is not trusted: {error.verify_message}"
        case TimeoutError():
            return "no answer in time"
        case ConnectionRefusedError():
            return "connection refused"
        case _:
            return f"no answer: {type(error).__name__}"
