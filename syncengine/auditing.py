"""Audit one integration as a user or a scheduler asks for it: log file, credentials, one portion."""

from __future__ import annotations

from typing import Final

from syncengine.cycle.audit import Portion, audit_portion
from syncengine.cycle.pull import Patience
from syncengine.cycle.run import Surroundings
from syncengine.engine import Engine
from syncengine.sync import gateway

_ONCE: Final = Patience(attempts=1)
"""Whoever does not answer is asked again with the next portion."""


def audit(engine: Engine, integration_id: int, *, screen: bool = False) -> Portion:
    """Compare the next portion of an integration's tiers now. Raises as ``audit_portion``, and as ``gateway``."""
    with gateway(engine, integration_id, screen=screen) as client:
        around = Surroundings(connect=lambda _integration: client, patience=_ONCE)
        return audit_portion(engine.store, integration_id, around, at=engine.store.clock())
