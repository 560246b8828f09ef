"""The contacts and addresses of a Company: their forms and orders (CRM-38, CRM-39, CRM-44, CRM-45)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.console.company import place_of
from api.console.language import N_
from api.console.screen import EditScreen, Screen
from api.forms import RecordId
from contracts.fields import Struct
from contracts.tables import ADDRESS, CONTACT
from syncengine.core.entries import CIVILITIES
from syncengine.core.marker import entered
from syncengine.core.refusals import refused
from syncengine.crm import address_edits, contact_edits, edits
from syncengine.crm.companies import company_view
from syncengine.crm.company_sheet import AddressView, CompanyView, ContactView
from syncengine.crm.erp_lists import list_parameters
from syncengine.cycle.act import Act, Edited
from syncengine.errors import InputRefused

router = APIRouter()
Kind = Literal["contacts", "addresses"]
Order = Callable[[Session, int, Act], Edited]
_SERVICES: Final = 200


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a Company has several of, and what may be done to one of them."""

    noun: str
    struct: Struct
    attrs: tuple[str, ...]
    add: Callable[[Session, int, Mapping[str, Any], Act], Edited]
    edit: Callable[[Session, int, Mapping[str, Any], Act], Edited]
    orders: Mapping[str, Order]
    made: str
    changed: str
    unknown: str


PARTS: Final[Mapping[str, Part]] = {
    "contacts": Part(
        noun="contact",
        struct=CONTACT,
        attrs=contact_edits.ATTRS,
        add=edits.add_contact,
        edit=edits.edit_contact,
        orders={
            "default": edits.set_default_contact,
            "main-address": edits.share_main_address,
            "removal": edits.remove_contact,
        },
        made=N_("The contact is added."),
        changed=N_("The contact is changed."),
        unknown="there is no such contact",
    ),
    "addresses": Part(
        noun="address",
        struct=ADDRESS,
        attrs=address_edits.ATTRS,
        add=edits.add_address,
        edit=edits.edit_address,
        orders={"default": edits.set_default_address, "removal": edits.remove_address},
        made=N_("The address is added."),
        changed=N_("The address is changed."),
        unknown="there is no such address",
    ),
}
_DONE: Final = {
    ("contacts", "default"): N_("The contact is the default one."),
    ("contacts", "main-address"): N_("The main address of the Company is now that of the contact."),
    ("contacts", "removal"): N_("The contact is removed; the log keeps what it was."),
    ("addresses", "default"): N_("The address is the billing address."),
    ("addresses", "removal"): N_("The address is removed; the log keeps what it was."),
}


@router.get("/companies/{company_id}/{kind}/new")
def show_new(company_id: RecordId, kind: Kind, screen: EditScreen) -> Response:
    """An empty form."""
    return screen.show("company_part.html", **_context(screen, company_id, kind, None))


@router.post("/companies/{company_id}/{kind}")
def add_part(company_id: RecordId, kind: Kind, screen: EditScreen) -> Response:
    """Add a contact, last of the list, or an address: the first one is the billing address (CRM-26, CRM-44)."""
    part = PARTS[kind]
    try:
        with screen.writing() as session:
            edited = part.add(session, company_id, _entered(screen, part), screen.caller.act())
            screen.audit(session, f"{part.noun}.created", f"{part.noun}/{edited.id}", {"company": company_id})
            return screen.done(session, f"/companies/{company_id}#{kind}", _told(screen, part.made, edited))
    except InputRefused as problem:
        return screen.again("company_part.html", problem, **_context(screen, company_id, kind, None))


@router.get("/companies/{company_id}/{kind}/{part_id}")
def show_part(company_id: RecordId, kind: Kind, part_id: RecordId, screen: EditScreen) -> Response:
    """The form with what the contact or address holds."""
    return screen.show("company_part.html", **_context(screen, company_id, kind, part_id))


@router.post("/companies/{company_id}/{kind}/{part_id}")
def change_part(company_id: RecordId, kind: Kind, part_id: RecordId, screen: EditScreen) -> Response:
    """Change it; it goes to Sage 100 with the next cycle."""
    part = PARTS[kind]
    try:
        with screen.writing() as session:
            _mine(company_view(session, company_id), kind, part_id)
            edited = part.edit(session, part_id, _entered(screen, part), screen.caller.act())
            if edited.changed:
                screen.audit(
                    session, f"{part.noun}.changed", f"{part.noun}/{part_id}", {"fields": list(edited.changed)}
                )
            return screen.done(session, f"/companies/{company_id}#{kind}", _told(screen, part.changed, edited))
    except InputRefused as problem:
        return screen.again("company_part.html", problem, **_context(screen, company_id, kind, part_id))


@router.post("/companies/{company_id}/{kind}/{part_id}/orders/{order}")
def order_part(company_id: RecordId, kind: Kind, part_id: RecordId, order: str, screen: EditScreen) -> Response:
    """Make it the default one, share the main address with it, or remove it (CRM-44)."""
    part = PARTS[kind]
    if order not in part.orders:
        raise refused("unknown_value", "there is no such order", field="order", remedy="Use the buttons of the page.")
    with screen.writing() as session:
        _mine(company_view(session, company_id), kind, part_id)
        part.orders[order](session, part_id, screen.caller.act())
        screen.audit(session, f"{part.noun}.{order}", f"{part.noun}/{part_id}", {"company": company_id})
        return screen.done(session, f"/companies/{company_id}#{kind}", screen._(_DONE[kind, order]))


def _entered(screen: Screen, part: Part) -> dict[str, str | None]:
    return {attr: screen.posted.optional(attr) for attr in part.attrs if attr in screen.posted}


def _told(screen: Screen, words: str, edited: Edited) -> str:
    return " ".join((screen._(words), *(f"{warning}." for warning in edited.warnings)))


def _mine(company: CompanyView, kind: Kind, part_id: int) -> AddressView | ContactView:
    rows: tuple[AddressView | ContactView, ...] = company.contacts if kind == "contacts" else company.addresses
    for row in rows:
        if row.id == part_id:
            return row
    noun = PARTS[kind].noun
    raise refused(f"{noun}_unknown", PARTS[kind].unknown, remedy="See those of the Company.")


def _context(screen: Screen, company_id: int, kind: Kind, part_id: int | None) -> dict[str, Any]:
    part = PARTS[kind]
    with screen.engine.store.reading() as session:
        context = place_of(session, screen, company_id)
        row = None if part_id is None else _mine(context["company"], kind, part_id)
        services = _services(session, context["of"]) if kind == "contacts" else []
    fields = [part.struct.field(attr) for attr in part.attrs]
    values = {attr: entered(getattr(row, attr)) for attr in part.attrs} if row else {}
    options = {"civility": [("", "—"), *((one, one) for one in CIVILITIES)]}
    if services:
        options["service"] = [("", "—"), *services]
    return context | {"kind": kind, "row": row, "fields": fields, "values": values, "options": options}


def _services(session: Session, integration_id: int | None) -> list[tuple[str, str]]:
    """The list of services as Sage 100 has it (CRM-45)."""
    if integration_id is None:
        return []
    rows = list_parameters(session, integration_id, kind="contact_service", active=True, limit=_SERVICES)
    return [(row.code, row.label or row.code) for row in rows]
