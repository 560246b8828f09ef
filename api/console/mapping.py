"""Mappage: which field of Sage 100 is which of the CRM, which way it travels; and the pairs of the CRM's own (CRM-03, CRM-47)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from api.console import tables
from api.console.screen import AdminScreen, ReadScreen
from api.csv_files import WantsCsv
from api.forms import RecordId
from contracts.fields import Flow
from syncengine.crm import custom_fields
from syncengine.crm.field_mapping import FieldMapping, custom_mappings, field_mappings
from syncengine.errors import InputRefused

router = APIRouter()
_HEADINGS = ("ERP", "contract", "account", "company", "flow", "replicated", "label")


@router.get("/integrations/{integration_id}/mapping")
def show_mapping(
    integration_id: RecordId, screen: ReadScreen, wants: WantsCsv, record: str = "", text: str = "", way: str = ""
) -> Response:
    """Every field, by kind of record."""
    with screen.engine.store.reading() as session:
        own = custom_mappings(session)
    found = [one for one in field_mappings() if _wanted(one, record, text, way)]
    if wants:
        return tables.csv_answer("mappage", _HEADINGS, map(_row, (*found, *own)))
    records = list(dict.fromkeys(one.record for one in field_mappings()))
    shown: dict[str, Any] = {"found": found, "own": own, "records": records, "record": record, "text": text, "way": way}
    return screen.show("mapping.html", of=integration_id, **shown)


def _wanted(one: FieldMapping, record: str, text: str, way: str) -> bool:
    haystack = " ".join(filter(None, (one.label, one.field, one.erp, one.account, one.company))).casefold()
    ways = {"both": one.flow is Flow.BOTH, "from_erp": one.flow is Flow.FROM_ERP, "not": not one.replicated}
    return (not record or one.record == record) and text.strip().casefold() in haystack and ways.get(way, True)


def _row(one: FieldMapping) -> Sequence[object]:
    way = "" if one.flow is None else one.flow.value
    return one.erp, f"{one.record}.{one.field}", one.account, one.company, way, one.replicated, one.label


@router.post("/integrations/{integration_id}/mapping/fields")
def define_field(integration_id: RecordId, screen: AdminScreen) -> Response:
    """A text field of the CRM's own, and with ``pair`` its replication from Company to tiers."""
    posted, back = screen.posted, f"/integrations/{integration_id}/mapping"
    try:
        with screen.writing() as session:
            made = custom_fields.define(session, posted.text("own_name"), posted.text("own_label"))
            if posted.flag("pair"):
                custom_fields.add_pair(session, made.name, screen.caller.act())
            screen.audit(session, "field.defined", f"field/{made.name}", {"replicated": [None, posted.flag("pair")]})
            return screen.done(session, f"{back}#own", screen._("The field %(name)s is made.", name=made.label))
    except InputRefused as problem:
        field = {"name": "own_name", "label": "own_label"}.get(problem.field or "", "own_name")
        problem.field = field
        return _again(screen, integration_id, problem)


def _again(screen: AdminScreen, integration_id: int, problem: InputRefused) -> Response:
    with screen.engine.store.reading() as session:
        own = custom_mappings(session)
    found = field_mappings()
    records = list(dict.fromkeys(one.record for one in found))
    shown: dict[str, Any] = {"found": found, "own": own, "records": records, "record": "", "text": "", "way": ""}
    return screen.again("mapping.html", problem, of=integration_id, **shown)


@router.post("/integrations/{integration_id}/mapping/fields/{name}/pair")
def add_pair(integration_id: RecordId, name: str, screen: AdminScreen) -> Response:
    """Replicate a pair from now on: tiers take the value their company has."""
    with screen.writing() as session:
        count = custom_fields.add_pair(session, name, screen.caller.act())
        screen.audit(session, "field.paired", f"field/{name}")
        words = screen._("The pair is replicated; %(n)s tiers took the value of their company.", n=count)
        return screen.done(session, f"/integrations/{integration_id}/mapping#own", words)


@router.post("/integrations/{integration_id}/mapping/fields/{name}/unpair")
def remove_pair(integration_id: RecordId, name: str, screen: AdminScreen) -> Response:
    """Replicate a pair no longer; the values stay."""
    with screen.writing() as session:
        custom_fields.remove_pair(session, name)
        screen.audit(session, "field.unpaired", f"field/{name}")
        words = screen._("The pair is no longer replicated; the values stay on both sides.")
        return screen.done(session, f"/integrations/{integration_id}/mapping#own", words)
