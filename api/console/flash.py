"""The message a page shows once, after what was ordered on the page before: in a cookie that only this server can write."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.identity import engine_of, is_https
from syncengine.errors import KeyMissing, KeyWrong, SettingsInvalid

_COOKIE: Final = "syncengine_flash"
_LASTS_S: Final = 60
_LONGEST: Final = 1_500


@dataclass(frozen=True, kw_only=True)
class Flash:
    """A message; ``tone`` is success, info, warning or danger, ``remedy`` says what to do."""

    text: str
    tone: str = "success"
    remedy: str = ""


def leave(request: Request, answer: Response, flash: Flash) -> None:
    """Have the next page show it; without a key to sign it with, it is not shown."""
    try:
        sealed = engine_of(request).secrets.encrypt(SecretStr(json.dumps(asdict(_short(flash)))))
    except SettingsInvalid:
        return
    answer.set_cookie(
        _name(request),
        sealed,
        max_age=_LASTS_S,
        path="/",
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )


def take(request: Request) -> Flash | None:
    """The message that was left for this page."""
    sealed = request.cookies.get(_name(request))
    if not sealed:
        return None
    try:
        return Flash(**json.loads(engine_of(request).secrets.decrypt(sealed).get_secret_value()))
    except (KeyMissing, KeyWrong, SettingsInvalid, ValueError, TypeError):
        return None


def forget(request: Request, answer: Response) -> None:
    """It was shown."""
    if _name(request) in request.cookies:
        answer.delete_cookie(_name(request), path="/", secure=is_https(request), httponly=True, samesite="lax")


def _short(flash: Flash) -> Flash:
    # A browser drops a cookie of more than 4,096 bytes.
    return Flash(text=flash.text[:_LONGEST], tone=flash.tone, remedy=flash.remedy[: _LONGEST // 3])


def _name(request: Request) -> str:
    return f"__Host-{_COOKIE}" if is_https(request) else _COOKIE
