"""Staleness: what nobody synchronises any more is looked for every few minutes, and told (NEW-09)."""

from __future__ import annotations

from typing import Final

from syncengine.cycle.alerting import check_stale
from syncengine.engine import Engine

LOOKED_EVERY_S: Final = 300.0


def find_stale(engine: Engine) -> int:
    """Open the alerts of integrations that nothing is synchronised of; how many. Raises DatabaseProblem."""
    with engine.store.writing() as session:
        return check_stale(session, at=engine.store.clock())
