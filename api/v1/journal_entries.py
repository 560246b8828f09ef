"""Every value written, with the one before and the reason: of a Company, of a cycle, and 'explain this field' (NEW-04)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.forms import Line, RecordId
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from syncengine.desk.explanation import Explanation, explain
from syncengine.desk.history import HistoryLine, lines_of_cycle, lines_of_record

router = APIRouter(tags=["journal"])


@router.get("/companies/{company_id}/journal_entries", responses=refuses("company_unknown"))
def list_company_journal(
    company_id: RecordId, _caller: Reader, engine: TheEngine, place: ThePlace
) -> Page[HistoryLine]:
    """What was written to a Company, its tiers, contacts and addresses, the newest first; also of one that is gone."""
    with engine.store.reading() as session:
        found = lines_of_record(session, company_id, limit=place.more, before=place.after(int))
    return place.page(found, lambda one: one, lambda one: one.id)


@router.get("/cycles/{cycle_id}/journal_entries", responses=refuses("cycle_unknown"))
def list_cycle_journal(cycle_id: RecordId, _caller: Reader, engine: TheEngine, place: ThePlace) -> Page[HistoryLine]:
    """What a cycle wrote, in that order."""
    with engine.store.reading() as session:
        found = lines_of_cycle(session, cycle_id, limit=place.more, after=place.after(int) or 0)
    return place.page(found, lambda one: one, lambda one: one.id)


@router.get(
    "/companies/{company_id}/explanation",
    responses=refuses("company_unknown", "unknown_field", "input_refused"),
)
def get_explanation(
    company_id: RecordId,
    _caller: Reader,
    engine: TheEngine,
    field: Annotated[Line, Query(min_length=1, description="name, contacts/7/phone, manager_id, custom.NAME")],
) -> Explanation:
    """Explain a value: what each side holds, every write with its reason, and what is still to happen to it."""
    with engine.store.reading() as session:
        return explain(session, company_id, field)
