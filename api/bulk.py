"""Orders about several records: never about more than were counted, and told one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.forms import View
from api.problem_codes import codes
from api.problems import ApiProblem
from api.work import Work
from contracts.errors import Problem
from syncengine.desk.result import Refusal, Result
from syncengine.errors import InputRefused

NUMBERS_MAX: Final = 1_000
MULTI_STATUS: Final = 207
BULK: Final[dict[int | str, dict[str, Any]]] = {
    MULTI_STATUS: {"description": "Done for some, or for none; `refused` names the others and why."}
}
"""``responses=`` of an order about several records."""


class RefusedRecord(View):
    """One record that nothing was done for, as its own answer would have been; ``id`` is what the order named it by."""

    id: int | None
    record: str | None
    field: str | None
    status: int = Field(description="The HTTP status that an order about this record alone would have got.")
    code: str
    detail: str
    remedy: str


class BulkResult(View):
    """For how many records it was done, and those it was not."""

    done: int
    refused: list[RefusedRecord]


def bulk_answer(work: Work, session: Session, result: Result) -> Response:
    """200 when it was done for all, else 207."""
    view = BulkResult(done=result.done, refused=[_shown(one) for one in result.refused])
    return work.answer(session, view, status=MULTI_STATUS if view.refused else 200)


def check_count(expected: int | None, result: Result) -> None:
    """Raises ApiProblem (count_changed) unless that many records were met: nothing is done then."""
    met = result.done + len(result.refused)
    if expected is not None and expected != met:
        raise count_changed(expected, met)


def count_changed(expected: int, met: int) -> ApiProblem:
    """The refusal of an order about another number of records than was counted."""
    return ApiProblem("count_changed", f"{expected} records were counted, and it would be about {met}", field="count")


def only(result: Result, problem: Callable[[Refusal], Problem]) -> None:
    """Raises the refusal of an order about a single record."""
    for refusal in result.refused:
        raise problem(refusal)


def problem_of(refusal: Refusal) -> Problem:
    """The problem that a refusal was made of."""
    return InputRefused(
        refusal.message, code=refusal.code, record=refusal.record, field=refusal.field, remedy=refusal.remedy
    )


def _shown(refusal: Refusal) -> RefusedRecord:
    known = codes().get(refusal.code)
    return RefusedRecord(
        id=refusal.id,
        record=refusal.record,
        field=refusal.field,
        status=known.status if known else 422,
        code=refusal.code,
        detail=refusal.message,
        remedy=refusal.remedy,
    )
