"""What an audit keeps: where its pass is, how many were compared, and the records that differ until they are found equal again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from syncengine.core.verdict import Verdict
from syncengine.cycle.alerting import drift_found, drift_settled
from syncengine.cycle.audit_sides import Lease
from syncengine.errors import IntegrationUnknown
from syncengine.model import Audit, Difference, Integration, IntegrationState, Link, LinkState
from syncengine.model.link import Entity

STANDING_MOST = 100
"""Records known to differ that are looked at again with each portion, those found first before others."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a portion begins; ``audit_id`` None: a new pass. ``standing`` are the keys known to differ."""

    integration: Integration
    audit_id: int | None
    position: str
    total: int
    standing: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a portion found: verdicts by key with the Accounts of those that have one; where it ended, None: the pass, too."""

    verdicts: Mapping[str, Verdict]
    accounts: Mapping[str, int]
    compared: int
    position: str | None
    lease: Lease


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was recorded: how many differ anew, are settled, and differ in all."""

    found: int
    settled: int
    standing: int


def open_place(session: Session, integration_id: int) -> Place:
    """Where the next portion of an integration begins. Raises IntegrationUnknown."""
    integration = session.get(Integration, integration_id)
    if integration is None:
        raise IntegrationUnknown(f"there is no integration {integration_id}")
    audit = _current(session, integration_id)
    keys = select(Difference.erp_key).where(*_standing(integration_id)).order_by(Difference.id).limit(STANDING_MOST)
    return Place(
        integration=integration,
        audit_id=None if audit is None else audit.id,
        position="" if audit is None else audit.position or "",
        total=_linked(session, integration_id) if audit is None else audit.total,
        standing=frozenset(session.scalars(keys)),
    )


def keep(
    session: Session, place: Place, findings: Findings, *, due: tuple[datetime, datetime, datetime], at: datetime
) -> Kept | None:
    """Record a portion, and when the next one is due: ``due`` in general, while something differs, and when this one must be
    done again. None, and nothing recorded, when a cycle ran since the CRM was read, or another portion was faster.
    """
    integration_id = place.integration.id
    # Locked first: portions of one integration follow each other, and no cycle commits meanwhile.
    query = select(Integration).where(Integration.id == integration_id).with_for_update()
    integration = session.scalars(query.execution_options(populate_existing=True)).one()
    audit = _current(session, integration_id)
    differing = any(one.drift for one in findings.verdicts.values())
    if _moved(audit, place) or (differing and Lease.of(integration, at) != findings.lease):
        _put_off(integration, due[2])
        return None
    audit = audit or _begin(session, place, at)
    found, settled = _settle(session, integration_id, findings, at)
    audit.compared += findings.compared
    audit.differing += found
    audit.position, audit.ended_at = findings.position, at if findings.position is None else None
    session.flush()
    standing = session.scalar(select(func.count(Difference.id)).where(*_standing(integration_id))) or 0
    _put_off(integration, due[1] if standing else due[0])
    if found:
        drift_found(session, integration_id=integration_id, count=standing, at=at)
    elif settled and not standing:
        drift_settled(session, integration_id=integration_id, at=at)
    return Kept(found=found, settled=settled, standing=standing)


def _put_off(integration: Integration, due: datetime) -> None:
    """One that was deactivated or disconnected meanwhile is due no more."""
    if integration.state is IntegrationState.ACTIVE and integration.connected:
        integration.audit_due_at = due


def _moved(audit: Audit | None, place: Place) -> bool:
    here = (None, "") if audit is None else (audit.id, audit.position or "")
    return here != (place.audit_id, place.position)


def _begin(session: Session, place: Place, at: datetime) -> Audit:
    audit = Audit(
        integration_id=place.integration.id, started_at=at, total=place.total, compared=0, differing=0, position=None
    )
    session.add(audit)
    return audit


def _settle(session: Session, integration_id: int, findings: Findings, at: datetime) -> tuple[int, int]:
    """Open, renew and close differences; how many are new, and how many are settled."""
    keys = list(findings.verdicts)
    query = select(Difference).where(*_standing(integration_id), Difference.erp_key.in_(keys))
    known = {row.erp_key: row for row in session.scalars(query)}
    found = 0
    for key, verdict in findings.verdicts.items():
        row = known.get(key)
        if verdict.drift is None:
            continue
        if row is None:
            row = Difference(integration_id=integration_id, erp_key=key, found_at=at)
            session.add(row)
            found += 1
        row.account_id, row.drift, row.fields = findings.accounts.get(key), verdict.drift, verdict.fields or None
    equal = [row.id for key, row in known.items() if findings.verdicts[key].drift is None]
    session.execute(update(Difference).where(Difference.id.in_(equal)).values(settled_at=at))
    return found, len(equal)


def _current(session: Session, integration_id: int) -> Audit | None:
    query = select(Audit).where(Audit.integration_id == integration_id).order_by(Audit.id.desc()).limit(1)
    audit = session.scalar(query)
    return None if audit is None or audit.ended_at is not None else audit


def _linked(session: Session, integration_id: int) -> int:
    mine = (Link.integration_id == integration_id, Link.entity == Entity.ACCOUNT.value, Link.state == LinkState.LINKED)
    return session.scalar(select(func.count(Link.id)).where(*mine)) or 0


def _standing(integration_id: int) -> tuple[ColumnElement[bool], ...]:
    return Difference.integration_id == integration_id, Difference.settled_at.is_(None)
