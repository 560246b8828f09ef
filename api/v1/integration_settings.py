"""/integrations/{id}/…: parts of the settings with a meaning of their own, each read and replaced as a whole.

Company types (CRM-35), rules between account manager and representative (CRM-17), who wins (NEW-03), how much one cycle may do
(NEW-06). They are parts of the integration: changed only while it is deactivated (CRM-18).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.etags import IfMatch, TheIfMatch
from api.forms import Form, Line, RecordId, View
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.v1.integration_forms import GuardForm, changes
from api.v1.integrations import FIELDS, integration_or_404
from api.work import AdminWork, Work
from syncengine import integrations
from syncengine.core.guards import Guards
from syncengine.core.policies import Policy
from syncengine.integration_draft import IntegrationDraft
from syncengine.model import AssignmentRule

router = APIRouter(prefix="/integrations/{integration_id}", tags=["integrations"])
_LOCKED: Final = refuses("settings_locked", *FIELDS)
_ALL: Final = "all"
"""The policy of every field that has none of its own; the settings keep it under the empty name."""


class TypeMappingForm(Form):
    """Company type → `client`, `supplier`, or null for no tiers; and the type of the Company of a tiers that arrives."""

    company_types: dict[Line, Line | None]
    client_company_type: Line
    supplier_company_type: Line


class TypeMapping(View):
    """Company type → `client`, `supplier`, or null for no tiers; and the type of the Company of a tiers that arrives."""

    company_types: dict[str, str | None]
    client_company_type: str
    supplier_company_type: str


class AssignmentForm(Form):
    """When the account manager follows the representative, and the other way round; the manager of Companies without one."""

    manager_rule: AssignmentRule
    representative_rule: AssignmentRule
    default_manager: Line | None


class Assignment(View):
    """When the account manager follows the representative, and the other way round; the manager of Companies without one."""

    manager_rule: AssignmentRule
    representative_rule: AssignmentRule
    default_manager: str | None


class PoliciesForm(Form):
    """`all`, a kind of record or one field (`contact.phone`) → who wins; what is not named follows what is above it."""

    policies: dict[Line, Policy]


class Policies(View):
    """`all`, a kind of record or one field (`contact.phone`) → who wins; `labels` are the French words of each policy."""

    policies: dict[str, Policy]
    labels: dict[Policy, str]


class GuardsForm(Form):
    """Guard → limit, null to switch it off; what is not named has its default."""

    guards: dict[Line, GuardForm | None]


class GuardSheet(View):
    """A limit: more than ``count`` tiers that are also more than ``percent`` of the linked ones."""

    count: int
    percent: float


class GuardsSheet(View):
    """Guard → limit as it holds now, null when it is off; ``own`` names those that were set here."""

    guards: dict[str, GuardSheet | None]
    own: list[str]


@router.get("/type_mapping", response_model=TypeMapping)
def get_type_mapping(integration_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """Which company type stands for which type of tiers (CRM-35)."""
    return _shown(engine, integration_id, request, TypeMapping.model_validate)


@router.put("/type_mapping", response_model=TypeMapping, responses=_LOCKED)
def set_type_mapping(
    integration_id: RecordId, form: TypeMappingForm, work: AdminWork, if_match: TheIfMatch
) -> Response:
    """Replace the mapping of company types (CRM-35)."""
    return _replaced(work, integration_id, if_match, form.model_dump(), TypeMapping.model_validate)


@router.get("/assignment_rules", response_model=Assignment)
def get_assignment_rules(integration_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """How account managers and representatives follow each other (CRM-17)."""
    return _shown(engine, integration_id, request, Assignment.model_validate)


@router.put("/assignment_rules", response_model=Assignment, responses=_LOCKED)
def set_assignment_rules(
    integration_id: RecordId, form: AssignmentForm, work: AdminWork, if_match: TheIfMatch
) -> Response:
    """Replace the rules between account manager and representative (CRM-17)."""
    return _replaced(work, integration_id, if_match, form.model_dump(), Assignment.model_validate)


@router.get("/policies", response_model=Policies)
def get_policies(integration_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """Who wins where both sides changed a value apart (NEW-03)."""
    return _shown(engine, integration_id, request, _policies)


@router.put("/policies", response_model=Policies, responses=_LOCKED)
def set_policies(integration_id: RecordId, form: PoliciesForm, work: AdminWork, if_match: TheIfMatch) -> Response:
    """Replace the policies (NEW-03)."""
    kept = {"" if name == _ALL else name: policy.value for name, policy in form.policies.items()}
    return _replaced(work, integration_id, if_match, {"policies": kept}, _policies)


@router.get("/guards", response_model=GuardsSheet)
def get_guards(integration_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """How much one cycle may do before somebody must agree (NEW-06)."""
    return _shown(engine, integration_id, request, _guards)


@router.put("/guards", response_model=GuardsSheet, responses=_LOCKED)
def set_guards(integration_id: RecordId, form: GuardsForm, work: AdminWork, if_match: TheIfMatch) -> Response:
    """Replace the limits (NEW-06)."""
    return _replaced(work, integration_id, if_match, form.model_dump(exclude_unset=True), _guards)


Sheet = TypeVar("Sheet", bound=BaseModel)


def _shown(
    engine: TheEngine, integration_id: int, request: Request, view: Callable[[IntegrationDraft], Sheet]
) -> Response:
    with engine.store.reading() as session:
        return etags.answer(request, view(integration_or_404(session, integration_id).draft))


def _replaced(
    work: Work,
    integration_id: int,
    if_match: IfMatch,
    values: Mapping[str, Any],
    view: Callable[[IntegrationDraft], Sheet],
) -> Response:
    with work.writing() as session:
        before = integration_or_404(session, integration_id)
        if_match.check(view(before.draft))
        draft = replace(before.draft, **values)
        after = integrations.modify(session, before.id, draft, secrets=work.engine.secrets, at=work.caller.at)
        if told := changes(before, after, {}):
            work.audit(session, "integration.changed", f"integration/{after.id}", told)
        return work.answer(session, view(after.draft), versioned=True)


def _policies(draft: IntegrationDraft) -> Policies:
    chosen = {name or _ALL: Policy(policy) for name, policy in draft.policies.items()}
    return Policies(policies={_ALL: Policy.ERP_WINS} | chosen, labels={policy: policy.label for policy in Policy})


def _guards(draft: IntegrationDraft) -> GuardsSheet:
    limits = Guards.read(draft.guards).limits
    shown = {name: None if limit is None else GuardSheet.model_validate(limit) for name, limit in limits.items()}
    return GuardsSheet(guards=shown, own=sorted(draft.guards))
