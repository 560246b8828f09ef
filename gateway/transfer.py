"""Bytes in and out: a request read up to a limit, also when compressed; an answer compressed when that is wanted and pays."""

from __future__ import annotations

import gzip as gzip_module
import zlib

from starlette.requests import ClientDisconnect, Request

from gateway.refusals import InvalidRequest, TooLarge

REQUEST_BYTES_MAX = 8 * 1024 * 1024
DRAINED_MAX = 8 * REQUEST_BYTES_MAX
PACKED_FROM = 1024
_GZIP_WINDOW = 31
_PLAIN, _GZIP = frozenset({"", "identity"}), frozenset({"gzip", "x-gzip"})


async def read_body(request: Request) -> bytes:
    """The body, decompressed, never more than the limit in memory. Raises TooLarge, InvalidRequest."""
    intake = _Intake(request.headers.get("content-encoding", "").strip().lower())
    received = 0
    try:
        async for piece in request.stream():
            intake.take(piece)
            received += len(piece)
            if received > DRAINED_MAX:
                break
    except zlib.error:
        raise InvalidRequest("the request cannot be decompressed", field="Content-Encoding") from None
    except ClientDisconnect:
        raise InvalidRequest("the request was cut off") from None
    return intake.whole()


class _Intake:
    """Collects a body; past the limit it reads on and forgets, since a caller cut off while sending would not see why."""

    def __init__(self, encoding: str) -> None:
        if encoding not in _PLAIN | _GZIP:
            raise InvalidRequest(f"the content encoding {encoding!r} is not understood", field="Content-Encoding")
        self._unpack = zlib.decompressobj(_GZIP_WINDOW) if encoding in _GZIP else None
        self._pieces: list[bytes] = []
        self._size = 0

    def take(self, piece: bytes) -> None:
        room = REQUEST_BYTES_MAX + 1 - self._size
        if room <= 0:
            self._pieces.clear()
            return
        self._pieces.append(piece if self._unpack is None else self._unpack.decompress(piece, room))
        self._size += len(self._pieces[-1])

    def whole(self) -> bytes:
        if self._size > REQUEST_BYTES_MAX:
            raise TooLarge(f"the request has more than {REQUEST_BYTES_MAX} bytes")
        if self._unpack is not None and not self._unpack.eof:
            raise InvalidRequest("the compressed request was cut off", field="Content-Encoding")
        return b"".join(self._pieces)


def packed(document: bytes, *, gzip: bool) -> tuple[bytes, dict[str, str]]:
    """The document as it goes out, and the headers that say so."""
    if not gzip or len(document) <= PACKED_FROM:
        return document, {"Vary": "Accept-Encoding"}
    # Level 1: below about 1 Gbit/s it wins, and higher levels cost more than they save.
    return gzip_module.compress(document, compresslevel=1), {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
