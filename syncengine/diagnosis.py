"""What is looked at before a first synchronisation: the connection step by step, and the data of the ERP (CRM-53)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contracts.fields import Record
from contracts.messages import RUN_DIAGNOSTICS
from syncengine import integrations
from syncengine.connection import StepResult, Target, run_connection_test
from syncengine.cycle.due import may_read
from syncengine.engine import Engine
from syncengine.errors import IntegrationUnknown
from syncengine.model import Integration
from syncengine.sync import gateway


class Severity(StrEnum):
    """How much a finding matters; a blocking one is to be corrected before the first synchronisation."""

    OK = "ok"
    WARNING = "warning"
    BLOCKING = "blocking"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check of the ERP's data: its title in French, how many records it concerns, a few of them, how to fix them."""

    check: str
    title: str
    severity: Severity
    count: int
    examples: tuple[str, ...]
    remedy: str


def try_connection(engine: Engine, integration_id: int, *, longest_s: float | None = None) -> list[StepResult]:
    """Try the connection of an integration; ``longest_s`` bounds its time-out where somebody waits for the answer.

    Raises IntegrationUnknown, IntegrationInvalid, Disconnected, KeyMissing, KeyWrong.
    """
    with engine.store.reading() as session:
        row = session.get(Integration, integration_id)
        if row is None:
            raise IntegrationUnknown(f"there is no integration {integration_id}")
        may_read(row)
        target = Target(
            url=row.url,
            user=row.erp_user,
            password=integrations.erp_password(row, engine.secrets),
            company=row.company,
            timeout_s=row.timeout_s if longest_s is None else min(row.timeout_s, longest_s),
        )
    return run_connection_test(target)


def check_erp_data(engine: Engine, integration_id: int) -> list[Finding]:
    """Have the gateway look at the ERP's data. Raises as ``sync.gateway``, and what its client raises."""
    with gateway(engine, integration_id, screen=False) as client:
        return [_finding(record) for record in client.ask(RUN_DIAGNOSTICS).many("findings")]


def _finding(record: Record) -> Finding:
    return Finding(
        check=record.text("check"),
        title=record.text("title"),
        severity=Severity(record.text("severity")),
        count=record.integer("count"),
        examples=tuple(example.text("key") for example in record.many("examples")),
        remedy=record.text("remedy"),
    )
