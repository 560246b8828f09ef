"""What can be entered into an integration record, with the documented defaults (CRM-14, CRM-16, CRM-35, NEW-03, NEW-06)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from typing import Any

from pydantic import SecretStr

from contracts.tables import CLIENT, SUPPLIER
from syncengine.model import WORLD, AssignmentRule, CodeMode, TransferMode, TurnoverMode


def _company_types() -> dict[str, str | None]:
    return {"client": CLIENT, "supplier": SUPPLIER, "prospect": CLIENT, "partner": None, "competitor": None}


@dataclass(frozen=True, kw_only=True)
class IntegrationDraft:
    """All that can be entered. Territories and manager go by name and login; a password of None stays as it is.
    ``sql_url`` is the ERP database for reading it in SQL (CRM-59): it holds a password, so it goes as one; empty removes it.

    ``company_types`` maps each company type to a tiers type, or to None for no creation (CRM-35). ``policies`` are as
    ``policies.Policies`` reads them, ``guards`` as ``guards.Guards`` does: what is not named has its default. The times of day
    ``daily_resync_at`` and ``turnover_at`` are those of ``zone``, an IANA name; ``audit_percent`` is compared in an hour.
    """

    name: str = "Sage100"
    url: str = "http://127.0.0.1:8080"
    erp_user: str = ""
    erp_password: SecretStr | None = None
    crm_user: str = ""
    crm_password: SecretStr | None = None
    sql_url: SecretStr | None = None
    company: str = ""
    timeout_s: int = 60
    interval_min: int = 60
    daily_resync_at: time | None = None
    zone: str = "Europe/Paris"
    turnover_mode: TurnoverMode = TurnoverMode.EACH_CYCLE
    turnover_at: time | None = None
    live: bool = False
    audit_percent: int = 4
    transfer_mode: TransferMode = TransferMode.BY_HAND
    default_territory: str | None = WORLD
    supplier_territory: str | None = None
    default_manager: str | None = None
    code_mode: CodeMode = CodeMode.FREE
    code_suffix: str = ""
    manager_rule: AssignmentRule = AssignmentRule.IF_EMPTY
    representative_rule: AssignmentRule = AssignmentRule.NONE
    etendue_enabled: bool = False
    etendue_server: str = ""
    etendue_dossier: str = ""
    etendue_order: bool = False
    company_types: dict[str, str | None] = field(default_factory=_company_types)
    client_company_type: str = "client"
    supplier_company_type: str = "supplier"
    policies: dict[str, str] = field(default_factory=dict)
    clock_tolerance_s: int = 300
    guards: dict[str, dict[str, Any] | None] = field(default_factory=dict)
