"""The codes of operations that call a gateway: what may be wrong with it, with the way to it, or with how it is set up."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from api.openapi import refuses
from api.problem_codes import codes

_FAR: Final = (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)
_SET_UP: Final = ("integration_invalid", "integration_disconnected", "key_missing", "key_wrong", "settings_invalid")
_OF_OTHERS: Final = frozenset({"identity_provider_failed", "direct_read_refused"})


def refuses_far(*names: str) -> dict[int | str, dict[str, Any]]:
    """``refuses`` with what any call of a gateway may come to besides."""
    far = (code.code for code in codes().values() if code.status in _FAR and code.code not in _OF_OTHERS)
    return refuses(*names, *_SET_UP, *far)
