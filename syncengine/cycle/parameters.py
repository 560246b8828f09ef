"""Parameters: the lists and options of the ERP, read again (CRM-06, CRM-12)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update

from contracts.client import GatewayClient
from contracts.fields import Record
from contracts.messages import CONTRACT_VERSION
from syncengine.cycle.gateway_options import read_again, untold
from syncengine.cycle.pull import persistently
from syncengine.cycle.reference import apply_parameters
from syncengine.cycle.run import Run
from syncengine.cycle.taking import same_company_or_stop
from syncengine.cycle.tiers import Counts
from syncengine.model import Integration

_log = structlog.get_logger(__name__)


def refresh(run: Run, client: GatewayClient) -> None:
    """Take the ERP's lists and what the gateway says of itself; when it tells more kinds than before, all tiers are read again."""
    configuration = persistently(client.get_configuration, run.around.patience)
    same_company_or_stop(run, configuration.text("company"))
    told = _told(configuration, run.around.clock())
    integration_id = run.integration.id
    with run.commit() as bulk:
        changed = apply_parameters(bulk, configuration.many("parameters"), integration_id=integration_id)
        before = bulk.connection.scalar(select(Integration.gateway_options).where(Integration.id == integration_id))
        if untold(before or {}) - untold(told["gateway_options"]):
            read_again(bulk, integration_id=integration_id)
            _log.warning("kinds_told_again", before=before, now=told["gateway_options"])
        bulk.connection.execute(update(Integration).where(Integration.id == integration_id).values(told))
        run.told(bulk, told)
    run.counts.add(Counts(reference={"parameters": changed}))
    run.options_known = True


def _told(configuration: Record, now: datetime) -> dict[str, Any]:
    """What the gateway says of itself, as the integration keeps it (CRM-12, CRM-15, CRM-23)."""
    options = {
        name: configuration.flag(f"synchronise_{name}") for name in ("contacts", "addresses", "phones", "dormant")
    }
    return {
        "gateway_version": configuration.text("gateway_version"),
        "contract_version": configuration.text("contract_version") or CONTRACT_VERSION,
        "base_currency": configuration.text("base_currency") or None,
        "gateway_options": options | {"codification": configuration.text("codification")},
        "seen_at": now,
        "parameters_refreshed_at": now,
    }
