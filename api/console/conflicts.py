"""Conflits: values both sides changed apart, in three columns, and the decision for one or for all that match (NEW-03)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.bulk import only
from api.console import bulk, tables
from api.console.choices import chosen
from api.console.language import N_
from api.console.screen import ReadScreen, Screen, SyncScreen
from api.console.signs import sign_of
from api.console.templating import said_in
from api.forms import RecordId
from api.pages import ThePlace
from syncengine import integrations
from syncengine.core.reasons import why
from syncengine.core.refusals import refused
from syncengine.desk.conflicts import (
    ConflictFilter,
    ConflictView,
    conflict,
    conflicts,
    count_conflicts,
    unknown_conflict,
)
from syncengine.desk.resolution import Decision, Own, Take, resolve, resolve_many
from syncengine.desk.result import Result
from syncengine.errors import InputRefused
from syncengine.model import ConflictState

router = APIRouter()
_BATCH: Final = 500
_ALL: Final = "all"
_OWN: Final = "own"
_DONE: Final = N_("%(n)s conflicts are decided; what differs is sent with the next cycle.")
_KINDS: Final = (
    ("", N_("Every field")),
    ("account", N_("Fields of the tiers")),
    ("contact", N_("Fields of contacts")),
    ("address", N_("Fields of addresses")),
)
HEADINGS: Final = (
    N_("Code comptable"),
    N_("Company"),
    N_("Field"),
    N_("CRM"),
    N_("Last common value"),
    N_("Sage 100"),
    N_("State"),
    N_("Since"),
    N_("Decided"),
    N_("By"),
)


@router.get("/integrations/{integration_id}/conflicts")
def show_conflicts(
    integration_id: RecordId,
    screen: ReadScreen,
    place: ThePlace,
    state: str = "",
    tiers: str = "",
    field: str = "",
    format: str = "",  # noqa: A002 - the name in the address
) -> Response:
    """The conflicts that match the filter; as a file all of them."""
    kept = {"state": state, "tiers": tiers, "field": field}
    wanted = wanted_of(kept)
    with screen.engine.store.reading() as session:
        integrations.get(session, integration_id)
        total = count_conflicts(session, integration_id, wanted)
        found = conflicts(session, integration_id, wanted, limit=place.more, after=place.after(int) or 0)
    if format == "csv":
        headings = [screen._(heading) for heading in HEADINGS]
        return tables.csv_answer("conflits.csv", headings, _lines(screen, integration_id, wanted))
    shown = found[: place.limit]
    kinds = [(key, screen._(word)) for key, word in _KINDS]
    if field and field not in dict(kinds):
        kinds.append((field, field))
    return screen.show(
        "conflicts.html",
        of=integration_id,
        rows=shown,
        total=total,
        kept={name: value for name, value in kept.items() if value},
        next=place.cursor(shown[-1].id) if len(found) > place.limit else None,
        first=place.after(int) is None,
        open=wanted.state is ConflictState.OPEN,
        kinds=kinds,
        why=why,
    )


def wanted_of(kept: dict[str, str]) -> ConflictFilter:
    """The filter as the address or a form has it; without a state the open ones. Raises ApiProblem (parameter_invalid)."""
    state = kept["state"]
    return ConflictFilter(
        record=kept["tiers"] or None,
        field=kept["field"] or None,
        state=None if state == _ALL else chosen(ConflictState, state, "state") or ConflictState.OPEN,
    )


def _lines(screen: Screen, integration_id: int, wanted: ConflictFilter) -> Iterator[tuple[object, ...]]:
    after = 0
    while True:
        with screen.engine.store.reading() as session:
            found = conflicts(session, integration_id, wanted, limit=_BATCH, after=after)
        yield from (_line(screen, one) for one in found)
        if len(found) < _BATCH:
            return
        after = found[-1].id


def _line(screen: Screen, one: ConflictView) -> tuple[object, ...]:
    values = (one.crm_value, one.base_value, one.erp_value)
    state = screen._(sign_of(one.state).word)
    label = said_in(one.label, screen.language)
    return (one.code, one.name, label, *values, state, one.opened_at, one.closed_at, one.closed_by)


@router.get("/integrations/{integration_id}/conflicts/{conflict_id}")
def show_conflict(integration_id: RecordId, conflict_id: RecordId, screen: ReadScreen) -> Response:
    """One conflict, and the form that decides it."""
    with screen.engine.store.reading() as session:
        found = _mine(session, integration_id, conflict_id)
    return screen.show("conflict.html", of=integration_id, one=found, why=why)


def _mine(session: Session, integration_id: int, conflict_id: int) -> ConflictView:
    found = conflict(session, conflict_id)
    if not count_conflicts(session, integration_id, ConflictFilter(ids=(conflict_id,), state=None)):
        raise unknown_conflict(conflict_id)
    return found


@router.post("/integrations/{integration_id}/conflicts/{conflict_id}/resolutions")
def resolve_conflict(integration_id: RecordId, conflict_id: RecordId, screen: SyncScreen) -> Response:
    """Decide one conflict by the value of a side, the common one, or one typed; a value refused is typed again."""
    try:
        with screen.writing() as session:
            _mine(session, integration_id, conflict_id)
            decision = _decision(screen)
            result = resolve(session, conflict_id, decision, at=screen.at, by=screen.caller.login)
            only(result, lambda one: InputRefused(one.message, code=one.code, field=_OWN, remedy=one.remedy))
            _tell(screen, session, integration_id, decision, result, [conflict_id])
            back = screen.posted.back or f"/integrations/{integration_id}/conflicts"
            return screen.done(session, back, screen._("Decided. What differs is sent with the next cycle."))
    except InputRefused as problem:
        if problem.problem_code == "conflict_unknown":
            raise
        with screen.engine.store.reading() as session:
            found = conflict(session, conflict_id)
        known = isinstance(_take(screen), Own)
        shown = problem if known else InputRefused(problem.message, code=problem.problem_code, remedy=problem.remedy)
        return screen.again("conflict.html", shown, of=integration_id, one=found, why=why)


@router.post("/integrations/{integration_id}/conflicts/resolutions")
def resolve_conflicts(integration_id: RecordId, screen: SyncScreen) -> Response:
    """Decide those ticked, or all that match once that was confirmed, alike."""
    posted = screen.posted
    with screen.writing() as session:
        integrations.get(session, integration_id)
        decision = _decision(screen)
        if posted.flag("all"):
            chosen_ones = wanted_of({name: posted.text(name) for name in ("state", "tiers", "field")})
            bulk.confirmed(posted, count_conflicts(session, integration_id, chosen_ones))
        else:
            chosen_ones = ConflictFilter(ids=bulk.ticked(posted))
        result = resolve_many(session, integration_id, chosen_ones, decision, at=screen.at, by=screen.caller.login)
        _tell(screen, session, integration_id, decision, result, chosen_ones.ids)
        told, tone = bulk.outcome(screen, result, _DONE)
        return screen.done(session, posted.back or f"/integrations/{integration_id}/conflicts", told, tone=tone)


def _take(screen: Screen) -> Decision | None:
    wanted = screen.posted.typed("order")
    if wanted == _OWN:
        return Own(value=screen.posted.optional("own"))
    return next((one for one in Take if one.value == wanted), None)


def _decision(screen: Screen) -> Decision:
    decision = _take(screen)
    if decision is None:
        words = N_("what is right is not said")
        raise refused("unknown_value", words, field="order", remedy=N_("Choose one of the values."))
    return decision


def _tell(
    screen: Screen, session: Session, integration_id: int, decision: Decision, result: Result, ids: Sequence[int]
) -> None:
    take = _OWN if isinstance(decision, Own) else decision.value
    detail = {"take": take, "done": result.done, "refused": len(result.refused), "ids": list(ids)[:100]}
    screen.audit(session, "conflicts.resolved", f"integration/{integration_id}", detail)
