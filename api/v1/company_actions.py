"""What is ordered about a Company and its tiers: create, part, link, reassign, align (CRM-24, CRM-25, CRM-30, CRM-31, CRM-33)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.responses import Response

from api.forms import ID_MAX, Form, RecordId, View
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.shown import Shown
from api.v1.companies import CODE, ENTRY
from api.work import EditOnce, EditWork
from syncengine import integrations
from syncengine.crm import creation, linking
from syncengine.crm.alignment import Difference, Differing, align_account, align_company, differences, list_differing
from syncengine.crm.linking import Broken, Linked
from syncengine.cycle.act import Edited

router = APIRouter(tags=["companies"])

TheCompany = Annotated[int, Path(ge=1, le=ID_MAX)]
_PAIR: Final = ("right_withdrawn", "company_unknown", "creation_awaited")


class Plain(Form):
    """An order that says nothing but whether it is only tried."""

    dry_run: bool = False


PLAIN: Final = Plain()


class TiersForm(Plain):
    """Which integration the tiers is created in; needed when there are several (CRM-62)."""

    integration_id: int | None = Field(default=None, ge=1, le=ID_MAX)


class TiersCreation(View):
    """The Account that waits to be created in Sage 100."""

    company_id: int
    account_id: int
    integration_id: int


class LinkForm(Plain):
    """The tiers that the Company takes over."""

    account_id: int = Field(ge=1, le=ID_MAX)


class ReassignmentForm(Plain):
    """The Company without tiers that takes over the one of this Company."""

    company_id: int = Field(ge=1, le=ID_MAX)


class Target(StrEnum):
    """Which of the two takes the values of the other."""

    ACCOUNT = "account"  # Mettre à jour le tiers
    COMPANY = "company"  # Mettre à jour la société


class AlignmentForm(Plain):
    """Which of the two takes the values of the other."""

    target: Target


@router.post(
    "/companies/{company_id}/tiers_creations",
    status_code=201,
    response_model=TiersCreation,
    responses=refuses(
        *_PAIR, *CODE, "transfer_never", "already_linked", "company_inactive", "name_missing", "type_not_mapped",
        "second_integration",
    ),
)  # fmt: skip
def create_tiers(company_id: TheCompany, work: EditOnce, form: TiersForm = TiersForm()) -> Response:  # noqa: B008
    """'Créer le tiers': the Company becomes a tiers that the next cycle, due at once, creates in Sage 100 (CRM-24, CRM-25)."""
    with work.writing(dry_run=form.dry_run) as session:
        integration_id = form.integration_id or integrations.find(session, None).id
        act, multi = work.caller.act(), work.engine.settings.multi_integration
        account_id = creation.create_tiers(
            session, company_id, integration_id=integration_id, at=act.at, by=act.by, multi=multi
        )
        work.audit(session, "company.tiers_created", f"company/{company_id}", {"account": account_id})
        view = TiersCreation(company_id=company_id, account_id=account_id, integration_id=integration_id)
        return work.answer(session, view, status=201, location=f"/api/v1/accounts/{account_id}")


@router.delete(
    "/companies/{company_id}/tiers_creations",
    status_code=204,
    responses=refuses("right_withdrawn", "company_unknown", "not_awaited", "sync_under_way"),
)
def delete_tiers_creation(company_id: TheCompany, work: EditWork) -> Response:
    """Withdraw a creation that was not sent, or that Sage 100 refused; the Company stays as it is."""
    with work.writing() as session:
        act = work.caller.act()
        creation.cancel_creation(session, company_id, at=act.at, by=act.by)
        work.audit(session, "company.creation_cancelled", f"company/{company_id}")
        return work.answer(session, status=204)


@router.post(
    "/companies/{company_id}/link_breaks",
    status_code=201,
    response_model=Broken,
    responses=refuses(*_PAIR, "not_linked", "sync_under_way", "conflicts_open"),
)
def create_link_break(company_id: TheCompany, work: EditOnce, form: Plain = PLAIN) -> Response:
    """'Rompre le lien': the Company parts from its tiers, which stays as an orphan and goes on following Sage 100 (CRM-30)."""
    with work.writing(dry_run=form.dry_run) as session:
        act = work.caller.act()
        broken = linking.break_link(session, company_id, at=act.at, by=act.by)
        work.audit(session, "company.link_broken", f"company/{company_id}", {"account": broken.account_id})
        return work.answer(session, Shown[Broken](broken), status=201)


@router.post(
    "/companies/{company_id}/links",
    status_code=201,
    response_model=Linked,
    responses=refuses(*_PAIR, "account_unknown", "already_linked", "tiers_gone", "other_tiers_type"),
)
def create_link(company_id: TheCompany, form: LinkForm, work: EditOnce) -> Response:
    """'Lier à un tiers déjà existant': the Company takes the tiers' data; the one it had before is removed (CRM-31)."""
    with work.writing(dry_run=form.dry_run) as session:
        act = work.caller.act()
        linked = linking.link_company(session, company_id, form.account_id, at=act.at, by=act.by)
        detail = {"account": form.account_id, "former_company": linked.former_company_id}
        work.audit(session, "company.linked", f"company/{company_id}", detail)
        return work.answer(session, Shown[Linked](linked), status=201)


@router.post(
    "/companies/{company_id}/reassignments",
    status_code=201,
    response_model=Linked,
    responses=refuses(*_PAIR, "account_unknown", "not_linked", "already_linked", "tiers_gone", "other_tiers_type"),
)
def create_reassignment(company_id: TheCompany, form: ReassignmentForm, work: EditOnce) -> Response:
    """'Réaffecter une autre société au tiers': another Company takes the tiers of this one, which is removed (CRM-31)."""
    with work.writing(dry_run=form.dry_run) as session:
        act = work.caller.act()
        linked = linking.reassign_company(session, company_id, form.company_id, at=act.at, by=act.by)
        detail = {"account": linked.account_id, "former_company": linked.former_company_id}
        work.audit(session, "company.linked", f"company/{form.company_id}", detail)
        return work.answer(session, Shown[Linked](linked), status=201)


@router.get("/companies/{company_id}/differences", responses=refuses("company_unknown"))
def list_differences(company_id: TheCompany, _caller: Reader, engine: TheEngine) -> Page[Difference]:
    """Where a Company and its tiers in the CRM differ (CRM-33)."""
    with engine.store.reading() as session:
        return Page(items=differences(session, company_id), next=None)


@router.get("/integrations/{integration_id}/differing_companies", responses=refuses("integration_unknown"))
def list_differing_companies(
    integration_id: RecordId, _caller: Reader, engine: TheEngine, place: ThePlace
) -> Page[Differing]:
    """The Companies of an integration that differ from their tiers in the CRM, and in which fields (CRM-33)."""
    with engine.store.reading() as session:
        of = integrations.get(session, integration_id).id
        found = list_differing(session, of, limit=place.more, after=place.after(int) or 0)
    return place.page(found, lambda one: one, lambda one: one.company_id)


@router.post(
    "/companies/{company_id}/alignments",
    status_code=201,
    response_model=Edited,
    responses=refuses("company_unknown", "account_unknown", *ENTRY),
)
def create_alignment(company_id: TheCompany, form: AlignmentForm, work: EditOnce) -> Response:
    """'Mettre à jour le tiers', or 'Mettre à jour la société': one takes the values of the other (CRM-33)."""
    align = align_account if form.target is Target.ACCOUNT else align_company
    with work.writing(dry_run=form.dry_run) as session:
        edited = align(session, company_id, work.caller.act())
        work.audit(session, f"company.{form.target}_aligned", f"company/{company_id}", {"fields": list(edited.changed)})
        return work.answer(session, Shown[Edited](edited), status=201)
