"""Synchronise one integration as a user or a scheduler asks for it: log file, credentials, one cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from pydantic import SecretStr

from contracts.client import GatewayClient
from contracts.errors import Problem
from syncengine.cycle import run_cycle
from syncengine.engine import Engine
from syncengine.integrations import erp_password
from syncengine.logs import integration_log
from syncengine.model import Integration
from syncengine.progress import Progress
from syncengine.pull import PATIENCE, Patience
from syncengine.run import Report, Surroundings

_log = structlog.get_logger(__name__)


def synchronise(
    engine: Engine,
    integration_id: int,
    *,
    watch: Callable[[Progress], None] = lambda _progress: None,
    screen: bool = True,
    patience: Patience = PATIENCE,
) -> Report:
    """Run one cycle of an integration now, logged to its file; ``watch`` is told after each page.

    Raises what ``run_cycle`` raises before a cycle is recorded, and KeyMissing, KeyWrong, IntegrationInvalid.
    """
    with integration_log(engine.settings, integration_id, screen=screen), _told():
        password = _password(engine, integration_id)

    def connect(integration: Integration) -> GatewayClient:
        secret = password.get_secret_value()
        return GatewayClient(integration.url, integration.erp_user, secret, timeout_s=integration.timeout_s)

    with integration_log(engine.settings, integration_id, secrets=(password,), screen=screen), _told():
        return run_cycle(engine.store, integration_id, Surroundings(connect=connect, watch=watch, patience=patience))


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
