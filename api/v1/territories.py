"""/territories: what Companies belong to, and what the defaults of an integration name (CRM-16)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from api.forms import ID_MAX, Form, Line, View
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.work import AdminOnce
from syncengine.crm import territories

router = APIRouter(prefix="/territories", tags=["lists of the CRM"])


class TerritorySheet(View):
    """A territory ('secteur'), possibly inside a larger one."""

    id: int
    name: str
    parent_id: int | None


class TerritoryForm(Form):
    """A territory to be made."""

    name: Line
    parent_id: Annotated[int, Field(ge=1, le=ID_MAX)] | None = None


@router.get("")
def list_territories(_caller: Reader, engine: TheEngine, place: ThePlace) -> Page[TerritorySheet]:
    """The territories by name."""
    with engine.store.reading() as session:
        found = territories.list_territories(session, limit=place.more, after=place.after(str))
    return place.page(found, TerritorySheet.model_validate, lambda one: one.name)


@router.post(
    "",
    status_code=201,
    response_model=TerritorySheet,
    responses=refuses("field_required", "too_long", "territory_known", "unknown_value", "control_character"),
)
def create_territory(form: TerritoryForm, work: AdminOnce) -> Response:
    """Make a territory."""
    with work.writing() as session:
        made = territories.create_territory(session, form.name, parent_id=form.parent_id)
        work.audit(session, "territory.created", f"territory/{made.id}", {"name": [None, made.name]})
        return work.answer(session, TerritorySheet.model_validate(made), status=201)
