"""/field_mappings, /custom_fields, /field_pairs: which field of Sage 100 is which of the CRM, and the CRM's own (CRM-47)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from api.forms import Form, Line, View
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page
from api.problems import not_found
from api.work import AdminOnce, AdminWork
from contracts.fields import Flow
from syncengine.crm import custom_fields
from syncengine.crm.field_mapping import custom_mappings, field_mappings

router = APIRouter(tags=["fields"])


class FieldMappingSheet(View):
    """One field: the ERP's column, the contract's name, where the CRM keeps it for Account and Company, and its way.

    ``flow`` is null for a field of the CRM's own; ``replicated`` says whether Company and Account keep it alike.
    """

    record: str
    field: str
    label: str
    erp: str
    account: str | None
    company: str | None
    flow: Flow | None
    required: bool
    requirement: str
    replicated: bool


class CustomFieldSheet(View):
    """A text field of the CRM's own: `comp_<name>` of Companies and `acc_<name>` of Accounts."""

    name: str
    label: str
    replicated: bool


class CustomFieldForm(Form):
    """A field to be defined; ``name`` with or without its prefix."""

    name: Line
    label: Line


class PairForm(Form):
    """The pair of fields that is to be replicated; ``name`` with or without its prefix."""

    name: Line
    dry_run: bool = False


class PairSheet(View):
    """A pair that is replicated from now on; ``accounts`` took the value their Company has."""

    name: str
    accounts: int


@router.get("/field_mappings")
def list_field_mappings(
    _caller: Reader,
    engine: TheEngine,
    record: Annotated[Line | None, Query(description="Tiers, Address, Contact, …, or Custom.")] = None,
    replicated: Annotated[bool | None, Query(description="Only those that are replicated, or that are not.")] = None,
) -> Page[FieldMappingSheet]:
    """Every field in the order of the contract, then those of the CRM's own."""
    with engine.store.reading() as session:
        found = (*field_mappings(), *custom_mappings(session))
    wanted = (one for one in found if record in (None, one.record) and replicated in (None, one.replicated))
    return Page(items=[FieldMappingSheet.model_validate(one) for one in wanted], next=None)


@router.get("/custom_fields")
def list_custom_fields(_caller: Reader, engine: TheEngine) -> Page[CustomFieldSheet]:
    """The fields of the CRM's own, by name."""
    with engine.store.reading() as session:
        found = custom_fields.custom_fields(session)
    return Page(items=[CustomFieldSheet.model_validate(one) for one in found], next=None)


@router.post(
    "/custom_fields",
    status_code=201,
    response_model=CustomFieldSheet,
    responses=refuses("custom_field_invalid", "custom_field_known", "control_character"),
)
def create_custom_field(form: CustomFieldForm, work: AdminOnce) -> Response:
    """Define a text field on Company and Account, not replicated yet."""
    with work.writing() as session:
        made = custom_fields.define(session, form.name, form.label)
        work.audit(session, "custom_field.created", f"custom_field/{made.name}", {"label": [None, made.label]})
        return work.answer(session, CustomFieldSheet.model_validate(made), status=201)


@router.post(
    "/field_pairs", status_code=201, response_model=PairSheet, responses=refuses("unknown_field", "pair_known")
)
def create_field_pair(form: PairForm, work: AdminOnce) -> Response:
    """Replicate `comp_<name>` to `acc_<name>` from now on; Accounts take the value their Company has (CRM-47)."""
    with work.writing(dry_run=form.dry_run) as session:
        accounts = custom_fields.add_pair(session, form.name, work.caller.act())
        name = custom_fields.bare_name(form.name)
        work.audit(session, "field_pair.created", f"custom_field/{name}", {"accounts": accounts})
        view = PairSheet(name=name, accounts=accounts)
        return work.answer(session, view, status=201, location=f"/api/v1/field_pairs/{name}")


@router.delete("/field_pairs/{name}", status_code=204, responses=refuses("pair_unknown"))
def delete_field_pair(name: Annotated[Line, Path()], work: AdminWork) -> Response:
    """Replicate a pair no longer; the values stay on both sides."""
    with work.writing() as session:
        bare = custom_fields.bare_name(name)
        if bare not in {one.name for one in custom_fields.custom_fields(session)}:
            raise not_found()
        custom_fields.remove_pair(session, bare)
        work.audit(session, "field_pair.deleted", f"custom_field/{bare}")
        return work.answer(session, status=204)
