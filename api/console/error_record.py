"""One record in error: cause, values as they came or were sent, attempts, and what can be ordered of it (CRM-49, CRM-50)."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.bulk import only, problem_of
from api.console.error_words import cause
from api.console.errors import carry_out
from api.console.language import N_
from api.console.screen import ReadScreen, Screen, SyncScreen
from api.forms import RecordId
from syncengine.core.refusals import refused
from syncengine.desk.attempts import attempts
from syncengine.desk.error_desk import edit_and_retry
from syncengine.desk.error_sheet import Action, ErrorSheet, error_sheet, unknown_error
from syncengine.errors import InputRefused
from syncengine.model import Account, Link, SyncError
from syncengine.model.link import Entity

router = APIRouter()
_DONE: Final = {
    Action.RETRY: N_("The record is retried by the next cycle."),
    Action.TAKE_OUT: N_("The record is no longer synchronised."),
    Action.PUT_BACK: N_("The record is synchronised again, from the next cycle on."),
}
_PAGE: Final = "/integrations/{integration_id}/errors/{error_id}"
_VALUE: Final = "value:"


@router.get(_PAGE)
def show_error(integration_id: RecordId, error_id: RecordId, screen: ReadScreen) -> Response:
    """The error with the form that corrects it."""
    with screen.engine.store.reading() as session:
        context = _context(session, screen, integration_id, error_id)
    return screen.show("error.html", of=integration_id, **context)


def _context(session: Session, screen: Screen, integration_id: int, error_id: int) -> dict[str, Any]:
    error = _mine(session, integration_id, error_id)
    sheet = error_sheet(session, error_id)
    return {
        "sheet": sheet,
        "error": sheet.error,
        "why": cause(sheet.error, screen.language),
        "attempts": attempts(session, error),
        "company_id": _company(session, error),
        "editable": [line for line in sheet.lines if line.correctable and _is_asked(line.path, sheet)],
        "VALUE": _VALUE,
    }


def _is_asked(path: str, sheet: ErrorSheet) -> bool:
    """What was refused and what was corrected before; when nothing is named, every value can be corrected."""
    named = {line.path for line in sheet.lines if line.refused or line.correction is not None}
    return path in named or not any(line.correctable and line.path in named for line in sheet.lines)


def _mine(session: Session, integration_id: int, error_id: int) -> SyncError:
    error = session.get(SyncError, error_id)
    if error is None or error.integration_id != integration_id:
        raise unknown_error(error_id)
    return error


def _company(session: Session, error: SyncError) -> int | None:
    """The Company whose record it is, where there is one."""
    if error.entity != Entity.ACCOUNT.value:
        return None
    linked = select(Account.company_id).join(
        Link, (Link.local_id == Account.id) & (Link.entity == Entity.ACCOUNT.value)
    )
    same = (Link.integration_id == error.integration_id, Link.erp_key == error.erp_key)
    sent = select(Account.company_id).where(Account.id == error.local_id)
    return session.scalar(sent if error.local_id is not None else linked.where(*same))


@router.post(f"{_PAGE}/orders")
def order_for_error(integration_id: RecordId, error_id: RecordId, screen: SyncScreen) -> Response:
    """'Réessayer', 'Ne plus synchroniser' or 'Réactiver la synchronisation' for one record."""
    action = next((one for one in _DONE if one.value == screen.posted.typed("order")), None)
    if action is None:
        raise refused(
            "unknown_value", N_("there is no such order"), field="order", remedy=N_("Use the buttons of the page.")
        )
    with screen.writing() as session:
        _mine(session, integration_id, error_id)
        result = carry_out(session, screen, integration_id, action, [error_id])
        only(result, problem_of)
        return screen.done(session, f"/integrations/{integration_id}/errors/{error_id}", screen._(_DONE[action]))


@router.post(f"{_PAGE}/corrections")
def correct_error(integration_id: RecordId, error_id: RecordId, screen: SyncScreen) -> Response:
    """'Corriger et réessayer': the values typed in place of those refused (CRM-49)."""
    try:
        with screen.writing() as session:
            _mine(session, integration_id, error_id)
            values = _changed(screen, error_sheet(session, error_id))
            edit_and_retry(session, error_id, values, at=screen.at, by=screen.caller.login)
            screen.audit(session, "error.corrected", f"error/{error_id}", {"fields": sorted(values)})
            words = screen._("The correction is kept; the next cycle tries the record again.")
            return screen.done(session, f"/integrations/{integration_id}/errors/{error_id}", words)
    except InputRefused as problem:
        if problem.problem_code == "error_unknown":
            raise
        with screen.engine.store.reading() as session:
            context = _context(session, screen, integration_id, error_id)
        # The form names a field by its path, behind what keeps it apart from the form's own fields.
        named = InputRefused(
            problem.message,
            code=problem.problem_code,
            record=problem.record,
            field=_name_of(problem.field, context["editable"]),
            remedy=problem.remedy,
        )
        return screen.again("error.html", named, of=integration_id, **context)


def _name_of(field: str | None, editable: list[Any]) -> str | None:
    """The field of the form that a refusal is about: it names a path, or an attribute of the tiers or of a child."""
    fits = (line.path for line in editable if field and (line.path == field or line.path.endswith(f"/{field}")))
    return next((f"{_VALUE}{path}" for path in fits), None)


def _changed(screen: Screen, sheet: ErrorSheet) -> dict[str, str | None]:
    """The values that were typed anew. Raises InputRefused (field_required) when nothing was."""
    lines = [line for line in sheet.lines if line.correctable and f"{_VALUE}{line.path}" in screen.posted]
    typed = {line.path: screen.posted.optional(f"{_VALUE}{line.path}") for line in lines}
    before = {line.path: line.correction if line.correction is not None else line.value for line in lines}
    changed = {path: value for path, value in typed.items() if value != (before[path] or None)}
    if not changed:
        first = lines[0].path if lines else None
        words = N_("nothing was corrected")
        raise refused("field_required", words, field=first, remedy=N_("Type another value, or choose 'Retry'."))
    return changed
