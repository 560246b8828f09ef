"""Progress of a cycle while it runs (CRM-10): how far, how fast, how long still."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """``done`` of ``total`` records dealt with, ``refused`` of them set aside; ``phase`` is the entity set at work."""

    phase: str
    done: int
    total: int
    refused: int
