"""Why a Company is not synchronised, or not yet: all that stands between it and its tiers, the gravest first (CRM-49, NEW-04)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.model import (
    Account,
    Company,
    Conflict,
    ConflictState,
    Cycle,
    ErpState,
    Integration,
    IntegrationState,
    Link,
    LinkState,
    Outbox,
    OutboxState,
    RecordStatus,
    SyncError,
)
from syncengine.model.link import Entity


class Obstacle(StrEnum):
    """What stands in the way, or merely has not happened yet."""

    NO_TIERS = "no_tiers"  # it exists in the CRM only (CRM-24)
    INACTIVE = "inactive"
    TAKEN_OUT = "taken_out"  # 'Ne plus synchroniser' (CRM-50)
    DELETED = "deleted"  # in Sage 100 (CRM-32)
    OUT_OF_SCOPE = "out_of_scope"
    DORMANT = "dormant"
    UNLINKED = "unlinked"
    INTEGRATION_OFF = "integration_off"
    DISCONNECTED = "disconnected"  # CRM-58
    CYCLES_FAIL = "cycles_fail"
    REFUSED = "refused"  # CRM-49
    RETRIED = "retried"
    CONFLICT = "conflict"  # NEW-03
    AWAITED = "awaited"  # 'Créer le tiers' (CRM-25)
    UNDER_WAY = "under_way"
    MARKED = "marked"
    FICHES_DIFFER = "fiches_differ"  # CRM-33


WAITING: Final = frozenset({Obstacle.RETRIED, Obstacle.AWAITED, Obstacle.UNDER_WAY, Obstacle.MARKED})
"""What passes by itself with a cycle."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One obstacle; ``since`` when it arose, ``count`` fields or failures; ``number`` is that of the error or cycle."""

    obstacle: Obstacle
    since: datetime | None = None
    count: int = 0
    number: int | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """A Company with its main Account, the link of that, its integration and its errors that are not settled."""

    company: Company
    account: Account | None
    link: Link | None
    integration: Integration | None
    errors: tuple[SyncError, ...]


def reasons(session: Session, case: Case, *, differing: int) -> list[Reason]:
    """What stands in the way; nothing means that both sides agree. ``differing`` fields are apart between the two fiches."""
    account, integration = case.account, case.integration
    if account is None or integration is None:
        inactive = case.company.status is RecordStatus.INACTIVE
        return [Reason(obstacle=Obstacle.NO_TIERS), *([Reason(obstacle=Obstacle.INACTIVE)] if inactive else [])]
    found = [*_of_link(account, case.link), *_of_errors(case), *_of_conflicts(session, case.link)]
    found += _waiting(session, account, case.link)
    if differing:
        found.append(Reason(obstacle=Obstacle.FICHES_DIFFER, count=differing))
    # While nothing else is in the way, a stopped integration matters for what is still to come.
    return [*_of_integration(session, integration), *found]


def _of_integration(session: Session, integration: Integration) -> Iterator[Reason]:
    if integration.state is not IntegrationState.ACTIVE:
        yield Reason(obstacle=Obstacle.INTEGRATION_OFF)
    elif not integration.connected:
        yield Reason(obstacle=Obstacle.DISCONNECTED)
    elif integration.failures:
        last = session.scalar(select(func.max(Cycle.id)).where(Cycle.integration_id == integration.id))
        yield Reason(obstacle=Obstacle.CYCLES_FAIL, count=integration.failures, number=last)


_GONE: Final = {
    ErpState.DELETED: Obstacle.DELETED,
    ErpState.OUT_OF_SCOPE: Obstacle.OUT_OF_SCOPE,
    ErpState.DORMANT: Obstacle.DORMANT,
}


def _of_link(account: Account, link: Link | None) -> Iterator[Reason]:
    if link is not None and link.state is LinkState.TAKEN_OUT:
        yield Reason(obstacle=Obstacle.TAKEN_OUT)
    elif account.erp_state in _GONE:
        yield Reason(obstacle=_GONE[account.erp_state])
    elif link is None and account.erp_state is not ErpState.AWAITED:
        yield Reason(obstacle=Obstacle.UNLINKED)


def _of_errors(case: Case) -> Iterator[Reason]:
    for error in case.errors:
        obstacle = Obstacle.RETRIED if error.state == "retry" else Obstacle.REFUSED
        if error.state in {"open", "retry"}:
            yield Reason(obstacle=obstacle, since=error.first_at, count=error.attempts, number=error.id)


def _of_conflicts(session: Session, link: Link | None) -> Iterator[Reason]:
    if link is None:
        return
    mine = (Conflict.link_id == link.id, Conflict.state == ConflictState.OPEN)
    row = session.execute(select(func.count(Conflict.id), func.min(Conflict.opened_at)).where(*mine)).one()
    if row[0]:
        yield Reason(obstacle=Obstacle.CONFLICT, count=row[0], since=row[1])


def _waiting(session: Session, account: Account, link: Link | None) -> Iterator[Reason]:
    if account.erp_state is ErpState.AWAITED:
        yield Reason(obstacle=Obstacle.AWAITED, since=account.updated_at)
    opened = (Outbox.account_id == account.id, Outbox.state.in_((OutboxState.PENDING, OutboxState.SENT)))
    sent = session.scalar(select(func.min(Outbox.created_at)).where(*opened))
    if sent is not None:
        yield Reason(obstacle=Obstacle.UNDER_WAY, since=sent)
    elif link is not None and link.changed_at is not None and link.state is LinkState.LINKED:
        yield Reason(obstacle=Obstacle.MARKED, since=link.changed_at)


def case_of(session: Session, company: Company) -> Case:
    """What is known of a Company and its tiers."""
    account = session.scalar(select(Account).where(Account.company_id == company.id, Account.is_main))
    link = integration = None
    errors: tuple[SyncError, ...] = ()
    if account is not None:
        integration = session.get(Integration, account.integration_id)
        of_account = (Link.entity == Entity.ACCOUNT.value, Link.local_id == account.id)
        link = session.scalar(select(Link).where(*of_account))
        errors = _errors(session, account, link)
    return Case(company=company, account=account, link=link, integration=integration, errors=errors)


def _errors(session: Session, account: Account, link: Link | None) -> tuple[SyncError, ...]:
    """Every error of the tiers, settled ones included: by its row for what was sent, by its code for what came."""
    key = link.erp_key if link is not None else account.code
    mine = (SyncError.integration_id == account.integration_id, SyncError.entity == Entity.ACCOUNT.value)
    either = (SyncError.local_id == account.id) | (SyncError.erp_key == (key or ""))
    return tuple(session.scalars(select(SyncError).where(*mine, either).order_by(SyncError.last_at.desc())))
