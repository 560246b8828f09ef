"""Ticket: what the queue is told about a job that is due."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobKind(StrEnum):
    """What the service does for an integration by itself."""

    CYCLE = "cycle"
    TURNOVER = "turnover"
    AUDIT = "audit"
    RUN = "run"


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A job of an integration, due since an instant.

    A cycle's ``token`` is the integration's fencing number when it was claimed. Each cycle raises that number: while the ticket's
    is still the integration's, nobody has begun what the ticket asks for. A run's is the id of its request; the other jobs' is 0.
    """

    kind: JobKind
    integration_id: int
    token: int
    due_at: datetime

    @property
    def key(self) -> str:
        """What no two tickets in the queue have in common."""
        return f"{self.kind.value}:{self.integration_id}:{self.token}"

    def as_bytes(self) -> bytes:
        """As the queue keeps it."""
        return json.dumps([self.kind, self.integration_id, self.token, self.due_at.isoformat()]).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> Ticket:
        """As it was put in."""
        kind, integration_id, token, due_at = json.loads(payload)
        return cls(
            kind=JobKind(kind), integration_id=integration_id, token=token, due_at=datetime.fromisoformat(due_at)
        )
