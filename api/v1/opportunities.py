"""/opportunities: sales in preparation, and the documents of Sage 100 attached to them (CRM-56)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.etags import TheIfMatch
from api.forms import ID_MAX, Form, Line, RecordId
from api.identity import Caller, TheEngine, reading
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.shown import Shown
from api.work import EditOnce, EditWork
from syncengine.access.scopes import Record
from syncengine.crm import opportunities
from syncengine.crm.opportunities import OpportunityView, Search, show_opportunity

router = APIRouter(prefix="/opportunities", tags=["opportunities"])
TheReader = Annotated[Caller, Depends(reading(Record.OPPORTUNITY))]
_ENTRY: Final = ("field_required", "too_long", "unknown_value", "unknown_user")
_UNKNOWN: Final = "opportunity_unknown"


class OpportunityChange(Form):
    """What is entered in an opportunity; what is left out stays."""

    title: Line = ""
    stage: Line = Field(default="open", description="open, won ('Gagné') or lost")
    owner_id: int | None = Field(default=None, ge=1, le=ID_MAX)
    currency: Line | None = Field(default=None, description="ISO 4217")
    forecast: Decimal | None = Field(default=None, max_digits=15, decimal_places=2)
    expected_close: date | None = None
    dry_run: bool = False


class OpportunityForm(OpportunityChange):
    """An opportunity to be made."""

    company_id: int = Field(ge=1, le=ID_MAX)
    title: Line


@router.get("")
def list_opportunities(
    _caller: TheReader,
    engine: TheEngine,
    place: ThePlace,
    company_id: Annotated[int | None, Query(ge=1, le=ID_MAX, description="Of one Company.")] = None,
    owner_id: Annotated[int | None, Query(ge=1, le=ID_MAX, description="Of one user.")] = None,
    stage: Annotated[Line | None, Query(description="open, won or lost")] = None,
    text: Annotated[Line | None, Query(description="Words of the title or of the Company's name.")] = None,
) -> Page[OpportunityView]:
    """The opportunities, the newest first."""
    search = Search(company_id=company_id, owner_id=owner_id, stage=stage, text=text)
    with engine.store.reading() as session:
        found = opportunities.list_opportunities(session, search, limit=place.more, before=place.after(int))
    return place.page(found, lambda one: one, lambda one: one.id)


@router.post("", status_code=201, response_model=OpportunityView, responses=refuses("company_unknown", *_ENTRY))
def create_opportunity(form: OpportunityForm, work: EditOnce) -> Response:
    """Make an opportunity of a Company."""
    with work.writing(dry_run=form.dry_run) as session:
        values = _values(form)
        made = opportunities.create_opportunity(session, values.pop("company_id"), values, at=work.caller.at)
        work.audit(session, "opportunity.created", f"opportunity/{made.id}", {"company": form.company_id})
        location = f"/api/v1/opportunities/{made.id}"
        return work.answer(session, shown(session, made.id), status=201, location=location, versioned=True)


@router.get("/{opportunity_id}", response_model=OpportunityView, responses=refuses(_UNKNOWN))
def get_opportunity(opportunity_id: RecordId, _caller: TheReader, engine: TheEngine, request: Request) -> Response:
    """One opportunity, with the totals of the documents that count."""
    with engine.store.reading() as session:
        return etags.answer(request, shown(session, opportunity_id))


@router.patch("/{opportunity_id}", response_model=OpportunityView, responses=refuses(_UNKNOWN, *_ENTRY))
def modify_opportunity(
    opportunity_id: RecordId, form: OpportunityChange, work: EditWork, if_match: TheIfMatch
) -> Response:
    """Change an opportunity; its totals are those of its documents."""
    with work.writing(dry_run=form.dry_run) as session:
        if_match.check(shown(session, opportunity_id))
        changed = opportunities.edit_opportunity(session, opportunity_id, _values(form), at=work.caller.at)
        if changed:
            detail = {name: [_plain(one) for one in values] for name, values in changed.items()}
            work.audit(session, "opportunity.changed", f"opportunity/{opportunity_id}", detail)
        return work.answer(session, shown(session, opportunity_id), versioned=True)


@router.delete("/{opportunity_id}", status_code=204, responses=refuses(_UNKNOWN))
def delete_opportunity(opportunity_id: RecordId, work: EditWork, if_match: TheIfMatch) -> Response:
    """Delete an opportunity; the documents attached to it stay in Sage 100."""
    with work.writing() as session:
        view = shown(session, opportunity_id)
        if_match.check(view)
        opportunities.delete_opportunity(session, opportunity_id)
        work.audit(session, "opportunity.deleted", f"opportunity/{opportunity_id}", {"title": [view.root.title, None]})
        return work.answer(session, status=204)


def shown(session: Session, opportunity_id: int) -> Shown[OpportunityView]:
    """The opportunity as GET shows it. Raises InputRefused (opportunity_unknown)."""
    return Shown[OpportunityView](show_opportunity(session, opportunity_id))


def _values(form: OpportunityChange) -> dict[str, Any]:
    return form.model_dump(exclude_unset=True, exclude={"dry_run"})


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal | date) else value
