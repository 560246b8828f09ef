"""/accounts: the tiers as the CRM knows them, read; rights on them follow those on their Company (CRM-28, CRM-34, CRM-36)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.bulk import count_changed
from api.forms import ID_MAX, Form, Line, RecordId, View
from api.identity import Caller, TheEngine, reading
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.shown import Shown
from api.v1.company_actions import PLAIN, Plain
from api.work import EditOnce
from syncengine import integrations
from syncengine.access.scopes import Record
from syncengine.crm import orphans
from syncengine.crm.accounts import AccountLine, AccountPlace, AccountView, Search, account_view
from syncengine.crm.accounts import list_accounts as listed
from syncengine.crm.duplicates import Duplicate, likely_duplicates
from syncengine.crm.orphans import TiersLine, TiersPage
from syncengine.model import ErpState

router = APIRouter(tags=["accounts"])
TheReader = Annotated[Caller, Depends(reading(Record.ACCOUNT))]


class AllForm(Form):
    """How many tiers have no Company of their own, as was counted: another number is refused."""

    count: int = Field(ge=0, le=ID_MAX)
    dry_run: bool = False


class CompanyMade(View):
    """The Company that was made for a tiers."""

    account_id: int
    company_id: int


class CompaniesMade(View):
    """How many Companies were made."""

    created: int


@router.get("/accounts")
def list_accounts(
    _caller: TheReader,
    engine: TheEngine,
    place: ThePlace,
    integration_id: Annotated[int | None, Query(ge=1, le=ID_MAX, description="Of one integration.")] = None,
    standing: Annotated[AccountPlace | None, Query(description="main, secondary or orphan (CRM-34).")] = None,
    erp_state: Annotated[ErpState | None, Query(description="How the tiers stands in Sage 100.")] = None,
    text: Annotated[Line | None, Query(description="How the code begins, or part of the name.")] = None,
) -> Page[AccountLine]:
    """The tiers by number."""
    search = Search(integration_id=integration_id, place=standing, erp_state=erp_state, text=text)
    with engine.store.reading() as session:
        found = listed(session, search, limit=place.more, after=place.after(int) or 0)
    return place.page(found, lambda one: one, lambda one: one.id)


@router.get("/accounts/{account_id}", response_model=AccountView, responses=refuses("account_unknown"))
def get_account(account_id: RecordId, _caller: TheReader, engine: TheEngine, request: Request) -> Response:
    """One tiers with its values; it is changed through its Company (CRM-28)."""
    with engine.store.reading() as session:
        return etags.answer(request, Shown[AccountView](account_view(session, account_id)))


@router.get("/accounts/{account_id}/duplicates", responses=refuses("account_unknown"))
def list_account_duplicates(
    account_id: RecordId,
    _caller: TheReader,
    engine: TheEngine,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 10,
) -> Page[Duplicate]:
    """The Companies that are likely the one of this tiers, the likeliest first, and why (CRM-31, CRM-34)."""
    with engine.store.reading() as session:
        found = likely_duplicates(session, account_id=account_id, limit=limit)
    return Page(items=list(found), next=None)


@router.post(
    "/accounts/{account_id}/companies",
    status_code=201,
    response_model=CompanyMade,
    responses=refuses("account_unknown", "has_company", "creation_awaited"),
)
def create_account_company(account_id: RecordId, work: EditOnce, form: Plain = PLAIN) -> Response:
    """'Créer la société': a Company made of the values of an orphan or secondary tiers (CRM-34)."""
    with work.writing(dry_run=form.dry_run) as session:
        act = work.caller.act()
        company_id = orphans.create_company_for(session, account_id, at=act.at, by=act.by)
        work.audit(session, "company.created", f"company/{company_id}", {"account": account_id})
        view = CompanyMade(account_id=account_id, company_id=company_id)
        return work.answer(session, view, status=201, location=f"/api/v1/companies/{company_id}")


@router.get("/integrations/{integration_id}/orphan_accounts", responses=refuses("integration_unknown"))
def list_orphan_accounts(
    integration_id: RecordId, _caller: TheReader, engine: TheEngine, place: ThePlace
) -> Page[TiersLine]:
    """Orphelins: the tiers of an integration that no Company has (CRM-34)."""
    with engine.store.reading() as session:
        of = integrations.get(session, integration_id).id
        found = orphans.list_orphans(session, integration_id=of, limit=place.limit, after=place.after(int) or 0)
    return _page(place, found)


@router.get("/integrations/{integration_id}/secondary_accounts", responses=refuses("integration_unknown"))
def list_secondary_accounts(
    integration_id: RecordId, _caller: TheReader, engine: TheEngine, place: ThePlace
) -> Page[TiersLine]:
    """Tiers secondaires: those whose Company has another one as its main tiers (CRM-34)."""
    with engine.store.reading() as session:
        of = integrations.get(session, integration_id).id
        found = orphans.list_secondary(session, integration_id=of, limit=place.limit, after=place.after(int) or 0)
    return _page(place, found)


@router.post(
    "/integrations/{integration_id}/company_creations",
    status_code=201,
    response_model=CompaniesMade,
    responses=refuses("integration_unknown", "count_changed"),
)
def create_companies(integration_id: RecordId, form: AllForm, work: EditOnce) -> Response:
    """'Créer automatiquement les sociétés': one for every orphan and secondary tiers, if they are as many as counted (CRM-34)."""
    with work.writing(dry_run=form.dry_run) as session:
        act = work.caller.act()
        made = orphans.create_companies(session, integration_id, at=act.at, by=act.by)
        if made != form.count:
            raise count_changed(form.count, made)
        work.audit(session, "company.created_for_all", f"integration/{integration_id}", {"created": made})
        return work.answer(session, CompaniesMade(created=made), status=201)


def _page(place: ThePlace, found: TiersPage) -> Page[TiersLine]:
    return Page(items=list(found.items), next=None if found.after is None else place.cursor(found.after))
