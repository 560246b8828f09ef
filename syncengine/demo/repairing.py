"""An edit that Sage 100 refuses: told with its code, field and remedy, corrected, tried again, gone (CRM-49, CRM-50)."""

from __future__ import annotations

from sqlalchemy import select

from syncengine.cycle.run import utc_now
from syncengine.demo.stage import PERSON, Stage, Tiers, shown
from syncengine.desk.error_desk import edit_and_retry
from syncengine.desk.error_sheet import ErrorSheet, error_sheet, sync_errors
from syncengine.model import Representative, Side, SyncError, SyncErrorState


def edit_refused(stage: Stage) -> None:
    """The CRM gives a customer to a representative who is deleted in Sage 100 at the same time."""
    stage.begin("10 · An edit that Sage 100 refuses, repaired")
    (one,) = stage.tiers(1)
    before = stage.crm_value(one, "representative")
    newcomer = stage.desk.hire("Remplacement", "Été")
    stage.say("Sage 100", f"a representative comes: n° {newcomer}, Été Remplacement")
    stage.cycle()
    stage.in_crm(one, representative=newcomer)
    stage.desk.dismiss(newcomer)
    stage.say("Sage 100", f"representative n° {newcomer} is deleted again, before the next cycle")
    stage.expect("edits refused", stage.cycle().counts.refused_by_erp, 1)
    stage.hold(one, "representative", crm=newcomer, erp=before)
    sheet = _sheet(stage, one)
    _show(stage, sheet)
    right = _another(stage, {newcomer, before})
    stage.command(f"errors edit {sheet.error.id} representative={right}")
    with stage.engine.store.writing() as session:
        edit_and_retry(session, sheet.error.id, {"representative": right}, at=utc_now(), by=PERSON)
    stage.cycle()
    stage.both_hold(one, "representative", right)
    stage.expect("errors of the tiers", _open_errors(stage, one), [])
    with stage.engine.store.reading() as session:
        stage.expect("the error", session.get_one(SyncError, sheet.error.id).state, SyncErrorState.RESOLVED)
    stage.confirm(f"both sides hold representative n° {right}, and the error is gone from the list")


def _sheet(stage: Stage, one: Tiers) -> ErrorSheet:
    found = _open_errors(stage, one)
    stage.expect("errors of the tiers", len(found), 1, one=one)
    with stage.engine.store.reading() as session:
        return error_sheet(session, found[0])


def _open_errors(stage: Stage, one: Tiers) -> list[int]:
    with stage.engine.store.reading() as session:
        found = sync_errors(session, stage.integration_id, side=Side.ERP)
    return [error.id for error in found if error.erp_key == one.code]


def _show(stage: Stage, sheet: ErrorSheet) -> None:
    error, wrong = sheet.error, [line for line in sheet.lines if line.refused]
    stage.expect("values refused", [line.path for line in wrong], ["representative"])
    rows = [(str(error.id), error.erp_key, error.code, line.label, shown(line.value)) for line in wrong]
    stage.table(("n°", "tiers", "code", "Champ", "Valeur"), rows)
    stage.told("→", f"{error.message}. {error.remedy}")


def _another(stage: Stage, but: set[str | None]) -> str:
    """A representative who is there."""
    query = select(Representative.code).where(
        Representative.integration_id == stage.integration_id, Representative.active
    )
    with stage.engine.store.reading() as session:
        codes = session.scalars(query.order_by(Representative.id)).all()
    return next(code for code in codes if code not in but)
