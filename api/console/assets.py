"""Static files of the pages: addressed by their content, so that a browser keeps them for good and never has an old one."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.problems import not_found

FOLDER: Final = Path(__file__).parent / "static"
_SERVED: Final = frozenset({".css", ".js", ".svg", ".png", ".ico"})
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One file: its content as it is and packed, and the mark of that content."""

    content: bytes
    packed: bytes
    mark: str
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Every file there is, by its path under ``static``; read once."""
    files = (path for path in sorted(FOLDER.rglob("*")) if path.suffix in _SERVED)
    return {path.relative_to(FOLDER).as_posix(): _asset(path) for path in files}


def address(name: str) -> str:
    """Where a page finds the file. Raises KeyError for one that is not there."""
    return f"/static/{assets()[name].mark}/{name}"


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(
        content=content,
        packed=gzip.compress(content, mtime=0),
        mark=hashlib.sha256(content).hexdigest()[:12],
        media_type=kind,
    )


@router.get("/static/{mark}/{name:path}")
async def get_asset(mark: str, name: str, request: Request) -> Response:
    """A file; under the mark of another content than the present one it is not to be kept."""
    asset = assets().get(name)
    if asset is None:
        raise not_found()
    headers = {"Cache-Control": _FOR_GOOD if mark == asset.mark else "no-cache", "Vary": "Accept-Encoding"}
    packs = "gzip" in request.headers.get("accept-encoding", "")
    if packs:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.packed if packs else asset.content, headers=headers, media_type=asset.media_type)


@router.get("/favicon.ico")
async def get_favicon() -> Response:
    """What browsers ask for by themselves."""
    asset = assets()["favicon.svg"]
    return Response(asset.content, headers={"Cache-Control": "public, max-age=86400"}, media_type=asset.media_type)
