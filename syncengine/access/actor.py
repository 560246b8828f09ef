"""Actor: who acts, as the audit log tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Actor:
    """``name``: a login, 'key:<name>', or 'operator'; ``address`` is where the request ``request_id`` came from."""

    name: str
    address: str | None = None
    request_id: str | None = None


OPERATOR: Final = Actor(name="operator")
"""Whoever types at the command line of the machine."""
