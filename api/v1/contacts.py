"""/contacts: the people of a Company with their phones and e-mails (CRM-39, CRM-44, CRM-45)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.entered import entry_form
from api.etags import TheIfMatch
from api.forms import ID_MAX, Form, RecordId
from api.identity import Reader, TheEngine
from api.openapi import refuses
from api.pages import Page
from api.shown import Shown
from api.v1.companies import ENTRY
from api.v1.company_actions import PLAIN, Plain
from api.work import EditOnce, EditWork
from contracts.tables import CONTACT
from syncengine.core.refusals import refused
from syncengine.crm import edits
from syncengine.crm.companies import company_view
from syncengine.crm.company_sheet import ContactView
from syncengine.crm.contact_edits import ATTRS
from syncengine.cycle.act import Edited
from syncengine.model import Contact

router = APIRouter(tags=["companies"])
_OWN: Final[dict[str, Any]] = {"dry_run": (bool, False)}

if TYPE_CHECKING:
    ContactForm = Form
else:
    ContactForm = entry_form(
        "ContactForm", CONTACT, ATTRS, own=_OWN, doc="What is entered in a contact; what is left out stays."
    )


class DefaultContactForm(Form):
    """Which contact is the default one."""

    contact_id: int = Field(ge=1, le=ID_MAX)


class DefaultAddressForm(Form):
    """Which address is the default one."""

    address_id: int = Field(ge=1, le=ID_MAX)


@router.get("/companies/{company_id}/contacts", responses=refuses("company_unknown"))
def list_contacts(company_id: RecordId, _caller: Reader, engine: TheEngine) -> Page[ContactView]:
    """The contacts of a Company, in their order."""
    with engine.store.reading() as session:
        return Page(items=list(company_view(session, company_id).contacts), next=None)


@router.post(
    "/companies/{company_id}/contacts",
    status_code=201,
    response_model=ContactView,
    responses=refuses("company_unknown", "contact_in_use", *ENTRY),
)
def create_contact(company_id: RecordId, form: ContactForm, work: EditOnce) -> Response:
    """Add a contact to a Company; the first one is the default contact (CRM-44)."""
    with work.writing(dry_run=is_dry(form)) as session:
        edited = edits.add_contact(session, company_id, entered_values(form), work.caller.act())
        work.audit(session, "contact.created", f"contact/{edited.id}", {"company": company_id})
        view = contact_view(session, edited.id)
        return work.answer(session, view, status=201, location=f"/api/v1/contacts/{edited.id}", versioned=True)


@router.put(
    "/companies/{company_id}/default_contact",
    response_model=Edited,
    responses=refuses("company_unknown", "contact_unknown"),
)
def set_default_contact(company_id: RecordId, form: DefaultContactForm, work: EditWork) -> Response:
    """Make a contact the default one of its Company: that is the CRM's own and is not sent (CRM-44)."""
    with work.writing() as session:
        if _company_of(session, form.contact_id) != company_id:
            raise _unknown(form.contact_id)
        edited = edits.set_default_contact(session, form.contact_id, work.caller.act())
        work.audit(session, "company.default_contact", f"company/{company_id}", {"contact": form.contact_id})
        return work.answer(session, Shown[Edited](edited))


@router.get("/contacts/{contact_id}", response_model=ContactView, responses=refuses("contact_unknown"))
def get_contact(contact_id: RecordId, _caller: Reader, engine: TheEngine, request: Request) -> Response:
    """One contact."""
    with engine.store.reading() as session:
        return etags.answer(request, contact_view(session, contact_id))


@router.patch(
    "/contacts/{contact_id}",
    response_model=ContactView,
    responses=refuses("contact_unknown", "contact_in_use", *ENTRY),
)
def modify_contact(contact_id: RecordId, form: ContactForm, work: EditWork, if_match: TheIfMatch) -> Response:
    """Change a contact, its phone, mobile, fax and e-mail included; it goes to Sage 100 with the next cycle."""
    with work.writing(dry_run=is_dry(form)) as session:
        if_match.check(contact_view(session, contact_id))
        edited = edits.edit_contact(session, contact_id, entered_values(form), work.caller.act())
        if edited.changed:
            work.audit(session, "contact.changed", f"contact/{contact_id}", {"fields": list(edited.changed)})
        return work.answer(session, contact_view(session, contact_id), versioned=True)


@router.delete("/contacts/{contact_id}", status_code=204, responses=refuses("contact_unknown"))
def delete_contact(contact_id: RecordId, work: EditWork, if_match: TheIfMatch) -> Response:
    """Remove a contact, with the next cycle from Sage 100 too; the journal keeps what it was."""
    with work.writing() as session:
        if_match.check(contact_view(session, contact_id))
        edits.remove_contact(session, contact_id, work.caller.act())
        work.audit(session, "contact.deleted", f"contact/{contact_id}")
        return work.answer(session, status=204)


@router.put(
    "/contacts/{contact_id}/default_address",
    response_model=ContactView,
    responses=refuses("contact_unknown", "address_unknown"),
)
def set_contact_address(contact_id: RecordId, form: DefaultAddressForm, work: EditWork) -> Response:
    """Choose the default address of a contact among those of its Company (CRM-44)."""
    with work.writing() as session:
        contact_view(session, contact_id)
        edits.set_contact_address(session, contact_id, form.address_id, work.caller.act())
        work.audit(session, "contact.default_address", f"contact/{contact_id}", {"address": form.address_id})
        return work.answer(session, contact_view(session, contact_id), versioned=True)


@router.post(
    "/contacts/{contact_id}/shared_addresses",
    status_code=201,
    response_model=ContactView,
    responses=refuses("contact_unknown", "address_unknown"),
)
def create_shared_address(contact_id: RecordId, work: EditOnce, form: Plain = PLAIN) -> Response:
    """'Partager l'adresse principale': the Company's main address becomes that of the contact (CRM-44)."""
    with work.writing(dry_run=form.dry_run) as session:
        contact_view(session, contact_id)
        edits.share_main_address(session, contact_id, work.caller.act())
        work.audit(session, "contact.main_address_shared", f"contact/{contact_id}")
        return work.answer(session, contact_view(session, contact_id), status=201)


def contact_view(session: Session, contact_id: int) -> Shown[ContactView]:
    """A contact of a Company as its sheet shows it. Raises InputRefused (contact_unknown)."""
    company_id = _company_of(session, contact_id)
    found = () if company_id is None else company_view(session, company_id).contacts
    view = next((one for one in found if one.id == contact_id), None)
    if view is None:
        raise _unknown(contact_id)
    return Shown[ContactView](view)


def entered_values(form: Form) -> dict[str, Any]:
    """What the edit service takes."""
    return form.model_dump(exclude_unset=True, exclude={"dry_run"})


def is_dry(form: Form) -> bool:
    """Whether it is only tried."""
    return bool(form.model_dump(include={"dry_run"})["dry_run"])


def _company_of(session: Session, contact_id: int) -> int | None:
    contact = session.get(Contact, contact_id)
    return None if contact is None else contact.company_id


def _unknown(contact_id: int) -> Exception:
    return refused(
        "contact_unknown", "there is no such contact", record=str(contact_id), remedy="See the contacts of the Company."
    )
