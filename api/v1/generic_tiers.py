"""/generic_tiers: the general tiers that Companies without one are tied to, and the link into Sage Etendue (CRM-57, CRM-60)."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.etags import TheIfMatch
from api.forms import ID_MAX, Form, Instant, Line, RecordId, View
from api.identity import Editor, Reader, TheEngine
from api.live_pages import TheLivePlace, live_page, page_of
from api.openapi import refuses
from api.pages import Page
from api.v1.live_views import OF_TIERS
from api.work import AdminOnce, AdminWork, EditWork
from contracts.views import DOCUMENT
from syncengine import integrations
from syncengine.crm import generic_tiers
from syncengine.crm.companies import find_company
from syncengine.crm.etendue import EntryLink, entry_link
from syncengine.crm.generic_tiers import Tied
from syncengine.model import GenericRule
from syncengine.rtdv import tabs
from syncengine.rtdv.generic import of_company_or_generic
from syncengine.rtdv.window import DocumentFilter, Window

router = APIRouter(tags=["generic tiers"])
_UNKNOWN: Final = "generic_tiers_unknown"
_ENTRY: Final = ("account_unknown", "not_a_client", "generic_rule_invalid", "unknown_value", "input_refused")


class GenericSheet(View):
    """A general tiers of Sage 100 and the rule that ties Companies to it; rules are tried in order of ``position``."""

    id: int
    integration_id: int
    position: int
    rule: GenericRule
    value: str
    erp_key: str
    label: str
    created_at: Instant


class GenericChange(Form):
    """``value``: the number of a price category, or how the name begins: letters, or a range as A-F."""

    erp_key: Line = Field(default="", description="Code comptable of the general tiers.")
    rule: GenericRule = GenericRule.BY_HAND
    value: Line = ""
    position: int = Field(default=0, ge=0, le=generic_tiers.POSITION_MAX)
    dry_run: bool = False


class GenericForm(GenericChange):
    """A general tiers to be made; without ``position`` its rule is tried last."""

    erp_key: Line
    rule: GenericRule


class TieForm(Form):
    """The generic tiers chosen by hand; null leaves it to the rules."""

    generic_tiers_id: int | None = Field(ge=1, le=ID_MAX)


class TieSheet(View):
    """What a Company without tiers is tied to; null: it has a tiers of its own, or no rule fits."""

    chosen_id: int | None
    tied: Tied | None


@router.get("/integrations/{integration_id}/generic_tiers", responses=refuses("integration_unknown"))
def list_generic_tiers(integration_id: RecordId, _caller: Reader, engine: TheEngine) -> Page[GenericSheet]:
    """The generic tiers of an integration, in the order their rules are tried."""
    with engine.store.reading() as session:
        rows = generic_tiers.list_generic_tiers(session, integrations.get(session, integration_id).id)
        return Page(items=[GenericSheet.model_validate(row) for row in rows], next=None)


@router.post(
    "/integrations/{integration_id}/generic_tiers",
    status_code=201,
    response_model=GenericSheet,
    responses=refuses("integration_unknown", *_ENTRY),
)
def create_generic_tiers(integration_id: RecordId, form: GenericForm, work: AdminOnce) -> Response:
    """Make a general tiers of Sage 100 a generic one."""
    with work.writing(dry_run=form.dry_run) as session:
        made = generic_tiers.create_generic_tiers(session, integration_id, _values(form), at=work.caller.at)
        view = GenericSheet.model_validate(made)
        work.audit(session, "generic_tiers.created", f"generic_tiers/{made.id}", {"erp_key": [None, made.erp_key]})
        location = f"/api/v1/generic_tiers/{made.id}"
        return work.answer(session, view, status=201, location=location, versioned=True)


@router.get("/generic_tiers/{generic_tiers_id}", response_model=GenericSheet, responses=refuses(_UNKNOWN))
def get_generic_tiers(generic_tiers_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """One generic tiers."""
    with engine.store.reading() as session:
        return etags.answer(request, _sheet(session, generic_tiers_id))


@router.patch("/generic_tiers/{generic_tiers_id}", response_model=GenericSheet, responses=refuses(_UNKNOWN, *_ENTRY))
def modify_generic_tiers(
    generic_tiers_id: RecordId, form: GenericChange, work: AdminWork, if_match: TheIfMatch
) -> Response:
    """Change a generic tiers or its rule."""
    with work.writing(dry_run=form.dry_run) as session:
        if_match.check(_sheet(session, generic_tiers_id))
        changed = generic_tiers.edit_generic_tiers(session, generic_tiers_id, _values(form))
        if changed:
            detail = {name: [_plain(one) for one in values] for name, values in changed.items()}
            work.audit(session, "generic_tiers.changed", f"generic_tiers/{generic_tiers_id}", detail)
        return work.answer(session, _sheet(session, generic_tiers_id), versioned=True)


@router.delete("/generic_tiers/{generic_tiers_id}", status_code=204, responses=refuses(_UNKNOWN))
def delete_generic_tiers(generic_tiers_id: RecordId, work: AdminWork, if_match: TheIfMatch) -> Response:
    """Forget a generic tiers; Companies it was chosen for go by the rules again."""
    with work.writing() as session:
        if_match.check(_sheet(session, generic_tiers_id))
        gone = generic_tiers.remove_generic_tiers(session, generic_tiers_id)
        work.audit(
            session, "generic_tiers.deleted", f"generic_tiers/{generic_tiers_id}", {"erp_key": [gone.erp_key, None]}
        )
        return work.answer(session, status=204)


@router.get("/companies/{company_id}/generic_tiers", responses=refuses("company_unknown"))
def get_company_generic_tiers(company_id: RecordId, _caller: Reader, engine: TheEngine) -> TieSheet:
    """What a Company without tiers is tied to for the time being, and by which rule (CRM-60)."""
    with engine.store.reading() as session:
        return _tie(session, company_id)


@router.put(
    "/companies/{company_id}/generic_tiers",
    response_model=TieSheet,
    responses=refuses("company_unknown", _UNKNOWN, "already_linked"),
)
def set_company_generic_tiers(company_id: RecordId, form: TieForm, work: EditWork) -> Response:
    """Choose the generic tiers of a Company by hand, or leave it to the rules."""
    with work.writing() as session:
        before = find_company(session, company_id).generic_tiers_id
        generic_tiers.tie_by_hand(session, company_id, form.generic_tiers_id, at=work.caller.at)
        if before != form.generic_tiers_id:
            detail = {"generic_tiers": [before, form.generic_tiers_id]}
            work.audit(session, "company.generic_tiers", f"company/{company_id}", detail)
        return work.answer(session, _tie(session, company_id))


@router.get(
    "/companies/{company_id}/generic_documents",
    response_model=page_of(DOCUMENT),
    responses=refuses("company_unknown", "too_long", *OF_TIERS),
)
def list_generic_documents(
    company_id: RecordId,
    caller: Reader,
    engine: TheEngine,
    place: TheLivePlace,
    name_characters: Annotated[
        int | None, Query(ge=1, le=60, description="Only with so many first characters of the Company's name.")
    ] = None,
) -> Response:
    """The documents of the generic tiers of a Company, or of its own tiers, read now, the newest first (CRM-60)."""
    with engine.store.reading() as session:
        whom, generic = of_company_or_generic(session, company_id, by=caller.user_id)
        company = find_company(session, company_id)
        text = generic_tiers.name_beginning(company, name_characters) if generic and name_characters else ""
    window = Window(page=place.number, size=place.size)
    found = tabs.documents(engine, whom, window, DocumentFilter(search=text))
    return live_page(found, whom, place.next(found))


@router.get(
    "/companies/{company_id}/entry_link",
    responses=refuses(
        *("right_withdrawn", "company_unknown", "not_linked", "creation_awaited", "tiers_gone", "not_a_client"),
        "etendue_off",
    ),
)
def get_entry_link(company_id: RecordId, caller: Editor, engine: TheEngine) -> EntryLink:
    """Where a quote, or an order, is entered for the Company in Sage Etendue (CRM-57)."""
    with engine.store.reading() as session:
        return entry_link(session, company_id, by=caller.login)


def _sheet(session: Session, generic_id: int) -> GenericSheet:
    return GenericSheet.model_validate(generic_tiers.show_generic_tiers(session, generic_id))


def _tie(session: Session, company_id: int) -> TieSheet:
    chosen = find_company(session, company_id).generic_tiers_id
    return TieSheet(chosen_id=chosen, tied=generic_tiers.tied_to(session, company_id))


def _values(form: GenericChange) -> dict[str, Any]:
    return form.model_dump(exclude_unset=True, exclude={"dry_run"})


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
