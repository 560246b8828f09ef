"""/conflicts: values both sides moved apart, with the one they last agreed on, and decided (NEW-03)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Query
from pydantic import Field, model_validator
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.bulk import BULK, NUMBERS_MAX, BulkResult, bulk_answer, check_count, only, problem_of
from api.forms import ID_MAX, Form, Line, RecordId, Text
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.shown import Shown
from api.work import SyncOnce, Work
from syncengine import integrations
from syncengine.cycle.act import Act
from syncengine.desk.conflicts import ConflictFilter, ConflictView, conflict, conflicts
from syncengine.desk.resolution import Decision, Own, Take, resolve, resolve_many
from syncengine.desk.result import Refusal, Result, refusal
from syncengine.errors import InputRefused
from syncengine.model import Conflict, ConflictState

router = APIRouter(tags=["conflicts"])
_MOVED_ON: Final = "conflict_moved_on"
_VALUE: Final = (
    *("unknown_field", "read_only_field", "field_required", "too_long", "control_character", "not_a_text"),
    *("unknown_value", "unknown_representative", "contact_in_use", "title_in_use", "billing_title", "billing_address"),
    *("contact_unknown", "address_unknown", "account_unknown", "code_automatic", "code_missing", "code_invalid"),
    *("code_too_long", "code_in_use", "code_locked", "sync_under_way", "company_unknown", "input_refused"),
)


class Decided(Form):
    """Whose value is right, or one of your own; null empties the field."""

    take: Take | None = Field(default=None, description="crm, erp, or base: the one both last agreed on.")
    value: Text | None = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if (self.take is None) is ("value" not in self.model_fields_set):
            raise ValueError
        return self

    def decision(self) -> Decision:
        """As the engine takes it."""
        return Own(value=self.value or None) if self.take is None else self.take


class ResolutionForm(Decided):
    """How one conflict is decided."""


class ResolutionsForm(Decided):
    """Which conflicts, by number; or all open ones of a tiers, a field, or whatever, as many as were counted."""

    ids: list[Annotated[int, Field(ge=1, le=ID_MAX)]] = Field(default=[], max_length=NUMBERS_MAX)
    tiers: Line | None = Field(default=None, description="Of that code comptable.")
    field: Line | None = Field(default=None, description="Of that field: name, contact.phone, contacts/7/phone.")
    count: int | None = Field(default=None, ge=0, le=ID_MAX, description="How many; needed unless they are named.")

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if bool(self.ids) is (self.count is not None) or (self.ids and (self.tiers or self.field)):
            raise ValueError
        return self


@router.get("/integrations/{integration_id}/conflicts", responses=refuses("integration_unknown", "unknown_field"))
def list_conflicts(
    integration_id: RecordId,
    _caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    tiers: Annotated[Line | None, Query(description="Of that code comptable.")] = None,
    field: Annotated[Line | None, Query(description="Of that field: name, contact.phone, contacts/7/phone.")] = None,
    state: Annotated[ConflictState | None, Query(description="Which ones; the open ones unless given.")] = None,
) -> Page[ConflictView]:
    """The conflicts with the value of each side and the one they last agreed on, in the order they arose."""
    chosen = ConflictFilter(record=tiers, field=field, state=state or ConflictState.OPEN)
    with engine.store.reading() as session:
        of = integrations.get(session, integration_id).id
        found = conflicts(session, of, chosen, limit=place.more, after=place.after(int) or 0)
    return place.page(found, lambda one: one, lambda one: one.id)


@router.get("/conflicts/{conflict_id}", response_model=ConflictView, responses=refuses("conflict_unknown"))
def get_conflict(conflict_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """One conflict: the three values, since when and why."""
    with engine.store.reading() as session:
        return etags.answer(request, Shown[ConflictView](conflict(session, conflict_id)))


@router.post(
    "/conflicts/{conflict_id}/resolutions",
    status_code=201,
    response_model=ConflictView,
    responses=refuses("conflict_unknown", "conflict_closed", _MOVED_ON, "child_gone", *_VALUE),
)
def create_resolution(conflict_id: RecordId, form: ResolutionForm, work: SyncOnce) -> Response:
    """Decide a conflict; the next cycle brings both sides to agree. If the CRM's value has changed meanwhile: look again."""
    act = work.caller.act()
    try:
        with work.writing(dry_run=form.dry_run) as session:
            only(resolve(session, conflict_id, form.decision(), at=act.at, by=act.by), problem_of)
            work.audit(session, "conflict.resolved", f"conflict/{conflict_id}", _told(form))
            return work.answer(session, Shown[ConflictView](conflict(session, conflict_id)), status=201)
    except InputRefused as problem:
        if problem.problem_code == _MOVED_ON:
            _bring_up_to_date(work, conflict_id, act)
        raise


@router.post(
    "/integrations/{integration_id}/resolutions",
    response_model=BulkResult,
    responses=refuses("integration_unknown", "unknown_field", "count_changed", "input_refused") | BULK,
)
def create_resolutions(integration_id: RecordId, form: ResolutionsForm, work: SyncOnce) -> Response:
    """Decide several conflicts alike; those that cannot be are told one by one."""
    act = work.caller.act()
    with work.writing(dry_run=form.dry_run) as session:
        of = integrations.get(session, integration_id).id
        if form.ids:
            result = _each(session, of, form, act)
        else:
            chosen = ConflictFilter(record=form.tiers, field=form.field)
            result = resolve_many(session, of, chosen, form.decision(), at=act.at, by=act.by)
        check_count(form.count, result)
        work.audit(session, "conflict.resolved", f"integration/{of}", {**_told(form), "done": result.done})
        return bulk_answer(work, session, result)


def _each(session: Session, integration_id: int, form: ResolutionsForm, act: Act) -> Result:
    """One after the other: a number that is no conflict stops none of the others."""
    done, refused = 0, list[Refusal]()
    for number in dict.fromkeys(form.ids):
        known = session.get(Conflict, number)
        if known is None or known.integration_id != integration_id:
            problem = InputRefused("there is no such conflict", code="conflict_unknown", record=str(number))
            refused.append(refusal(number, problem))
            continue
        result = resolve(session, number, form.decision(), at=act.at, by=act.by)
        done, refused = done + result.done, [*refused, *result.refused]
    return Result(done=done, refused=tuple(refused))


def _bring_up_to_date(work: Work, conflict_id: int, act: Act) -> None:
    """The refusal was rolled back with its request; what the CRM holds now is shown by the conflict all the same."""
    with work.engine.store.writing() as session:
        if resolve(session, conflict_id, Take.CRM, at=act.at, by=act.by).done:
            session.rollback()


def _told(form: Decided) -> dict[str, Any]:
    return {"take": form.take.value} if form.take else {"take": "own"}
