"""Lease: one process at a time runs the cycles of an integration.

Taking it raises the integration's fencing number; every commit confirms the number, so that a process that was
overtaken while it slept can commit nothing any more.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import psutil
from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.orm import Session

from syncengine.errors import AlreadyRunning, IntegrationUnknown, LeaseLost
from syncengine.model import Integration

LEASE_TIME: Final = timedelta(seconds=30)
"""It is renewed in every commit and, by its keeper, three times within this; who is frozen for longer may be overtaken."""
_AHEAD_MAX: Final = timedelta(minutes=5)  # a lease that ends later was written by a clock that has been set back since
_SAME_START_S: Final = 2.0  # the start of a process is known to a hundredth, but moves with the system's clock
_held_here: set[tuple[str, int, int]] = set()
"""The leases that cycles of this process hold: base, integration, fencing number."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right to run cycles of one integration until an instant, with its fencing number; ``base`` is the CRM base's URL."""

    base: str
    integration_id: int
    owner: str
    token: int
    until: datetime


def take(session: Session, integration_id: int, *, at: datetime) -> Lease:
    """Take the lease when it is free, expired, or abandoned: its owner's process is dead, or is this one and holds it no more.

    Raises AlreadyRunning, IntegrationUnknown.
    """
    integration = session.get(Integration, integration_id)
    if integration is None:
        raise IntegrationUnknown(f"there is no integration {integration_id}")
    holder, owner, until = integration.lease_owner, _this_process(), at + LEASE_TIME
    base = str(session.get_bind().engine.url)
    ours_once = holder == owner and (base, integration_id, integration.lease_token) not in _held_here
    abandoned = holder is not None and (ours_once or _is_dead(holder))
    token = session.scalar(
        update(Integration)
        .where(Integration.id == integration_id, _may_be_taken(at, integration.lease_token if abandoned else None))
        .values(lease_owner=owner, lease_until=until, lease_token=Integration.lease_token + 1)
        .returning(Integration.lease_token)
        .execution_options(synchronize_session=False)
    )
    if token is None:
        raise AlreadyRunning(f"a cycle of {integration.name} is running ({holder})", record=integration.name)
    _held_here.add((base, integration_id, token))
    return Lease(base=base, integration_id=integration_id, owner=owner, token=token, until=until)


def forget(lease: Lease) -> None:
    """The cycle has ended: this process may take the lease again, even when the base does not let it be given back."""
    _held_here.discard((lease.base, lease.integration_id, lease.token))


def renew(session: Session, lease: Lease, *, at: datetime) -> Lease:
    """Confirm and prolong the lease, inside the transaction it protects. Raises LeaseLost."""
    renewed = replace(lease, until=at + LEASE_TIME)
    confirmed = session.scalar(
        update(Integration)
        .where(*_held(lease))
        .values(lease_until=renewed.until)
        .returning(Integration.id)
        .execution_options(synchronize_session=False)
    )
    if confirmed is None:
        raise LeaseLost("another process has taken the integration over")
    return renewed


def release(session: Session, lease: Lease) -> bool:
    """Give the lease back; nothing happens when it was lost. Whether it was held."""
    given_back = session.scalar(
        update(Integration)
        .where(*_held(lease))
        .values(lease_owner=None, lease_until=None)
        .returning(Integration.id)
        .execution_options(synchronize_session=False)
    )
    return given_back is not None


def is_free(at: datetime) -> ColumnElement[bool]:
    """The condition that nobody holds the lease of an integration, or held it until before that instant."""
    until = Integration.lease_until
    return or_(Integration.lease_owner.is_(None), until < at, until > at + _AHEAD_MAX)


def _held(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    return (
        Integration.id == lease.integration_id,
        Integration.lease_token == lease.token,
        Integration.lease_owner == lease.owner,
    )


def _may_be_taken(at: datetime, abandoned: int | None) -> ColumnElement[bool]:
    # An abandoned one only if it is still that one: somebody may have been faster.
    return is_free(at) if abandoned is None else or_(is_free(at), Integration.lease_token == abandoned)


def _this_process() -> str:
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.2f}"


def _is_dead(holder: str) -> bool:
    """Whether the holder is a process of this host that has ended; one of another host is left to expire."""
    host, pid, started = holder.rsplit(" ", 2)
    if host != socket.gethostname():
        return False
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(started)) > _SAME_START_S
    except psutil.NoSuchProcess:
        return True
