"""/addresses: the billing address of a Company and those for delivery (CRM-38, CRM-41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.entered import entry_form
from api.etags import TheIfMatch
from api.forms import Form, RecordId
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page
from api.shown import Shown
from api.v1.companies import ENTRY
from api.v1.contacts import DefaultAddressForm, entered_values, is_dry
from api.work import EditOnce, EditWork
from contracts.tables import ADDRESS
from syncengine.core.refusals import refused
from syncengine.crm import edits
from syncengine.crm.address_edits import ATTRS
from syncengine.crm.companies import company_view
from syncengine.crm.company_sheet import AddressView
from syncengine.cycle.act import Edited
from syncengine.model import Address

router = APIRouter(tags=["companies"])
_OWN: Final[dict[str, Any]] = {"dry_run": (bool, False)}
_TITLES: Final = ("title_in_use", "billing_title")

if TYPE_CHECKING:
    AddressForm = Form
else:
    AddressForm = entry_form(
        "AddressForm", ADDRESS, ATTRS, own=_OWN, doc="What is entered in an address; what is left out stays."
    )


@router.get("/companies/{company_id}/addresses", responses=refuses("company_unknown"))
def list_addresses(company_id: RecordId, _caller: Reader, engine: TheEngine) -> Page[AddressView]:
    """The addresses of a Company, the billing address first."""
    with engine.store.reading() as session:
        return Page(items=list(company_view(session, company_id).addresses), next=None)


@router.post(
    "/companies/{company_id}/addresses",
    status_code=201,
    response_model=AddressView,
    responses=refuses("company_unknown", *_TITLES, *ENTRY),
)
def create_address(company_id: RecordId, form: AddressForm, work: EditOnce) -> Response:
    """Add an address to a Company: the first is its billing address, the others are for delivery (CRM-26)."""
    with work.writing(dry_run=is_dry(form)) as session:
        edited = edits.add_address(session, company_id, entered_values(form), work.caller.act())
        work.audit(session, "address.created", f"address/{edited.id}", {"company": company_id})
        view = address_view(session, edited.id)
        return work.answer(session, view, status=201, location=f"/api/v1/addresses/{edited.id}", versioned=True)


@router.put(
    "/companies/{company_id}/default_address",
    response_model=Edited,
    responses=refuses("company_unknown", "address_unknown", "billing_address"),
)
def set_default_address(company_id: RecordId, form: DefaultAddressForm, work: EditWork) -> Response:
    """Make an address the billing address of a Company that is not linked; the others are for delivery."""
    with work.writing() as session:
        if _company_of(session, form.address_id) != company_id:
            raise _unknown(form.address_id)
        edited = edits.set_default_address(session, form.address_id, work.caller.act())
        work.audit(session, "company.default_address", f"company/{company_id}", {"address": form.address_id})
        return work.answer(session, Shown[Edited](edited))


@router.get("/addresses/{address_id}", response_model=AddressView, responses=refuses("address_unknown"))
def get_address(address_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """One address."""
    with engine.store.reading() as session:
        return etags.answer(request, address_view(session, address_id))


@router.patch(
    "/addresses/{address_id}", response_model=AddressView, responses=refuses("address_unknown", *_TITLES, *ENTRY)
)
def modify_address(address_id: RecordId, form: AddressForm, work: EditWork, if_match: TheIfMatch) -> Response:
    """Change an address; it goes to Sage 100 with the next cycle."""
    with work.writing(dry_run=is_dry(form)) as session:
        if_match.check(address_view(session, address_id))
        edited = edits.edit_address(session, address_id, entered_values(form), work.caller.act())
        if edited.changed:
            work.audit(session, "address.changed", f"address/{address_id}", {"fields": list(edited.changed)})
        return work.answer(session, address_view(session, address_id), versioned=True)


@router.delete("/addresses/{address_id}", status_code=204, responses=refuses("address_unknown", "billing_address"))
def delete_address(address_id: RecordId, work: EditWork, if_match: TheIfMatch) -> Response:
    """Remove an address, with the next cycle from Sage 100 too; the billing address of a linked Company stays."""
    with work.writing() as session:
        if_match.check(address_view(session, address_id))
        edits.remove_address(session, address_id, work.caller.act())
        work.audit(session, "address.deleted", f"address/{address_id}")
        return work.answer(session, status=204)


def address_view(session: Session, address_id: int) -> Shown[AddressView]:
    """An address of a Company as its sheet shows it. Raises InputRefused (address_unknown)."""
    company_id = _company_of(session, address_id)
    found = () if company_id is None else company_view(session, company_id).addresses
    view = next((one for one in found if one.id == address_id), None)
    if view is None:
        raise _unknown(address_id)
    return Shown[AddressView](view)


def _company_of(session: Session, address_id: int) -> int | None:
    address = session.get(Address, address_id)
    return None if address is None else address.company_id


def _unknown(address_id: int) -> Exception:
    return refused(
        "address_unknown",
        "there is no such address",
        record=str(address_id),
        remedy="See the addresses of the Company.",
    )
