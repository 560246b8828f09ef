"""An integration as JSON: what comes in and what goes out follow from what can be entered (CRM-14..16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, Final, get_type_hints

import pydantic
from pydantic import SecretStr, create_model
from pydantic_core import to_jsonable_python

from api.forms import Form, Instant, Line, Secret, View
from syncengine.connection import speaks_our_contract
from syncengine.integration_draft import IntegrationDraft
from syncengine.integration_record import IntegrationRecord
from syncengine.model import IntegrationState

SECRETS: Final = ("erp_password", "crm_password", "sql_url")
"""Entered and never shown again: ``has_…`` says whether there is one."""


class GuardForm(Form):
    """How much one cycle may do: it stops beyond that many tiers that are also more than that share of the linked ones."""

    count: Annotated[int, pydantic.Field(ge=0, le=1_000_000_000)] = 0
    percent: Annotated[float, pydantic.Field(ge=0, le=100)] = 0


_INCOMING: Final[Mapping[Any, Any]] = {
    str: Line,
    str | None: Line | None,
    SecretStr | None: Secret | None,
    dict[str, str]: dict[Line, Line],
    dict[str, str | None]: dict[Line, Line | None],
    dict[str, dict[str, Any] | None]: dict[Line, GuardForm | None],
}
"""Of these types the API takes less than Python knows."""


def _entered(kind: Callable[[Any], Any], *, secrets: bool) -> dict[str, Any]:
    """Each field of the draft: its type as ``kind`` has it, and its default."""
    types = get_type_hints(IntegrationDraft)
    return {
        item.name: (kind(types[item.name]), _default(item))
        for item in fields(IntegrationDraft)
        if secrets or item.name not in SECRETS
    }


def _default(item: Field[Any]) -> Any:
    if item.default_factory is not MISSING:
        return pydantic.Field(default_factory=item.default_factory)
    return item.default


_Entered: Any = create_model(
    "_Entered", __base__=Form, **_entered(lambda kind: _INCOMING.get(kind, kind), secrets=True)
)
_FIELDS: Final[dict[str, Any]] = {
    name: (kind, ...) for name, (kind, _) in _entered(lambda kind: kind, secrets=False).items()
}
_Shown: Any = create_model("_Shown", __base__=View, **_FIELDS)


class IntegrationForm(_Entered):  # type: ignore[misc] # the fields of the draft
    """An integration to be made. ``confirmed``: the warning about another company in one CRM base was read (CRM-62)."""

    confirmed: bool = False
    dry_run: bool = False


class IntegrationChange(_Entered):  # type: ignore[misc] # the fields of the draft
    """What is to change, only while the integration is deactivated (CRM-18); what is left out stays."""


class IntegrationSheet(_Shown):  # type: ignore[misc] # the fields of the draft
    """An integration: what was entered without the secrets, and what is known of the other side (CRM-15)."""

    id: int
    state: IntegrationState
    connected: bool
    has_erp_password: bool
    has_crm_password: bool
    has_sql_url: bool
    gateway_version: str | None
    contract_version: str | None
    contract_compatible: bool | None
    last_resync_at: Instant | None


def draft_values(form: Form) -> dict[str, Any]:
    """What somebody entered, as the draft has it."""
    return form.model_dump(exclude_unset=True, exclude={"confirmed", "dry_run"})


def integration_sheet(record: IntegrationRecord) -> IntegrationSheet:
    """The integration as the API shows it."""
    entered = {name: getattr(record.draft, name) for name in _Shown.model_fields}
    return IntegrationSheet(
        **entered,
        **{name: getattr(record, name) for name in _OF_RECORD},
        contract_compatible=speaks_our_contract(record.contract_version),
    )


_OF_RECORD: Final = tuple(
    name for name in IntegrationSheet.model_fields if name not in {*_Shown.model_fields, "contract_compatible"}
)


def changes(before: IntegrationRecord, after: IntegrationRecord, secrets: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit log tells of a change: [before, after], of a secret only that there is another one."""
    pairs = {name: (getattr(before.draft, name), getattr(after.draft, name)) for name in _Shown.model_fields}
    told = {name: to_jsonable_python(list(pair)) for name, pair in pairs.items() if pair[0] != pair[1]}
    return told | {name: "replaced" for name in SECRETS if secrets.get(name) is not None}
