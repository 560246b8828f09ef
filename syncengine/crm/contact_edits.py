"""Contacts as people add, change and remove them, with numbers, default contact and default address (CRM-39, CRM-44, CRM-45)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.tables import CONTACT
from syncengine.core.entries import Entry, Lists, unknown_field
from syncengine.core.refusals import refused
from syncengine.crm.numbers import CONTACT_KINDS, Numbers, numbers_of_contact
from syncengine.crm.unit import ID_MAX, Unit, open_child, open_company, same
from syncengine.cycle.act import Act, Edited
from syncengine.cycle.arrivals import CONTACT_LEAVES
from syncengine.model import Address, Contact
from syncengine.model.link import Entity

ATTRS: Final = (*CONTACT_LEAVES, *CONTACT_KINDS)
"""What is entered in a contact."""


def add_contact(session: Session, company_id: int, values: Mapping[str, Any], act: Act) -> Edited:
    """A new contact, last of the list; the first one of a Company is the default one (CRM-44). Raises InputRefused."""
    return add_contact_to(open_company(session, company_id, act), values)


def add_contact_to(unit: Unit, values: Mapping[str, Any]) -> Edited:
    """``add_contact`` for a unit that is open."""
    said = {attr: value for attr, value in _checked(unit, values, {}).items() if value is not None}
    if "last_name" not in said:
        known = CONTACT.field("last_name")
        raise refused(
            "field_required",
            f"{known.label}: it is mandatory",
            record=unit.record,
            field=known.attr,
            remedy="Enter a value.",
        )
    siblings = _contacts(unit)
    _refuse_namesake(unit, siblings, said)
    contact = Contact(
        **unit.owner,
        **{attr: said.get(attr) for attr in CONTACT_LEAVES},
        is_default=not any(one.is_default for one in siblings),
        position=max((one.position + 1 for one in siblings), default=0),
        default_address_id=_main_address(unit),
    )
    unit.session.add(contact)
    unit.session.flush()
    numbers = Numbers(unit.session, unit.owner, contact.id, [])
    for attr in CONTACT_KINDS:
        numbers.set(attr, said.get(attr))
    unit.journal.row(Entity.CONTACT, contact.id, None, before=None, after=said, rule=unit.act.rule)
    return _done(unit, contact, said)


def edit_contact(session: Session, contact_id: int, values: Mapping[str, Any], act: Act) -> Edited:
    """Change a contact: its fields, ``phone``, ``mobile``, ``fax``, ``email``; '' and None empty a value. Raises InputRefused."""
    contact, unit = _opened(session, contact_id, act)
    numbers = numbers_of_contact(unit, contact)
    before = {attr: getattr(contact, attr) for attr in CONTACT_LEAVES} | numbers.all()
    changed = _checked(unit, values, before)
    if changed.keys() & {"last_name", "first_name"}:
        _refuse_namesake(unit, [one for one in _contacts(unit) if one is not contact], before | changed)
    leaves = {attr: value for attr, value in changed.items() if attr in CONTACT_LEAVES}
    unit.replace(Entity.CONTACT, contact, leaves, {})
    for attr in CONTACT_KINDS:
        if attr in changed:
            numbers.set(attr, changed[attr])
            told = (attr, before.get(attr), changed[attr], unit.act.rule)
            unit.journal.value(Entity.CONTACT, contact.id, contact.erp_key, *told)
    return _done(unit, contact, changed)


def remove_contact(session: Session, contact_id: int, act: Act) -> Edited:
    """Remove a contact with its numbers; the next of the list becomes the default one in its place. Raises InputRefused."""
    contact, unit = _opened(session, contact_id, act)
    drop_contact(unit, contact)
    heir = next(iter(_contacts(unit)), None)
    if contact.is_default and heir is not None:
        unit.replace(Entity.CONTACT, heir, {"is_default": True}, {})
    return _done(unit, contact, ("",))


def drop_contact(unit: Unit, contact: Contact) -> None:
    """Take a contact and its numbers out of the base, and write what they were into the journal."""
    numbers = numbers_of_contact(unit, contact)
    kept = {attr: value for attr in (*CONTACT_LEAVES, "is_default") if (value := getattr(contact, attr))}
    before = kept | numbers.all()
    unit.journal.row(Entity.CONTACT, contact.id, contact.erp_key, before=before, after=None, rule=unit.act.rule)
    for row in numbers.rows():
        unit.session.delete(row)
    unit.session.flush()
    unit.session.delete(contact)
    unit.session.flush()


def set_default_contact(session: Session, contact_id: int, act: Act) -> Edited:
    """Make a contact the default one of its Company; that is the CRM's own and is not sent (CRM-44). Raises InputRefused."""
    contact, unit = _opened(session, contact_id, act)
    for one in _contacts(unit):
        unit.replace(Entity.CONTACT, one, {"is_default": one is contact}, {})
    return unit.done(contact.id)


def set_contact_address(session: Session, contact_id: int, address_id: int, act: Act) -> Edited:
    """Choose the default address of a contact among those of its Company (CRM-44). Raises InputRefused."""
    contact, unit = _opened(session, contact_id, act)
    address = session.get(Address, address_id) if abs(address_id) <= ID_MAX else None
    if address is None or not _together(address, contact):
        raise refused(
            "address_unknown",
            "the Company has no such address",
            record=unit.record,
            field="default_address_id",
            remedy="Choose an address of the same Company.",
        )
    unit.replace(Entity.CONTACT, contact, {"default_address_id": address.id}, {})
    return unit.done(contact.id)


def share_main_address(session: Session, contact_id: int, act: Act) -> Edited:
    """'Partager l'adresse principale': the Company's default address becomes that of the contact (CRM-44). Raises InputRefused."""
    contact, unit = _opened(session, contact_id, act)
    main = _main_address(unit)
    if main is None:
        raise refused(
            "address_unknown",
            "the Company has no main address",
            record=unit.record,
            field="default_address_id",
            remedy="Enter an address of the Company first.",
        )
    unit.replace(Entity.CONTACT, contact, {"default_address_id": main}, {})
    return unit.done(contact.id)


def _opened(session: Session, contact_id: int, act: Act) -> tuple[Contact, Unit]:
    known = session.get(Contact, contact_id) if abs(contact_id) <= ID_MAX else None
    unit = None if known is None else open_child(session, known, act)
    # Read again: whoever held the tiers may have changed or removed it while we waited.
    contact = None if unit is None else session.get(Contact, contact_id, populate_existing=True)
    if contact is None or unit is None:
        raise refused(
            "contact_unknown",
            "there is no such contact",
            record=str(contact_id),
            remedy="See the contacts of a Company: `syncengine company show`.",
        )
    return contact, unit


def _checked(unit: Unit, values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str | None]:
    """What really changes, as it will be kept."""
    lists = unit.lists() if "service" in values else Lists()
    entry = Entry(struct=CONTACT, record=unit.record, lists=lists, warnings=unit.warnings)
    changed: dict[str, str | None] = {}
    for attr, given in values.items():
        if attr not in ATTRS:
            raise unknown_field(attr, unit.record)
        if not same(before.get(attr), given):
            value = entry.value(entry.field(attr), given)
            if not same(before.get(attr), value):
                changed[attr] = value
    return changed


def _refuse_namesake(unit: Unit, others: list[Contact], values: Mapping[str, Any]) -> None:
    """The ERP tells the contacts of a tiers apart by name and first name."""
    if _person(values.get("last_name"), values.get("first_name")) in {
        _person(o.last_name, o.first_name) for o in others
    }:
        told = " ".join(filter(None, (values.get("first_name"), values.get("last_name"))))
        raise refused(
            "contact_in_use",
            f"there is a contact {told} already",
            record=unit.record,
            field="last_name",
            remedy="Change that one, or tell the two apart by their first name.",
        )


def _person(last_name: str | None, first_name: str | None) -> tuple[str, str]:
    return (last_name or "").casefold(), (first_name or "").casefold()


def _contacts(unit: Unit) -> list[Contact]:
    query = select(Contact).where(unit.mine(Contact)).order_by(Contact.position, Contact.id)
    return unit.rows(query)


def _main_address(unit: Unit) -> int | None:
    query = select(Address.id).where(unit.mine(Address), Address.is_default).order_by(Address.id)
    return unit.session.scalar(query)


def _together(address: Address, contact: Contact) -> bool:
    of_company = contact.company_id is not None and address.company_id == contact.company_id
    return of_company or (contact.account_id is not None and address.account_id == contact.account_id)


def _done(unit: Unit, contact: Contact, changed: Mapping[str, Any] | tuple[str, ...]) -> Edited:
    if changed:
        unit.note(changed)
        unit.travels = True
    return unit.done(contact.id)
