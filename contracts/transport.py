"""HTTP for the SOAP client: one session, hard limits, and typed errors instead of the library's own.

zeep's transport loads a reply whole, however large; this one reads it in pieces, up to a limit in bytes and in time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3.exceptions
from requests.auth import HTTPBasicAuth
from zeep.transports import Transport

from contracts.deadline import Deadline, DeadlineAdapter
from contracts.envelope import DOCUMENT_BYTES_MAX, not_a_gateway, too_large
from contracts.errors import ContractError, MalformedReply, Problem, RemoteFault, Unreachable

_PIECE: Final = 256 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_BUSY: Final = frozenset({429, 502, 503, 504})
_REASONS: Final = (
    *(
        "Connection refused",
        "Connection reset",
        "Name or service not known",
        "No route to host",
        "Network is unreachable",
    ),
    *("certificate verify failed", "wrong version number", "closed connection"),
)


class GatewayTransport(Transport):
    """Posts envelopes to one gateway.

    ``timeout_s`` bounds the connection, each silence, and the whole call; ``bytes_max`` the reply, unpacked. Raises Unreachable,
    MalformedReply, RemoteFault('credentials_refused'), and ContractError('address_invalid') when made.
    """

    def __init__(
        self, url: str, user: str, password: str, *, timeout_s: float, bytes_max: int = DOCUMENT_BYTES_MAX
    ) -> None:
        session = requests.Session()
        super().__init__(session=session, timeout=timeout_s, operation_timeout=timeout_s)  # type: ignore[no-untyped-call]
        self.url, host = _address(url)
        session.auth = HTTPBasicAuth(user.encode(), password.encode())
        loopback = host in _LOOPBACK
        session.trust_env = not loopback
        # Below about 1 Gbit/s gzip wins; on loopback it only costs.
        session.headers["Accept-Encoding"] = "identity" if loopback else "gzip"
        for scheme in ("http://", "https://"):
            session.mount(scheme, DeadlineAdapter())
        self.timeout_s = timeout_s
        self.bytes_max = min(bytes_max, DOCUMENT_BYTES_MAX)
        self.calls = 0
        self._deadline: Deadline | None = None

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> requests.Response:
        """The reply, its status checked, read whole within the limits."""
        self.calls += 1
        with (
            Deadline(self.timeout_s) as deadline,
            self._under_way(deadline),
            self._typed_errors(deadline),
            self.session.post(
                address, data=message, headers=headers, timeout=self.timeout_s, stream=True, allow_redirects=False
            ) as response,
        ):
            _check_status(response)
            response._content = self._read(response)  # noqa: SLF001 - how requests keeps a body already read
            if deadline.passed:
                raise self._timed_out()
        return response

    @contextmanager
    def longer_by(self, seconds: float) -> Iterator[None]:
        """While the block runs a call may take so much longer: the other side is asked to hold it."""
        before = self.timeout_s
        self.timeout_s += seconds
        try:
            yield
        finally:
            self.timeout_s = before

    def interrupt(self) -> None:
        """From another thread: cut the call under way, if there is one."""
        deadline = self._deadline
        if deadline is not None:
            deadline.cut()

    @contextmanager
    def _under_way(self, deadline: Deadline) -> Iterator[None]:
        self._deadline = deadline
        try:
            yield
        finally:
            self._deadline = None

    def _read(self, response: requests.Response) -> bytes:
        promised = response.headers.get("Content-Length", "")
        if promised.isdecimal() and int(promised) > self.bytes_max:
            raise too_large(self.bytes_max)
        unpacked = _Unpacked(response.headers.get("Content-Encoding", "identity"), self.bytes_max)
        for piece in response.raw.stream(_PIECE, decode_content=False):
            unpacked.feed(piece)
        return unpacked.whole()

    @contextmanager
    def _typed_errors(self, deadline: Deadline) -> Iterator[None]:
        try:
            yield
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            late = isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError)
            if late or deadline.passed:
                raise self._timed_out() from None
            if isinstance(error, urllib3.exceptions.ProtocolError):
                raise cut_off() from None
            raise Unreachable(f"no answer from {self.url}: {_reason(error)}") from None

    def _timed_out(self) -> Problem:
        return Unreachable(
            f"the gateway did not answer within {self.timeout_s:g} s",
            code="gateway_timeout",
            remedy="The call is made again; if it goes on, raise the integration's time-out or look at the ERP's server.",
        )


class _Unpacked:
    """A body put together from pieces, unpacked as far as the limit: a bomb is never unpacked whole."""

    def __init__(self, encoding: str, bytes_max: int) -> None:
        if encoding.strip().lower() not in {"identity", "gzip", ""}:
            raise MalformedReply(f"the reply is packed as {encoding!r}, which was not asked for")
        self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding.strip().lower() == "gzip" else None
        self._left = self._bytes_max = bytes_max
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> None:
        """Take one piece. Raises MalformedReply over the limit."""
        if self._gzip is not None:
            try:
                piece = self._gzip.decompress(piece, self._left + 1)
            except zlib.error:
                raise cut_off() from None
        self._left -= len(piece)
        if self._left < 0:
            raise too_large(self._bytes_max)
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """The body. Raises MalformedReply when its packing does not end."""
        if self._gzip is not None and self._pieces and not self._gzip.eof:
            raise cut_off()
        return b"".join(self._pieces)


def cut_off() -> MalformedReply:
    """The error for a reply that does not end as it should."""
    return MalformedReply(
        "the reply was cut off, or damaged on its way",
        code="reply_cut_off",
        remedy="The page is asked for again; if it goes on, check the network and any proxy in between.",
    )


def _address(url: str) -> tuple[str, str]:
    """The address without user and password, and its host. Raises ContractError."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise ContractError(
            f"{url.rpartition('@')[2]!r} is no address of a gateway",
            code="address_invalid",
            remedy="Write http://server:port or https://server:port.",
        )
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment)), host


def _reason(error: Exception) -> str:
    """The innermost reason, without addresses that may hold credentials."""
    text = str(error).lower()
    return next((known.lower() for known in _REASONS if known.lower() in text), type(error).__name__)


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    if status == requests.codes.unauthorized:
        raise RemoteFault(
            "the gateway refused the user name or password",
            code="credentials_refused",
            remedy="Correct the ERP user and password of the integration, or the users of the gateway.",
        )
    if status in _BUSY:
        raise Unreachable(f"the gateway or a proxy before it answers HTTP {status}")
    if response.is_redirect:
        raise not_a_gateway(f"the address redirects elsewhere (HTTP {status}): the password is not sent there")
    if status not in {requests.codes.ok, requests.codes.internal_server_error}:
        raise not_a_gateway(f"the address answers HTTP {status}, not SOAP")
