"""Agreement of both sides: how far, what differs although nothing waits, and the order to bring it into step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy import select
from starlette.responses import Response

from api.console import bulk, tables
from api.console.language import N_
from api.console.screen import ReadScreen, Screen, SyncScreen
from api.console.signs import sign_of
from api.console.templating import said_in
from api.forms import RecordId
from api.pages import ThePlace
from syncengine import integrations
from syncengine.desk.drift import DifferenceView, agreement, differences, repair
from syncengine.model import Account

router = APIRouter()
_BATCH: Final = 500
_SETTLED: Final = "settled"
_DONE: Final = N_("%(n)s tiers are reconciled by the next cycle.")
HEADINGS: Final = (
    N_("Code comptable"),
    N_("Name"),
    N_("Difference"),
    N_("Field"),
    N_("CRM"),
    N_("Sage 100"),
    N_("Found"),
    N_("Equal again"),
)


@router.get("/integrations/{integration_id}/differences")
def show_differences(
    integration_id: RecordId,
    screen: ReadScreen,
    place: ThePlace,
    state: str = "",
    format: str = "",  # noqa: A002 - the name in the address
) -> Response:
    """The agreement as it was measured, and what differs, or did."""
    settled = state == _SETTLED
    with screen.engine.store.reading() as session:
        integrations.get(session, integration_id)
        found = differences(session, integration_id, settled=settled, limit=place.more, after=place.after(int) or 0)
        measured = agreement(session, integration_id)
        owners = select(Account.id, Account.company_id).where(Account.id.in_([one.account_id for one in found]))
        companies = {row.id: row.company_id for row in session.execute(owners)}
    if format == "csv":
        headings = [screen._(heading) for heading in HEADINGS]
        return tables.csv_answer("differences.csv", headings, _lines(screen, integration_id, settled=settled))
    shown = found[: place.limit]
    return screen.show(
        "differences.html",
        of=integration_id,
        rows=shown,
        measured=measured,
        companies=companies,
        settled=settled,
        kept={"state": state} if state else {},
        next=place.cursor(shown[-1].id) if len(found) > place.limit else None,
        first=place.after(int) is None,
    )


def _lines(screen: Screen, integration_id: int, *, settled: bool) -> Iterator[tuple[object, ...]]:
    after = 0
    while True:
        with screen.engine.store.reading() as session:
            found = differences(session, integration_id, settled=settled, limit=_BATCH, after=after)
        for one in found:
            yield from _rows(screen, one)
        if len(found) < _BATCH:
            return
        after = found[-1].id


def _rows(screen: Screen, one: DifferenceView) -> Iterator[tuple[object, ...]]:
    drift, moments = screen._(sign_of(one.drift).word), (one.found_at, one.settled_at)
    fields: list[Any] = [(said_in(f.label, screen.language), f.crm, f.erp) for f in one.fields] or [(None, None, None)]
    for values in fields:
        yield (one.code, one.name, drift, *values, *moments)


@router.post("/integrations/{integration_id}/differences/repairs")
def repair_differences(integration_id: RecordId, screen: SyncScreen) -> Response:
    """Have the next cycle reconcile what was ticked, or all that differ once that was confirmed."""
    with screen.writing() as session:
        integrations.get(session, integration_id)
        everything = screen.posted.flag("all")
        if everything:
            bulk.confirmed(screen.posted, agreement(session, integration_id).differing)
        ids = () if everything else bulk.ticked(screen.posted)
        result = repair(session, integration_id, ids, at=screen.at, by=screen.caller.login, everything=everything)
        detail = {"done": result.done, "everything": everything, "ids": list(ids)[:100]}
        screen.audit(session, "differences.repaired", f"integration/{integration_id}", detail)
        told, tone = bulk.outcome(screen, result, _DONE)
        return screen.done(session, f"/integrations/{integration_id}/differences", told, tone=tone)
