"""/integrations/{id}/…: lists of the ERP: parameters (CRM-06), free fields (CRM-46), representatives (CRM-17)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.etags import TheIfMatch
from api.forms import ID_MAX, Form, Line, RecordId, View
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.problems import not_found
from api.v1.integrations import integration_or_404
from api.work import AdminOnce, AdminWork
from syncengine.crm.erp_lists import list_free_fields as free_fields
from syncengine.crm.erp_lists import list_parameters
from syncengine.crm.representatives import list_representatives as representatives
from syncengine.crm.representatives import tie
from syncengine.crm.struck_fields import remove_struck_fields
from syncengine.model import FreeFieldState, Representative

router = APIRouter(prefix="/integrations/{integration_id}", tags=["lists of the ERP"])


class ParameterSheet(View):
    """One value of a list kept in Sage 100; ``position`` is its rank there, ``active`` whether it is still there."""

    id: int
    kind: str
    code: str
    label: str | None
    iso_code: str | None
    action: str | None
    position: int
    active: bool


class FreeFieldSheet(View):
    """An 'information libre'; in the state `no_longer_replicated` it is shown struck out."""

    id: int
    name: str
    type: str
    length: int | None
    computed: bool | None
    items: list[str] | None
    state: FreeFieldState


class RemovalForm(Form):
    """With ``dry_run`` it is only told what would go."""

    dry_run: bool = False


class RemovalSheet(View):
    """The free fields that went, by name, and how many Accounts and Companies lost a value."""

    fields: list[str]
    accounts: int
    companies: int


class RepresentativeSheet(View):
    """A 'collaborateur' of Sage 100, and the user of the CRM that it stands for; ``active`` false once it is gone there."""

    id: int
    code: str
    last_name: str | None
    first_name: str | None
    function: str | None
    service: str | None
    email: str | None
    number: str | None
    user_id: int | None
    active: bool


class RepresentativeChange(Form):
    """The user it stands for; null: none. Everything else is changed in Sage 100."""

    user_id: Annotated[int, Field(ge=1, le=ID_MAX)] | None


@router.get("/erp_parameters")
def list_erp_parameters(
    integration_id: RecordId,
    _caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    kind: Annotated[Line | None, Query(description="One list: price_category, currency, …")] = None,
    active: Annotated[bool | None, Query(description="Only what is still in Sage 100, or only what is gone.")] = None,
) -> Page[ParameterSheet]:
    """The values of the ERP's lists, by list and rank."""
    with engine.store.reading() as session:
        integration_or_404(session, integration_id)
        found = list_parameters(
            session, integration_id, kind=kind, active=active, limit=place.more, after=place.after(str, int, int)
        )
    return place.page(found, ParameterSheet.model_validate, lambda one: (one.kind, one.position, one.id))


@router.get("/free_fields")
def list_free_fields(
    integration_id: RecordId,
    _caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    state: Annotated[FreeFieldState | None, Query(description="In one state only.")] = None,
) -> Page[FreeFieldSheet]:
    """The free fields by name, those struck out included."""
    with engine.store.reading() as session:
        integration_or_404(session, integration_id)
        found = free_fields(session, integration_id, state=state, limit=place.more, after=place.after(str, int))
    return place.page(found, FreeFieldSheet.model_validate, lambda one: (one.name, one.id))


@router.post("/struck_field_removals", status_code=201, response_model=RemovalSheet)
def remove_struck_free_fields(integration_id: RecordId, form: RemovalForm, work: AdminOnce) -> Response:
    """'Supprimer les champs non synchronisés': the struck out free fields go, with their values (CRM-46)."""
    with work.writing(dry_run=form.dry_run) as session:
        integration_or_404(session, integration_id)
        removed = remove_struck_fields(session, integration_id, at=work.caller.at, by=work.caller.login)
        names = [name for name, _ in removed.fields]
        work.audit(session, "free_fields.removed", f"integration/{integration_id}", {"names": names})
        view = RemovalSheet(fields=names, accounts=removed.accounts, companies=removed.companies)
        return work.answer(session, view, status=201)


@router.get("/representatives")
def list_representatives(
    integration_id: RecordId,
    _caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    active: Annotated[bool | None, Query(description="Only those in Sage 100, or only those that are gone.")] = None,
) -> Page[RepresentativeSheet]:
    """The representatives by code."""
    with engine.store.reading() as session:
        integration_or_404(session, integration_id)
        found = representatives(session, integration_id, active=active, limit=place.more, after=place.after(str))
    return place.page(found, RepresentativeSheet.model_validate, lambda one: one.code)


@router.get("/representatives/{representative_id}", response_model=RepresentativeSheet)
def get_representative(
    integration_id: RecordId, representative_id: RecordId, _caller: Reader, engine: TheEngine, request: Request
) -> Response:
    """One representative."""
    with engine.store.reading() as session:
        row = _representative_or_404(session, integration_id, representative_id)
        return etags.answer(request, RepresentativeSheet.model_validate(row))


@router.patch(
    "/representatives/{representative_id}", response_model=RepresentativeSheet, responses=refuses("unknown_user")
)
def modify_representative(
    integration_id: RecordId,
    representative_id: RecordId,
    form: RepresentativeChange,
    work: AdminWork,
    if_match: TheIfMatch,
) -> Response:
    """Say which user a representative stands for: the rules of assignment use it (CRM-17)."""
    with work.writing() as session:
        row = _representative_or_404(session, integration_id, representative_id)
        if_match.check(RepresentativeSheet.model_validate(row))
        before = row.user_id
        tie(session, row, form.user_id)
        if before != row.user_id:
            detail = {"user_id": [before, row.user_id]}
            work.audit(session, "representative.tied", f"representative/{row.id}", detail)
        return work.answer(session, RepresentativeSheet.model_validate(row), versioned=True)


def _representative_or_404(session: Session, integration_id: int, representative_id: int) -> Representative:
    row = session.get(Representative, representative_id)
    if row is None or row.integration_id != integration_id:
        raise not_found()
    return row
