"""What may be entered in an integration record: one rule per field (CRM-09, CRM-14..16, CRM-22, CRM-35, CRM-48, NEW-03, NEW-06)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from contracts.tables import CLIENT, SUPPLIER
from syncengine.core import guards, policies, sql_address
from syncengine.core.schedule import zones
from syncengine.errors import IntegrationInvalid
from syncengine.model import CodeMode, TurnoverMode

if TYPE_CHECKING:
    from syncengine.integration_draft import IntegrationDraft

INTERVAL_MIN: Final = range(30, 7 * 24 * 60 + 1)
TIMEOUT_S: Final = range(5, 601)
AUDIT_PERCENT: Final = range(101)
TOLERANCE_S: Final = range(24 * 60 * 60 + 1)
NAME_LENGTH: Final = 60
USER_LENGTH: Final = 60
COMPANY_LENGTH: Final = 35
SUFFIX_LENGTH: Final = 10


def check(draft: IntegrationDraft) -> IntegrationDraft:
    """The draft with its texts trimmed. Raises IntegrationInvalid for the first field that breaks its rule.

    A policy or guard that is none is an InputRefused with a code of its own.
    """
    trimmed = _trimmed(draft)
    for attr, rule in _RULES.items():
        wrong = rule(trimmed)
        if wrong:
            raise IntegrationInvalid(wrong, record=trimmed.name or None, field=attr)
    policies.check(trimmed.policies)
    guards.check(trimmed.guards)
    return trimmed


def _trimmed(draft: IntegrationDraft) -> IntegrationDraft:
    # A decomposed accent (as macOS types it) is the same letter.
    return replace(
        draft,
        name=unicodedata.normalize("NFC", draft.name).strip(),
        url=draft.url.strip().rstrip("/"),
        company=unicodedata.normalize("NFC", draft.company).strip(),
        erp_user=draft.erp_user.strip(),
        crm_user=draft.crm_user.strip(),
        code_suffix=draft.code_suffix.strip(),
        zone=draft.zone.strip(),
    )


def _name(draft: IntegrationDraft) -> str:
    if not draft.name or len(draft.name) > NAME_LENGTH:
        return f"the name has 1 to {NAME_LENGTH} characters"
    if not all(letter.isalpha() or letter in "0123456789 " for letter in draft.name):
        return "the name is made of letters, digits and spaces"
    return ""


def _url(draft: IntegrationDraft) -> str:
    try:
        parts = urlsplit(draft.url)
        port = parts.port
    except ValueError:
        return "the address is not a URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        return "the address begins with http:// or https:// and names a host"
    if parts.username is not None or parts.query or parts.fragment:
        return "the address holds neither a user nor a query: the user has a field of its own"
    return ""


def _sql_url(draft: IntegrationDraft) -> str:
    # CRM-59
    given = "" if draft.sql_url is None else draft.sql_url.get_secret_value().strip()
    return sql_address.wrong(given) if given else ""


def _company(draft: IntegrationDraft) -> str:
    if not draft.company or len(draft.company) > COMPANY_LENGTH:
        return f"the company name (raison sociale) has 1 to {COMPANY_LENGTH} characters"
    return ""


def _erp_user(draft: IntegrationDraft) -> str:
    # HTTP Basic ends the user name at the first colon.
    if len(draft.erp_user) > USER_LENGTH or ":" in draft.erp_user:
        return f"the ERP user has at most {USER_LENGTH} characters and no colon"
    return ""


def _crm_user(draft: IntegrationDraft) -> str:
    return f"the CRM user has at most {USER_LENGTH} characters" if len(draft.crm_user) > USER_LENGTH else ""


def _interval(draft: IntegrationDraft) -> str:
    # CRM-07: never under 30 minutes.
    return "" if draft.interval_min in INTERVAL_MIN else f"the interval is {_span(INTERVAL_MIN)} minutes"


def _zone(draft: IntegrationDraft) -> str:
    # CRM-09: a time of day means nothing without knowing where.
    return "" if draft.zone in zones() else f"{draft.zone!r} is no time zone: name one as Europe/Paris"


def _resync_at(draft: IntegrationDraft) -> str:
    return _time_of_day(draft.daily_resync_at)


def _turnover_mode(draft: IntegrationDraft) -> str:
    if draft.turnover_mode is TurnoverMode.DAILY and draft.turnover_at is None:
        return "turnover that is read once a day needs turnover_at, the time of day"  # CRM-48
    return ""


def _turnover_at(draft: IntegrationDraft) -> str:
    return _time_of_day(draft.turnover_at)


def _time_of_day(at: time | None) -> str:
    return "the time of day is that of the zone of the integration: give no offset" if at and at.tzinfo else ""


def _audit(draft: IntegrationDraft) -> str:
    return "" if draft.audit_percent in AUDIT_PERCENT else f"the audit compares {_span(AUDIT_PERCENT)} % in an hour"


def _timeout(draft: IntegrationDraft) -> str:
    return "" if draft.timeout_s in TIMEOUT_S else f"the time-out is {_span(TIMEOUT_S)} seconds"


def _tolerance(draft: IntegrationDraft) -> str:
    seconds = draft.clock_tolerance_s
    return "" if seconds in TOLERANCE_S else f"the tolerance between two clocks is {_span(TOLERANCE_S)} seconds"


def _suffix(draft: IntegrationDraft) -> str:
    suffix = draft.code_suffix
    if suffix and draft.code_mode is CodeMode.ERP:
        return "there is no suffix when the ERP numbers the codes"  # CRM-22
    if len(suffix) > SUFFIX_LENGTH or not suffix.isascii() or (suffix and not suffix.isalnum()):
        return f"the suffix is at most {SUFFIX_LENGTH} letters and digits"
    return ""


def _etendue(draft: IntegrationDraft) -> str:
    if draft.etendue_enabled and not (draft.etendue_server.strip() and draft.etendue_dossier.strip()):
        return "the Sage Etendue link needs the name of its server and of the dossier"
    return ""


def _company_types(draft: IntegrationDraft) -> str:
    wrong = [name for name, tiers in draft.company_types.items() if tiers not in {CLIENT, SUPPLIER, None}]
    return f"company types map to client, supplier or nothing: {', '.join(wrong)}" if wrong else ""


def _client_type(draft: IntegrationDraft) -> str:
    return "" if draft.company_types.get(draft.client_company_type) == CLIENT else _no_type(CLIENT)


def _supplier_type(draft: IntegrationDraft) -> str:
    return "" if draft.company_types.get(draft.supplier_company_type) == SUPPLIER else _no_type(SUPPLIER)


def _no_type(tiers: str) -> str:
    return f"new {tiers} tiers need a company type that maps to {tiers}"


def _span(allowed: range) -> str:
    return f"{allowed.start} to {allowed.stop - 1}"


_RULES: Final[dict[str, Callable[[IntegrationDraft], str]]] = {
    "name": _name,
    "url": _url,
    "sql_url": _sql_url,
    "company": _company,
    "erp_user": _erp_user,
    "crm_user": _crm_user,
    "timeout_s": _timeout,
    "interval_min": _interval,
    "zone": _zone,
    "daily_resync_at": _resync_at,
    "turnover_mode": _turnover_mode,
    "turnover_at": _turnover_at,
    "audit_percent": _audit,
    "clock_tolerance_s": _tolerance,
    "code_suffix": _suffix,
    "etendue_enabled": _etendue,
    "company_types": _company_types,
    "client_company_type": _client_type,
    "supplier_company_type": _supplier_type,
}
