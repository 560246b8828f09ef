"""The integration record: how it stands, and what can be ordered of it (CRM-15, CRM-19, CRM-53, CRM-58)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from api.console.screen import AdminScreen, ReadScreen, SyncScreen
from api.forms import RecordId
from syncengine import exclusive, integrations
from syncengine.connection import Target, run_connection_test
from syncengine.core.refusals import refused
from syncengine.crm import rights
from syncengine.cycle.due import may_read
from syncengine.cycle.run import Order
from syncengine.desk import run_requests
from syncengine.desk.drift import agreement
from syncengine.desk.overview import standings
from syncengine.desk.plans import list_plans
from syncengine.desk.status import last_cycles
from syncengine.engine import Engine
from syncengine.model import Integration, Right, Side

router = APIRouter()
_CYCLES: Final = 6
_PATIENCE_S: Final = 40.0
"""How long the page waits until a cycle under way has ended; then it says so, and the order can be given again."""
_TEST_S: Final = 15
_ORDERS: Final = {
    "sync": Order(),
    "resync": Order(full=True),
    "erp": Order(full=True, preferred=Side.ERP),
    "crm": Order(full=True, preferred=Side.CRM),
}
"""Synchroniser maintenant; resynchronisation complète, by base and policies or with Sage 100 in the right; envoi complet."""


@router.get("/integrations/{integration_id}")
def show_integration(integration_id: RecordId, screen: ReadScreen) -> Response:
    """Généralités: the connection, the schedule, how it stands, the last cycles."""
    with screen.engine.store.reading() as session:
        found = integrations.get(session, integration_id)
        context: dict[str, Any] = {
            "record": found,
            "standing": standings(session, at=screen.at, integration_id=integration_id)[0],
            "row": session.get_one(Integration, integration_id),
            "agreement": agreement(session, integration_id),
            "cycles": last_cycles(session, integration_id, count=_CYCLES),
            "plan": next(iter(list_plans(session, integration_id, limit=1)), None),
            "may_disconnect": Right.DISCONNECT in rights.granted(session, screen.caller.user_id),
            "schedule": _schedule(screen, found.draft),
        }
        return screen.show("integration.html", of=integration_id, **context)


def _schedule(screen: ReadScreen, draft: Any) -> str:
    words = screen.formats.schedule(draft.interval_min, draft.daily_resync_at, live=draft.live)
    return f"{words[:1].upper()}{words[1:]}"


@router.post("/integrations/{integration_id}/cycles")
def order_cycle(integration_id: RecordId, screen: SyncScreen) -> Response:
    """A cycle now, or the plan of it: it is carried out by the service as soon as none other runs (CRM-19, NEW-02)."""
    posted, _ = screen.posted, screen._
    kind = posted.typed("kind", "sync")
    if kind not in _ORDERS:
        raise refused("unknown_value", "there is no such cycle", field="kind", remedy="Use the buttons of the page.")
    plan_id = posted.number("plan_id") if "plan_id" in posted else None
    preview = posted.flag("preview")
    with screen.writing() as session:
        order = replace(_ORDERS[kind], plan_id=plan_id)
        run = run_requests.ask(session, integration_id, order, at=screen.at, by=screen.caller.login, preview=preview)
        detail = {"run": run.id, "kind": kind, "preview": preview, "plan": plan_id}
        screen.audit(session, "cycle.asked", f"integration/{integration_id}", detail)
        words = (
            _("The plan is being made.")
            if preview
            else _("The cycle is ordered: it begins as soon as none other runs.")
        )
        return screen.done(session, _follow(screen, integration_id, run.id), words, tone="info")


def _follow(screen: SyncScreen, integration_id: int, run_id: int) -> str:
    known = "/runs/{run_id}" in screen.request.app.state.pages
    return f"/runs/{run_id}" if known else f"/integrations/{integration_id}"


@router.post("/integrations/{integration_id}/activation")
def activate_integration(integration_id: RecordId, screen: AdminScreen) -> Response:
    """Let cycles run, the first one at once (CRM-11)."""
    with screen.writing() as session:
        record = integrations.activate(session, integration_id, at=screen.at)
        screen.audit(session, "integration.activated", f"integration/{integration_id}")
        words = screen._("%(name)s is active: a cycle begins at once.", name=record.name)
        return screen.done(session, f"/integrations/{integration_id}", words)


@router.post("/integrations/{integration_id}/deactivation")
def deactivate_integration(integration_id: RecordId, screen: AdminScreen) -> Response:
    """Stop cycles, so that settings can be changed (CRM-11, CRM-18)."""
    with screen.writing() as session:
        record = integrations.deactivate(session, integration_id, at=screen.at)
        screen.audit(session, "integration.deactivated", f"integration/{integration_id}")
        words = screen._("%(name)s is deactivated: its settings can be changed.", name=record.name)
        return screen.done(session, f"/integrations/{integration_id}", words)


@router.post("/integrations/{integration_id}/disconnection")
def disconnect_integration(integration_id: RecordId, screen: SyncScreen) -> Response:
    """'Déconnecter Gestion Commerciale' (CRM-58)."""
    caller, _ = screen.caller, screen._
    done = exclusive.disconnect(screen.engine, integration_id, by=caller.login, longest_s=_PATIENCE_S)
    with screen.writing() as session:
        screen.audit(session, "integration.disconnected", f"integration/{integration_id}")
        if done.gateway_obeyed:
            return screen.done(session, f"/integrations/{integration_id}", _("The base of Sage 100 is released."))
        words = _("The gateway is an older one: stop it before work that needs the base alone.")
        return screen.done(session, f"/integrations/{integration_id}", words, tone="warning")


@router.post("/integrations/{integration_id}/reconnection")
def reconnect_integration(integration_id: RecordId, screen: SyncScreen) -> Response:
    """'Reconnecter Gestion Commerciale' (CRM-58)."""
    exclusive.reconnect(screen.engine, integration_id, by=screen.caller.login)
    with screen.writing() as session:
        screen.audit(session, "integration.reconnected", f"integration/{integration_id}")
        words = screen._("The base of Sage 100 is used again; synchronisation goes on.")
        return screen.done(session, f"/integrations/{integration_id}", words)


@router.get("/integrations/{integration_id}/connection")
def show_connection(integration_id: RecordId, screen: SyncScreen, run: bool = False) -> Response:  # noqa: FBT001, FBT002 - a query
    """The connection test, step by step, each with what was found and what to do (CRM-53); it is run when asked for."""
    target = _target(screen.engine, integration_id)
    steps = run_connection_test(target) if run else None
    return screen.show("connection.html", of=integration_id, steps=steps, target=target)


def _target(engine: Engine, integration_id: int) -> Target:
    with engine.store.reading() as session:
        integrations.get(session, integration_id)
        row = session.get_one(Integration, integration_id)
        may_read(row)
        return Target(
            url=row.url,
            user=row.erp_user,
            password=integrations.erp_password(row, engine.secrets),
            company=row.company,
            timeout_s=min(row.timeout_s, _TEST_S),
        )
