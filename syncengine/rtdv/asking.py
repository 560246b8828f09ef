"""Asking the ERP: one call over the line of its integration, what fails told in the integration's log."""

from __future__ import annotations

from functools import partial
from typing import Final

import structlog

from contracts.client import GatewayClient
from contracts.errors import BaseReleased, Problem, RemoteFault
from contracts.fields import Record
from contracts.messages import Operation
from syncengine.core.refusals import refused
from syncengine.engine import Engine
from syncengine.errors import Disconnected, ErpBusy, ErpUnreachable, IntegrationInvalid
from syncengine.logs import integration_log
from syncengine.observer import ObservedClient
from syncengine.rtdv.line import TIMEOUT_S
from syncengine.rtdv.whom import Target

_log = structlog.get_logger(__name__)
_EVERYDAY: Final = frozenset({"unknown_tiers", "unknown_document", "base_released"})
"""Answers that say nothing of the state of the line."""


def ask(engine: Engine, target: Target, operation: Operation, request: Record) -> Record:
    """The reply of the gateway, now. Raises ErpUnreachable, ErpBusy, Disconnected, InputRefused (tiers_gone, document_unknown).

    And ContractError, VersionMismatch and RemoteFault as the client has them; KeyMissing, KeyWrong, IntegrationInvalid.
    """
    line = engine.lines.of(target, partial(_connect, engine, target), engine.store.clock)
    try:
        return line.ask(operation, request)
    except ErpBusy:
        raise
    except Problem as problem:
        _tell(engine, target, operation, problem)
        raise _in_our_words(target, problem) from problem


def _connect(engine: Engine, target: Target) -> GatewayClient:
    if target.secret is None:
        raise IntegrationInvalid("erp_password is not set", record=target.name, field="erp_password")
    secret = engine.secrets.decrypt(target.secret).get_secret_value()
    timeout_s = min(target.timeout_s, TIMEOUT_S)
    return ObservedClient(target.url, target.user, secret, timeout_s=timeout_s, observer=engine.observer)


def _in_our_words(target: Target, problem: Problem) -> Problem:
    if isinstance(problem, BaseReleased):
        # CRM-58: released between our look and the call, or by somebody else.
        return Disconnected("the ERP base is released for exclusive work", record=target.name)
    if isinstance(problem, RemoteFault) and problem.problem_code == "unknown_tiers":
        return refused(
            "tiers_gone",
            "Sage 100 has no such tiers any more",
            record=problem.record,
            remedy="The next cycle finds out; then link the Company to another tiers, or create one.",
        )
    if isinstance(problem, RemoteFault) and problem.problem_code == "unknown_document":
        return document_unknown(problem.record or "")
    return problem


def document_unknown(number: str) -> Problem:
    """The answer for a document that is not there, or not of this tiers."""
    return refused(
        "document_unknown",
        "the tiers has no such document",
        record=number,
        remedy="Take type and number from its list: an order that was delivered goes by another number.",
    )


def _tell(engine: Engine, target: Target, operation: Operation, problem: Problem) -> None:
    cause = problem.__cause__ if isinstance(problem, ErpUnreachable) else problem
    if not isinstance(cause, Problem) or cause.problem_code in _EVERYDAY:
        return
    with integration_log(engine.settings, target.integration_id, screen=False):
        _log.warning("live_query_failed", operation=operation.name, code=cause.problem_code, reason=problem.message)
