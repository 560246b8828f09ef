"""Taking a cycle back: first everything that would be done, then the order, confirmed by the number of the cycle (NEW-04)."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.console.cycle_page import mine
from api.console.language import N_
from api.console.screen import ReadScreen, SyncScreen
from api.forms import RecordId
from syncengine.core.journal_text import as_text
from syncengine.cycle.run import Order
from syncengine.desk.run_requests import ask
from syncengine.desk.status import summary_of
from syncengine.desk.undoing import undo_preview
from syncengine.errors import InputRefused

router = APIRouter()
_PAGE: Final = "/integrations/{integration_id}/cycles/{cycle_id}"
_SHOWN: Final = 200


@router.get(f"{_PAGE}/undo")
def show_undo(integration_id: RecordId, cycle_id: RecordId, screen: ReadScreen) -> Response:
    """What goes back, what was changed since, what cannot go back."""
    with screen.engine.store.reading() as session:
        cycle = summary_of(mine(session, integration_id, cycle_id))
        found = undo_preview(session, integration_id, cycle_id)
    return screen.show("undo.html", of=integration_id, cycle=cycle, plan=found, most=_SHOWN, as_text=as_text)


@router.post(f"{_PAGE}/undos")
def order_undo(integration_id: RecordId, cycle_id: RecordId, screen: SyncScreen) -> Response:
    """Ask for the cycle that takes this one back; or with ``preview`` for its plan, line by line."""
    preview = screen.posted.flag("preview")
    if not preview and screen.posted.typed("confirmation").strip() != str(cycle_id):
        words = N_("the number that was typed is not that of the cycle")
        raise InputRefused(words, code="not_confirmed", remedy=N_("Type the number exactly as the question shows it."))
    order = Order(undoes=cycle_id, changed_since_too=screen.posted.flag("changed_since_too"))
    with screen.writing() as session:
        mine(session, integration_id, cycle_id)
        run = ask(session, integration_id, order, at=screen.at, by=screen.caller.login, preview=preview)
        detail = {"run": run.id, "changed_since_too": order.changed_since_too, "preview": preview}
        screen.audit(session, "cycle.undo_asked", f"cycle/{cycle_id}", detail)
        words = screen._("The plan is being made.") if preview else screen._("The cycle is being taken back.")
        return screen.done(session, f"/runs/{run.id}", words, tone="info")
