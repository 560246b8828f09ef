"""Synchronise one integration as a user or a scheduler asks for it: log file, credentials, one cycle or its plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from pydantic import SecretStr

from contracts.client import GatewayClient
from contracts.errors import Problem
from syncengine.cycle.cycle import preview_cycle, run_cycle
from syncengine.cycle.progress import Progress
from syncengine.cycle.pull import PATIENCE, Patience
from syncengine.cycle.run import DIFFERENTIAL, Order, Report, Surroundings
from syncengine.engine import Engine
from syncengine.integrations import erp_password
from syncengine.logs import integration_log
from syncengine.model import Integration

_log = structlog.get_logger(__name__)


def synchronise(
    engine: Engine,
    integration_id: int,
    *,
    watch: Callable[[Progress], None] = lambda _progress: None,
    screen: bool = True,
    patience: Patience = PATIENCE,
    order: Order = DIFFERENTIAL,
) -> Report:
    """Run one cycle of an integration now, logged to its file; ``watch`` is told after each page.

    Raises what ``run_cycle`` raises before a cycle is recorded, and KeyMissing, KeyWrong, IntegrationInvalid.
    """
    with _at_work(engine, integration_id, screen=screen) as connect:
        around = Surroundings(connect=connect, watch=watch, patience=patience)
        return run_cycle(engine.store, integration_id, around, order)


def preview(
    engine: Engine,
    integration_id: int,
    *,
    watch: Callable[[Progress], None] = lambda _progress: None,
    screen: bool = True,
    patience: Patience = PATIENCE,
    order: Order = DIFFERENTIAL,
) -> int:
    """Make the plan of what that cycle would do; its number. Nothing but the plan is written (NEW-02).

    Raises as ``synchronise``, and what would stop the cycle.
    """
    with _at_work(engine, integration_id, screen=screen) as connect:
        around = Surroundings(connect=connect, watch=watch, patience=patience)
        return preview_cycle(engine.store, integration_id, around, order)


@contextmanager
def gateway(engine: Engine, integration_id: int, *, screen: bool = True) -> Iterator[GatewayClient]:
    """The gateway of an integration, for what is asked of it outside of a cycle; logged to the integration's file.

    Raises KeyMissing, KeyWrong, IntegrationInvalid.
    """
    with _at_work(engine, integration_id, screen=screen) as connect:
        with engine.store.reading() as session:
            integration = session.get_one(Integration, integration_id)
        with connect(integration) as client:
            yield client


@contextmanager
def _at_work(engine: Engine, integration_id: int, *, screen: bool) -> Iterator[Callable[[Integration], GatewayClient]]:
    """How to call the gateway, while everything that happens is logged to the integration's file, the password masked."""
    with integration_log(engine.settings, integration_id, screen=screen), _told():
        password = _password(engine, integration_id)

    def connect(integration: Integration) -> GatewayClient:
        secret = password.get_secret_value()
        return GatewayClient(integration.url, integration.erp_user, secret, timeout_s=integration.timeout_s)

    with integration_log(engine.settings, integration_id, secrets=(password,), screen=screen), _told():
        yield connect


def _password(engine: Engine, integration_id: int) -> SecretStr:
    with engine.store.reading() as session:
        return erp_password(session.get_one(Integration, integration_id), engine.secrets)


@contextmanager
def _told() -> Iterator[None]:
    """What prevents a cycle, or keeps it from recording its end, is in the log like everything else."""
    try:
        yield
    except Problem as problem:
        _log.error("no_cycle", code=problem.problem_code, reason=problem.message, remedy=problem.remedy)
        raise
