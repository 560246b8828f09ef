"""'Déconnecter / reconnecter Gestion Commerciale': the ERP base released for exclusive work, and used again (CRM-58)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from contracts.client import GatewayClient
from contracts.errors import NotOffered, RemoteFault
from syncengine import integrations
from syncengine.cycle import lease as leases
from syncengine.engine import Engine
from syncengine.errors import AlreadyRunning
from syncengine.integration_record import IntegrationRecord
from syncengine.model import Integration
from syncengine.rtdv import erp_base
from syncengine.sync import gateway

IN_USE: Final = "base_in_use"
LOOK_S: Final = 0.2
LONGEST_S: Final = 600.0
"""How long a cycle under way, or calls of others, may take to end: the longest time-out of a call."""


@dataclass(frozen=True, kw_only=True)
class Exclusive:
    """How the integration stands, and whether the gateway did its part; an older one cannot, and keeps its connections."""

    integration: IntegrationRecord
    gateway_obeyed: bool


def disconnect(
    engine: Engine, integration_id: int, *, by: str | None = None, longest_s: float = LONGEST_S
) -> Exclusive:
    """Stop synchronising and reading, wait until what is under way has ended, then have the gateway release the base.

    Raises as ``integrations.disconnect``, AlreadyRunning when the cycle does not end, and as ``sync.gateway`` and its client: the
    integration is disconnected all the same, and doing it again goes on.
    """
    with engine.store.writing() as session:
        record = integrations.disconnect(session, integration_id, at=engine.store.clock(), by=by)
    until = time.monotonic() + longest_s
    direct_until = time.monotonic() + erp_base.LONGEST_S if record.has_sql_url else 0.0
    while _is_running(engine, integration_id):
        _pause(until, AlreadyRunning(f"a cycle of {record.name} has not ended yet", record=record.name))
    # CRM-59: whichever process reads the base directly, none begins any more, and those under way are over by then.
    time.sleep(max(0.0, direct_until - time.monotonic()))
    return Exclusive(
        integration=record, gateway_obeyed=_obeyed(engine, integration_id, lambda client: _release(client, until))
    )


def reconnect(engine: Engine, integration_id: int, *, by: str | None = None) -> Exclusive:
    """Have the gateway use the base again, then synchronise again, at once if the integration is active.

    Raises as ``integrations.reconnect``, and as ``sync.gateway`` and its client: then the integration stays disconnected.
    """
    with engine.store.reading() as session:
        integrations.may_disconnect(session, by)
    obeyed = _obeyed(engine, integration_id, lambda client: client.reconnect_base())
    with engine.store.writing() as session:
        record = integrations.reconnect(session, integration_id, at=engine.store.clock(), by=by)
    return Exclusive(integration=record, gateway_obeyed=obeyed)


def _is_running(engine: Engine, integration_id: int) -> bool:
    free = select(Integration.id).where(Integration.id == integration_id, leases.is_free(engine.store.clock()))
    with engine.store.reading() as session:
        return session.scalar(free) is None


def _release(client: GatewayClient, until: float) -> None:
    while True:
        try:
            client.release_base()
        except RemoteFault as fault:
            if fault.problem_code != IN_USE:
                raise
            _pause(until, fault)
        else:
            return


def _obeyed(engine: Engine, integration_id: int, ask: Callable[[GatewayClient], object]) -> bool:
    with gateway(engine, integration_id, screen=False, released=True) as client:
        try:
            ask(client)
        except NotOffered:
            return False
    return True


def _pause(until: float, too_long: Exception) -> None:
    if time.monotonic() >= until:
        raise too_long
    time.sleep(LOOK_S)
