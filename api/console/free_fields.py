"""Informations libres: the free fields of Sage 100 as the CRM knows them; those no longer replicated are struck out (CRM-46)."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import select
from starlette.responses import Response

from api.console import tables
from api.console.screen import EditScreen, ReadScreen
from api.csv_files import WantsCsv
from api.forms import RecordId
from syncengine.crm.struck_fields import remove_struck_fields
from syncengine.model import FreeFieldDefinition, FreeFieldState

router = APIRouter()


@router.get("/integrations/{integration_id}/free-fields")
def show_free_fields(integration_id: RecordId, screen: ReadScreen, wants: WantsCsv) -> Response:
    """Every free field, in the order of Sage 100."""
    definition = FreeFieldDefinition
    query = select(definition).where(definition.integration_id == integration_id)
    with screen.engine.store.reading() as session:
        rows = list(session.scalars(query.order_by(definition.position, definition.id)))
    if wants:
        headings = ("name", "type", "length", "computed", "items", "state")
        return tables.csv_answer("informations-libres", headings, map(_row, rows))
    struck = [row for row in rows if row.state is FreeFieldState.NO_LONGER_REPLICATED]
    return screen.show("free_fields.html", of=integration_id, rows=rows, struck=struck)


def _row(row: FreeFieldDefinition) -> tuple[object, ...]:
    return row.name, row.type, row.length, row.computed, ", ".join(row.items or ()), row.state.value


@router.post("/integrations/{integration_id}/free-fields/removals")
def remove_struck(integration_id: RecordId, screen: EditScreen) -> Response:
    """'Supprimer les champs non synchronisés': the struck ones go, with their values."""
    act = screen.caller.act()
    with screen.writing() as session:
        removed = remove_struck_fields(session, integration_id, at=act.at, by=act.by)
        screen.audit(session, "free_fields.removed", f"integration/{integration_id}", {"fields": list(removed.fields)})
        words = screen._(
            "%(n)s fields are removed, with their values on %(companies)s companies and %(accounts)s tiers.",
            n=len(removed.fields),
            companies=removed.companies,
            accounts=removed.accounts,
        )
        return screen.done(session, f"/integrations/{integration_id}/free-fields", words)
