"""/companies: the Companies of the CRM (fiches Société), found, read, made and changed (CRM-28, CRM-32, CRM-46)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.entered import entry_form
from api.etags import TheIfMatch
from api.forms import ID_MAX, Form, Line, RecordId, Text
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.problems import ApiProblem
from api.shown import Shown
from api.work import EditOnce, EditWork
from contracts.fields import Flow
from contracts.tables import TIERS
from syncengine.core.replicate import COMPANY_LEAVES
from syncengine.crm import edits
from syncengine.crm.companies import company_view
from syncengine.crm.company_search import CompanyLine, search_companies
from syncengine.crm.company_sheet import CompanyView
from syncengine.crm.duplicates import Duplicate, likely_duplicates
from syncengine.crm.numbers import TIERS_KINDS
from syncengine.cycle.act import Edited
from syncengine.model import RecordStatus

router = APIRouter(prefix="/companies", tags=["companies"])

_ENTERED: Final = (*(attr for attr in COMPANY_LEAVES if TIERS.field(attr).flow is Flow.BOTH), *TIERS_KINDS)
_OWN: Final[dict[str, Any]] = {
    "company_type": (Line | None, Field(default=None, description="Type de société")),
    "status": (RecordStatus | None, Field(default=None, description="Statut")),
    "manager_id": (int | None, Field(default=None, ge=1, le=ID_MAX, description="Responsable: a user")),
    "territory_id": (int | None, Field(default=None, ge=1, le=ID_MAX, description="Secteur")),
    "custom": (
        dict[Line, Text | None] | None,
        Field(default=None, max_length=100, description="The CRM's own fields, by name without comp_ (CRM-47)"),
    ),
    "dry_run": (bool, False),
}

if TYPE_CHECKING:
    CompanyForm = Form
else:
    CompanyForm = entry_form(
        "CompanyForm", TIERS, _ENTERED, own=_OWN, doc="What is entered in a Company; what is left out stays."
    )

ENTRY: Final = (
    *("unknown_field", "read_only_field", "field_required", "too_long", "control_character", "not_a_text"),
    *("unknown_value", "unknown_representative"),
)
CODE: Final = ("code_automatic", "code_missing", "code_invalid", "code_too_long", "code_in_use", "integration_unknown")
COMPANY: Final = (*ENTRY, *CODE, "unknown_user")


@router.get("", responses=refuses("free_field_unknown", "input_refused"))
def list_companies(
    _caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    text: Annotated[Line | None, Query(description="Words of the name, code, SIRET or town.")] = None,
    status: Annotated[RecordStatus | None, Query(description="Only these.")] = None,
    free: Annotated[
        list[Line] | None, Query(max_length=10, description="NAME=VALUE of an information libre; several may be given.")
    ] = None,
) -> Page[CompanyLine]:
    """Companies by name."""
    criteria = _criteria(free or ())
    with engine.store.reading() as session:
        found = search_companies(
            session, text=text, free=criteria, status=status, limit=place.limit, after=place.after(str)
        )
    return Page(items=list(found.items), next=None if found.after is None else place.cursor(found.after))


@router.post("", status_code=201, response_model=CompanyView, responses=refuses(*COMPANY))
def create_company(form: CompanyForm, work: EditOnce) -> Response:
    """Make a Company, without tiers: it needs a name and a company type. 'Créer le tiers' is an order of its own."""
    with work.writing(dry_run=_dry(form)) as session:
        edited = edits.create_company(session, _values(form), work.caller.act())
        work.audit(session, "company.created", f"company/{edited.id}")
        return work.answer(
            session,
            Shown[CompanyView](company_view(session, edited.id)),
            status=201,
            location=f"/api/v1/companies/{edited.id}",
            versioned=True,
        )


@router.get("/{company_id}", response_model=CompanyView, responses=refuses("company_unknown"))
def get_company(company_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """One Company with its tiers, addresses, contacts, free fields, statistics and turnover."""
    with engine.store.reading() as session:
        return etags.answer(request, shown_company(session, company_id))


@router.patch(
    "/{company_id}",
    response_model=CompanyView,
    responses=refuses(*COMPANY, "company_unknown", "other_tiers_type", "code_locked", "sync_under_way"),
)
def modify_company(company_id: RecordId, form: CompanyForm, work: EditWork, if_match: TheIfMatch) -> Response:
    """Change a Company. What travels is on its Account at once, and in Sage 100 with the next cycle (CRM-28)."""
    with work.writing(dry_run=_dry(form)) as session:
        if_match.check(shown_company(session, company_id))
        edited = edits.edit_company(session, company_id, _values(form), work.caller.act())
        if edited.changed:
            work.audit(session, "company.changed", f"company/{company_id}", {"fields": list(edited.changed)})
        return work.answer(session, shown_company(session, company_id), versioned=True)


@router.delete(
    "/{company_id}", status_code=204, responses=refuses("company_unknown", "company_linked", "company_in_use")
)
def delete_company(company_id: RecordId, work: EditWork, if_match: TheIfMatch) -> Response:
    """Delete a Company that is not linked, with its contacts and addresses; the journal keeps what it was (CRM-32)."""
    with work.writing() as session:
        if_match.check(shown_company(session, company_id))
        edits.delete_company(session, company_id, work.caller.act())
        work.audit(session, "company.deleted", f"company/{company_id}")
        return work.answer(session, status=204)


class MergerForm(Form):
    """The Company that goes; its contacts, addresses and opportunities move."""

    gone_id: int = Field(ge=1, le=ID_MAX)
    dry_run: bool = False


@router.post(
    "/{company_id}/mergers",
    status_code=201,
    response_model=Edited,
    responses=refuses("company_unknown", "company_linked", "same_company"),
)
def create_merger(company_id: RecordId, form: MergerForm, work: EditOnce) -> Response:
    """Merge another Company into this one, both not linked (CRM-32)."""
    with work.writing(dry_run=form.dry_run) as session:
        edited = edits.merge_companies(session, company_id, form.gone_id, work.caller.act())
        work.audit(session, "company.merged", f"company/{company_id}", {"gone": form.gone_id})
        return work.answer(session, Shown[Edited](edited), status=201, location=f"/api/v1/companies/{company_id}")


@router.get("/{company_id}/duplicates", responses=refuses("company_unknown"))
def list_duplicates(
    company_id: RecordId,
    _caller: Reader,
    engine: TheEngine,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 10,
) -> Page[Duplicate]:
    """The Companies that are likely the same, the likeliest first, and why (CRM-31)."""
    with engine.store.reading() as session:
        found = likely_duplicates(session, company_id=company_id, limit=limit)
    return Page(items=list(found), next=None)


def shown_company(session: Session, company_id: int) -> Shown[CompanyView]:
    """The Company as GET shows it. Raises InputRefused (company_unknown)."""
    return Shown[CompanyView](company_view(session, company_id))


def _values(form: Form) -> dict[str, Any]:
    """What the edit service takes; a field of the CRM's own by ``custom.<name>``."""
    said = form.model_dump(exclude_unset=True, exclude={"dry_run"})
    custom = said.pop("custom", None) or {}
    return said | {f"custom.{name}": value for name, value in custom.items()}


def _dry(form: Form) -> bool:
    return bool(form.model_dump(include={"dry_run"})["dry_run"])


def _criteria(given: Iterable[str]) -> dict[str, str]:
    criteria: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise ApiProblem("parameter_invalid", "a criterion of a free field is NAME=VALUE", field="free")
        criteria[name] = value
    return criteria
