"""/sync_errors: records that one side refused: grouped, explained, tried again, corrected, taken out, put back (CRM-49, CRM-50)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
from api.v1.company_actions import PLAIN, Plain
from api.work import SyncOnce, Work
from syncengine import integrations
from syncengine.desk import error_desk
from syncengine.desk.error_choice import Which
from syncengine.desk.error_groups import ErrorGroup, error_groups
from syncengine.desk.error_sheet import Action, ErrorSheet, ErrorSummary, error_sheet, sync_errors, unknown_error
from syncengine.desk.result import Result
from syncengine.model import Side, SyncError, SyncErrorState

router = APIRouter(tags=["sync errors"])

Order = Callable[[Session, int, Which], Result]
OfState = Annotated[SyncErrorState | None, Query(description="Which ones; those that stand unless given.")]
_BULK: Final = refuses("integration_unknown", "count_changed") | BULK
_CORRECTION: Final = (
    *(
        "correction_unknown_field",
        "correction_read_only",
        "correction_empty",
        "correction_invalid",
        "correction_too_long",
    ),
    *("unknown_field", "read_only_field", "field_required", "too_long", "control_character", "not_a_text"),
    *("unknown_value", "unknown_representative", "contact_in_use", "title_in_use", "billing_title", "billing_address"),
    *("contact_unknown", "address_unknown", "account_unknown", "code_automatic", "code_missing", "code_invalid"),
    *("code_too_long", "code_in_use", "code_locked", "sync_under_way", "child_gone", "company_unknown"),
)


class ErrorsForm(Form):
    """Which records: by number of their errors, by code comptable; or all for which it can be done, as many as were counted."""

    ids: list[Annotated[int, Field(ge=1, le=ID_MAX)]] = Field(default=[], max_length=NUMBERS_MAX)
    codes: list[Line] = Field(default=[], max_length=NUMBERS_MAX, description="Codes comptables of tiers.")
    everything: bool = Field(default=False, description="All for which it can be done; needs `count`.")
    side: Side | None = Field(default=None, description="With `everything`: what that side refused.")
    code: Line | None = Field(default=None, description="With `everything`: errors of that code.")
    count: int | None = Field(
        default=None, ge=0, le=ID_MAX, description="How many the order is about; else it is refused."
    )
    dry_run: bool = False

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.everything is bool(self.ids or self.codes) or (self.everything and self.count is None):
            raise ValueError
        return self

    def which(self) -> Which:
        """As the engine takes it."""
        return Which(
            ids=tuple(self.ids), keys=tuple(self.codes), everything=self.everything, side=self.side, code=self.code
        )


class CorrectionForm(Form):
    """Values in place of those refused, by path as the sheet names them ('contacts/7/phone'); null empties."""

    values: dict[Line, Text | None] = Field(min_length=1, max_length=100)
    dry_run: bool = False


@router.get("/integrations/{integration_id}/sync_errors", responses=refuses("integration_unknown", "error_unknown"))
def list_sync_errors(
    integration_id: RecordId,
    _caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    state: OfState = None,
    side: Annotated[Side | None, Query(description="crm: what came; erp: what was sent.")] = None,
    code: Annotated[Line | None, Query(description="Of that code.")] = None,
) -> Page[ErrorSummary]:
    """The records in error, with the reason and what to do, the latest first."""
    with engine.store.reading() as session:
        of = integrations.get(session, integration_id).id
        after = place.after(int)
        found = sync_errors(session, of, state=state, side=side, code=code, limit=place.more, after=after)
    return place.page(found, lambda one: one, lambda one: one.id)


@router.get("/integrations/{integration_id}/sync_error_groups", responses=refuses("integration_unknown"))
def list_sync_error_groups(
    integration_id: RecordId, _caller: Reader, engine: TheEngine, state: OfState = None
) -> Page[ErrorGroup]:
    """What is wrong, and with how many records, the most frequent first."""
    with engine.store.reading() as session:
        of = integrations.get(session, integration_id).id
        return Page(items=error_groups(session, of, state=state), next=None)


@router.get("/sync_errors/{error_id}", response_model=ErrorSheet, responses=refuses("error_unknown"))
def get_sync_error(error_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """One record in error: its values as received or sent, what is wrong with which, how often it was tried, what can be done."""
    with engine.store.reading() as session:
        return etags.answer(request, _sheet(session, error_id))


@router.post(
    "/sync_errors/{error_id}/retries",
    status_code=201,
    response_model=ErrorSheet,
    responses=refuses("error_unknown", f"cannot_{Action.RETRY.value}"),
)
def create_retry(error_id: RecordId, work: SyncOnce, form: Plain = PLAIN) -> Response:
    """'Réessayer': the next cycle asks for the record again, or sends it again."""
    return _one(work, error_id, form, partial(error_desk.retry, at=work.caller.at), "retried")


@router.post(
    "/sync_errors/{error_id}/corrections",
    status_code=201,
    response_model=ErrorSheet,
    responses=refuses("error_unknown", f"cannot_{Action.EDIT_AND_RETRY.value}", *_CORRECTION),
)
def create_correction(error_id: RecordId, form: CorrectionForm, work: SyncOnce) -> Response:
    """'Corriger et réessayer': other values in place of those refused, all or none, and another try."""
    with work.writing(dry_run=form.dry_run) as session:
        error_desk.edit_and_retry(session, error_id, form.values, at=work.caller.at, by=work.caller.login)
        work.audit(session, "sync_error.corrected", f"sync_error/{error_id}", {"fields": sorted(form.values)})
        return work.answer(session, _sheet(session, error_id), status=201)


@router.post(
    "/sync_errors/{error_id}/exclusions",
    status_code=201,
    response_model=ErrorSheet,
    responses=refuses("error_unknown", f"cannot_{Action.TAKE_OUT.value}"),
)
def create_exclusion(error_id: RecordId, work: SyncOnce, form: Plain = PLAIN) -> Response:
    """'Ne plus synchroniser': the record leaves the flow, both ways, until it is put back (CRM-50)."""
    act = work.caller.act()
    return _one(work, error_id, form, partial(error_desk.take_out, at=act.at, by=act.by), "taken_out")


@router.post(
    "/sync_errors/{error_id}/reactivations",
    status_code=201,
    response_model=ErrorSheet,
    responses=refuses("error_unknown", f"cannot_{Action.PUT_BACK.value}"),
)
def create_reactivation(error_id: RecordId, work: SyncOnce, form: Plain = PLAIN) -> Response:
    """'Réactiver la synchronisation': the record is back in the next cycle, with what changed meanwhile (CRM-50)."""
    act = work.caller.act()
    return _one(work, error_id, form, partial(error_desk.put_back, at=act.at, by=act.by), "put_back")


@router.post("/integrations/{integration_id}/retries", response_model=BulkResult, responses=_BULK)
def create_retries(integration_id: RecordId, form: ErrorsForm, work: SyncOnce) -> Response:
    """'Réessayer' several records; those that cannot be are told one by one."""
    return _many(work, integration_id, form, partial(error_desk.retry, at=work.caller.at), "retried")


@router.post("/integrations/{integration_id}/exclusions", response_model=BulkResult, responses=_BULK)
def create_exclusions(integration_id: RecordId, form: ErrorsForm, work: SyncOnce) -> Response:
    """'Ne plus synchroniser' several records; a tiers named by its code need not be in error (CRM-50)."""
    act = work.caller.act()
    return _many(work, integration_id, form, partial(error_desk.take_out, at=act.at, by=act.by), "taken_out")


@router.post("/integrations/{integration_id}/reactivations", response_model=BulkResult, responses=_BULK)
def create_reactivations(integration_id: RecordId, form: ErrorsForm, work: SyncOnce) -> Response:
    """'Réactiver la synchronisation' of several records (CRM-50)."""
    act = work.caller.act()
    return _many(work, integration_id, form, partial(error_desk.put_back, at=act.at, by=act.by), "put_back")


def _one(work: Work, error_id: int, form: Plain, order: Order, action: str) -> Response:
    with work.writing(dry_run=form.dry_run) as session:
        integration_id = _integration_of(session, error_id)
        only(order(session, integration_id, Which(ids=(error_id,))), problem_of)
        work.audit(session, f"sync_error.{action}", f"sync_error/{error_id}")
        return work.answer(session, _sheet(session, error_id), status=201)


def _many(work: Work, integration_id: int, form: ErrorsForm, order: Order, action: str) -> Response:
    with work.writing(dry_run=form.dry_run) as session:
        of = integrations.get(session, integration_id).id
        result = order(session, of, form.which())
        check_count(form.count, result)
        detail: dict[str, Any] = {"done": result.done, "refused": len(result.refused)}
        work.audit(session, f"sync_error.{action}", f"integration/{of}", detail)
        return bulk_answer(work, session, result)


def _integration_of(session: Session, error_id: int) -> int:
    found = session.get(SyncError, error_id)
    if found is None:
        raise unknown_error(error_id)
    return found.integration_id


def _sheet(session: Session, error_id: int) -> Shown[ErrorSheet]:
    return Shown[ErrorSheet](error_sheet(session, error_id))
