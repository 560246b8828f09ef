"""Synchronise one integration as a user or a scheduler asks for it: log file, credentials, one cycle or its plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from pydantic import SecretStr

from contracts.client import GatewayClient
from contracts.errors import Problem
from syncengine.crm.turnover import Refreshed, refresh_turnover
from syncengine.cycle.cycle import preview_cycle, run_cycle
from syncengine.cycle.due import end_badly, may_read
from syncengine.cycle.progress import Progress
from syncengine.cycle.pull import PATIENCE, Patience
from syncengine.cycle.run import DIFFERENTIAL, Order, Report, Surroundings
from syncengine.engine import Engine
from syncengine.errors import IntegrationInvalid, KeyMissing, KeyWrong
from syncengine.integrations import erp_password
from syncengine.logs import integration_log
from syncengine.model import Integration
from syncengine.observer import ObservedClient

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

    When one that was due cannot even begin, the next is due after the interval: somebody has to act. Raises what ``run_cycle``
    raises before a cycle is recorded, and KeyMissing, KeyWrong, IntegrationInvalid.
    """
    observer, now = engine.observer, engine.store.clock
    if order.due_at is not None:
        observer.began(max(0.0, (now() - order.due_at).total_seconds()))
    began = time.monotonic()
    try:
        with _set_back(engine, integration_id, order), _at_work(engine, integration_id, screen=screen) as connect:
            around = _surroundings(engine, connect, watch, patience)
            report = run_cycle(engine.store, integration_id, around, order)
    except Problem as problem:
        observer.prevented(problem)
        raise
    observer.ended(report, time.monotonic() - began)
    return report


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
        around = _surroundings(engine, connect, watch, patience)
        return preview_cycle(engine.store, integration_id, around, order)


def _surroundings(
    engine: Engine,
    connect: Callable[[Integration], GatewayClient],
    watch: Callable[[Progress], None],
    patience: Patience,
) -> Surroundings:
    return Surroundings(
        connect=connect,
        clock=engine.store.clock,
        watch=watch,
        patience=patience,
        grace=timedelta(minutes=engine.settings.alert_grace_min),
    )


@contextmanager
def gateway(
    engine: Engine, integration_id: int, *, screen: bool = True, released: bool = False
) -> Iterator[GatewayClient]:
    """The gateway of an integration, for what is asked of it outside of a cycle; logged to the integration's file.

    Raises KeyMissing, KeyWrong, IntegrationInvalid, and Disconnected unless ``released`` says that this is wanted (CRM-58).
    """
    with _at_work(engine, integration_id, screen=screen) as connect:
        with engine.store.reading() as session:
            integration = session.get_one(Integration, integration_id)
        if not released:
            may_read(integration)
        with connect(integration) as client:
            yield client


def read_turnover(engine: Engine, integration_id: int) -> Refreshed:
    """Read the turnover of all tiers, as is due once a day (CRM-48); logged. Raises as ``refresh_turnover`` and ``gateway``."""
    with gateway(engine, integration_id, screen=False) as client:
        done = refresh_turnover(engine.store, client, integration_id, at=engine.store.clock())
        _log.info("turnover_read", asked=done.asked, figures=done.figures, gone=done.gone)
        return done


@contextmanager
def _set_back(engine: Engine, integration_id: int, order: Order) -> Iterator[None]:
    """What keeps a due cycle from beginning keeps the next ones too: they come at the interval, not at once."""
    try:
        yield
    except (KeyMissing, KeyWrong, IntegrationInvalid):
        if order.due_at is not None:
            with engine.store.writing() as session:
                end_badly(session, integration_id, at=engine.store.clock(), passing=False)
        raise


@contextmanager
def _at_work(engine: Engine, integration_id: int, *, screen: bool) -> Iterator[Callable[[Integration], GatewayClient]]:
    """How to call the gateway, while everything that happens is logged to the integration's file, the password masked."""
    with integration_log(engine.settings, integration_id, screen=screen), _told():
        password = _password(engine, integration_id)

    def connect(integration: Integration) -> GatewayClient:
        secret = password.get_secret_value()
        user, timeout_s = integration.erp_user, integration.timeout_s
        return ObservedClient(integration.url, user, secret, timeout_s=timeout_s, observer=engine.observer)

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
