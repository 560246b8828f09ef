"""Where somebody is: the integration that is looked at and what waits there, in a few counts, for every page to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.desk.alerts import count_open
from syncengine.desk.conflicts import count_conflicts
from syncengine.errors import IntegrationUnknown
from syncengine.model import Integration, IntegrationState, SyncError
from syncengine.model.sync_error import STANDING

_NAMED: Final = 8


@dataclass(frozen=True, kw_only=True)
class Place:
    """An integration by name."""

    id: int
    name: str
    company: str
    state: IntegrationState
    connected: bool


@dataclass(frozen=True, kw_only=True)
class Bearings:
    """The integration that is looked at, or the only one; ``others`` the first few beside it, ``total`` how many there are.

    ``counts`` has errors and conflicts of the integration, and the alerts open anywhere.
    """

    integration: Place | None
    others: Sequence[Place] = ()
    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)


def bearings(session: Session, integration_id: int | None = None) -> Bearings:
    """The bearings of a page about that integration, or about none in particular. Raises IntegrationUnknown."""
    total = int(session.scalar(select(func.count(Integration.id))) or 0)
    first = _places(session, _NAMED)
    here = first[0] if integration_id is None and total == 1 else None
    if integration_id is not None:
        here = _place(session, integration_id)
    counts = {"alerts": count_open(session)}
    if here is not None:
        counts |= {"errors": _errors(session, here.id), "conflicts": count_conflicts(session, here.id)}
    others = tuple(place for place in first if here is None or place.id != here.id)
    return Bearings(integration=here, others=others, total=total, counts=counts)


_COLUMNS: Final = (Integration.id, Integration.name, Integration.company, Integration.state, Integration.connected)


def _places(session: Session, count: int) -> list[Place]:
    return [
        Place(**row._asdict()) for row in session.execute(select(*_COLUMNS).order_by(Integration.name).limit(count))
    ]


def _place(session: Session, integration_id: int) -> Place:
    row = session.execute(select(*_COLUMNS).where(Integration.id == integration_id)).one_or_none()
    if row is None:
        raise IntegrationUnknown(f"there is no integration {integration_id}")
    return Place(**row._asdict())


def _errors(session: Session, integration_id: int) -> int:
    mine = (SyncError.integration_id == integration_id, SyncError.state.in_(STANDING))
    return int(session.scalar(select(func.count(SyncError.id)).where(*mine)) or 0)
