"""Erreurs de synchronisation: what is wrong, grouped; the records; and orders for one or for all that match (CRM-49, CRM-50)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.console import bulk, tables
from api.console.choices import chosen, day
from api.console.error_words import cause
from api.console.language import N_
from api.console.screen import ReadScreen, Screen, SyncScreen
from api.console.signs import sign_of
from api.forms import RecordId
from api.pages import ThePlace
from syncengine import integrations
from syncengine.core.refusals import refused
from syncengine.desk.error_choice import Which
from syncengine.desk.error_desk import put_back, retry, take_out
from syncengine.desk.error_groups import error_groups
from syncengine.desk.error_search import ErrorFilter, FoundError, count_errors, errors_for, find_errors
from syncengine.desk.error_sheet import Action
from syncengine.desk.result import Result
from syncengine.model import Side, SyncErrorState
from syncengine.storage.bulk import batches

router = APIRouter()
_BATCH: Final = 500
_DONE: Final = {
    Action.RETRY: N_("%(n)s records are retried by the next cycle."),
    Action.TAKE_OUT: N_("%(n)s records are no longer synchronised."),
    Action.PUT_BACK: N_("%(n)s records are synchronised again, from the next cycle on."),
}
HEADINGS: Final = (
    N_("Code comptable"),
    N_("Name"),
    N_("Refused by"),
    N_("State"),
    N_("Cause"),
    N_("Field"),
    N_("What to do"),
    N_("Message"),
    N_("Attempts"),
    N_("First"),
    N_("Last"),
)


@router.get("/integrations/{integration_id}/errors")
def show_errors(  # noqa: PLR0913 - one parameter per filter of the address
    integration_id: RecordId,
    screen: ReadScreen,
    place: ThePlace,
    *,
    state: str = "",
    side: str = "",
    code: str = "",
    field: str | None = None,
    text: str = "",
    day: str = "",
    format: str = "",  # noqa: A002 - the name in the address
) -> Response:
    """The groups and the records that match the filter; as a file all of them."""
    kept = {"state": state, "side": side, "code": code, "field": field, "text": text, "day": day}
    wanted = wanted_of(kept)
    if format == "csv":
        return _file(screen, integration_id, wanted)
    with screen.engine.store.reading() as session:
        integrations.get(session, integration_id)
        found = find_errors(session, integration_id, wanted, limit=place.more, after=place.after(datetime, int))
        groups = error_groups(session, integration_id, state=wanted.state)
        total = count_errors(session, integration_id, wanted)
    shown = found[: place.limit]
    last = shown[-1].error if len(found) > place.limit else None
    return screen.show(
        "errors.html",
        of=integration_id,
        rows=[(row, cause(row.error, screen.language)) for row in shown],
        groups=[(group, cause(group, screen.language)) for group in groups],
        total=total,
        kept={name: value for name, value in kept.items() if value not in (None, "")},
        next=place.cursor((last.last_at, last.id)) if last else None,
        first=place.after(datetime, int) is None,
        actions=_actions(wanted.state),
    )


def wanted_of(kept: dict[str, Any]) -> ErrorFilter:
    """The filter as the address or a form has it. Raises ApiProblem (parameter_invalid)."""
    span = day(kept["day"] or "")
    return ErrorFilter(
        state=chosen(SyncErrorState, kept["state"] or "", "state"),
        side=chosen(Side, kept["side"] or "", "side"),
        code=kept["code"] or None,
        field=kept["field"],
        text=kept["text"] or None,
        first_from=span[0] if span else None,
        first_until=span[1] if span else None,
    )


def _actions(state: SyncErrorState | None) -> tuple[Action, ...]:
    if state is SyncErrorState.RESOLVED:
        return ()
    return (Action.PUT_BACK,) if state is SyncErrorState.TAKEN_OUT else (Action.RETRY, Action.TAKE_OUT)


def _file(screen: Screen, integration_id: int, wanted: ErrorFilter) -> Response:
    with screen.engine.store.reading() as session:
        integrations.get(session, integration_id)
    headings = [screen._(heading) for heading in HEADINGS]
    return tables.csv_answer("erreurs.csv", headings, _lines(screen, integration_id, wanted))


def _lines(screen: Screen, integration_id: int, wanted: ErrorFilter) -> Iterator[tuple[object, ...]]:
    after: tuple[datetime, int] | None = None
    while True:
        with screen.engine.store.reading() as session:
            found = find_errors(session, integration_id, wanted, limit=_BATCH, after=after)
        yield from (_line(screen, row) for row in found)
        if len(found) < _BATCH:
            return
        after = (found[-1].error.last_at, found[-1].error.id)


def _line(screen: Screen, row: FoundError) -> tuple[object, ...]:
    error, why = row.error, cause(row.error, screen.language)
    signs = [screen._(sign_of(member).word) for member in (error.side, error.state)]
    told = (why.happened, why.field, why.remedy, error.message, error.attempts, error.first_at, error.last_at)
    return (error.erp_key, row.name, *signs, *told)


@router.post("/integrations/{integration_id}/errors/orders")
def order_for_errors(integration_id: RecordId, screen: SyncScreen) -> Response:
    """'Réessayer', 'Ne plus synchroniser', 'Réactiver' for the records ticked, or for all that match, once confirmed (CRM-50)."""
    action = _ordered(screen)
    with screen.writing() as session:
        integrations.get(session, integration_id)
        if screen.posted.flag("all"):
            wanted = wanted_of({name: screen.posted.optional(name) for name in _FILTERS} | _field(screen))
            ids = errors_for(session, integration_id, wanted, action)
            bulk.confirmed(screen.posted, count_errors(session, integration_id, wanted))
        else:
            ids = bulk.ticked(screen.posted)
        result = carry_out(session, screen, integration_id, action, ids)
        told, tone = bulk.outcome(screen, result, _DONE[action])
        back = screen.posted.back or f"/integrations/{integration_id}/errors"
        return screen.done(session, back, told, tone=tone)


_FILTERS: Final = ("state", "side", "code", "text", "day")


def _field(screen: Screen) -> dict[str, str | None]:
    return {"field": screen.posted.text("field") if "field" in screen.posted else None}


def _ordered(screen: Screen) -> Action:
    try:
        action = Action(screen.posted.typed("order"))
    except ValueError:
        action = Action.EDIT_AND_RETRY
    if action not in _DONE:
        raise refused("unknown_value", "there is no such order", field="order", remedy="Use the buttons of the page.")
    return action


def carry_out(session: Session, screen: Screen, integration_id: int, action: Action, ids: Any) -> Result:
    """Carry an order out for these errors, a few hundred at a time, and tell the audit log."""
    order = _orders(screen)[action]
    results = [order(session, integration_id, Which(ids=tuple(batch))) for batch in batches(ids)]
    result = Result(
        done=sum(one.done for one in results), refused=tuple(refusal for one in results for refusal in one.refused)
    )
    detail = {"order": action.value, "done": result.done, "refused": len(result.refused), "ids": list(ids)[:100]}
    screen.audit(session, "errors.ordered", f"integration/{integration_id}", detail)
    return result


Order = Callable[[Session, int, Which], Result]


def _orders(screen: Screen) -> dict[Action, Order]:
    at, by = screen.at, screen.caller.login
    return {
        Action.RETRY: lambda session, of, which: retry(session, of, which, at=at),
        Action.TAKE_OUT: lambda session, of, which: take_out(session, of, which, at=at, by=by),
        Action.PUT_BACK: lambda session, of, which: put_back(session, of, which, at=at, by=by),
    }
