"""The form of the integration record, read back into a draft; what a form leaves out stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from api.console.posted import Posted
from contracts.tables import CLIENT, SUPPLIER
from syncengine.core.guards import DEFAULTS
from syncengine.core.paths import STRUCTS
from syncengine.core.policies import FROM_ERP
from syncengine.core.refusals import refused
from syncengine.integration_draft import IntegrationDraft
from syncengine.model import AssignmentRule, CodeMode, TransferMode, TurnoverMode

Choice = TypeVar("Choice", bound=StrEnum)
COMPANY_TYPES: Final = ("client", "supplier", "prospect", "partner", "competitor")
_CHILDREN: Final = frozenset({"addresses", "contacts"})
POLICY_FIELDS: Final = tuple(
    (f"{entity.value}.{part.attr}", entity.value, part.label)
    for entity, struct in STRUCTS.items()
    for part in struct.fields
    if part.attr not in FROM_ERP[entity] | _CHILDREN
)
"""The fields that can have a policy of their own: name, kind of record, label."""


def draft_from(posted: Posted, before: IntegrationDraft) -> IntegrationDraft:
    """The draft as entered. Raises InputRefused; what breaks a rule of the record ``integrations`` finds."""
    read: dict[str, Callable[[str], Any]] = {
        **dict.fromkeys(("name", "url", "erp_user", "crm_user", "company", "zone", "code_suffix"), posted.text),
        **dict.fromkeys(("etendue_server", "etendue_dossier"), posted.text),
        **dict.fromkeys(("timeout_s", "interval_min", "audit_percent", "clock_tolerance_s"), posted.number),
        **dict.fromkeys(("daily_resync_at", "turnover_at"), posted.time_of_day),
        **dict.fromkeys(("default_territory", "supplier_territory", "default_manager"), posted.optional),
        **dict.fromkeys(("client_company_type", "supplier_company_type"), posted.text),
        "transfer_mode": lambda name: _choice(posted, name, TransferMode),
        "code_mode": lambda name: _choice(posted, name, CodeMode),
        "turnover_mode": lambda name: _choice(posted, name, TurnoverMode),
        "manager_rule": lambda name: _choice(posted, name, AssignmentRule),
        "representative_rule": lambda name: _choice(posted, name, AssignmentRule),
    }
    said = {name: reading(name) for name, reading in read.items() if name in posted}
    said |= {name: posted.flag(name) for name in ("live", "etendue_enabled", "etendue_order")}
    said |= {name: posted.secret(name) for name in ("erp_password", "crm_password") if posted.typed(name)}
    said["company_types"] = _company_types(posted, before.company_types)
    said["policies"] = _policies(posted, before.policies)
    said["guards"] = _guards(posted)
    return replace(before, **said)


def _choice(posted: Posted, name: str, kind: type[Choice]) -> Choice:
    value = posted.typed(name)
    if value not in {member.value for member in kind}:
        raise refused("unknown_value", "there is no such choice", field=name, remedy="Choose from the list.")
    return kind(value)


def _company_types(posted: Posted, before: Mapping[str, str | None]) -> dict[str, str | None]:
    found = dict(before)
    for name in (*COMPANY_TYPES, *before):
        given = posted.typed(f"type:{name}", before.get(name) or "")
        found[name] = given if given in {CLIENT, SUPPLIER} else None
    return found


def _policies(posted: Posted, before: Mapping[str, str]) -> dict[str, str]:
    """Those chosen; an empty choice leaves it to the wider one."""
    found = {}
    for name in ("", *(entity.value for entity in STRUCTS), *(field[0] for field in POLICY_FIELDS)):
        chosen = posted.typed(f"policy:{name}", before.get(name, ""))
        if chosen:
            found[name] = chosen
    return found


def _guards(posted: Posted) -> dict[str, dict[str, Any] | None]:
    """Those that differ from the default."""
    found: dict[str, dict[str, Any] | None] = {}
    for name, usual in DEFAULTS.items():
        if f"guard:{name}:count" not in posted:
            continue
        on = posted.flag(f"guard:{name}")
        limit = {"count": posted.number(f"guard:{name}:count"), "percent": posted.number(f"guard:{name}:percent")}
        own = limit if on else None
        default = None if usual is None else {"count": usual.count, "percent": usual.percent}
        if own != default:
            found[name] = own
    return found
