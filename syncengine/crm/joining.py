"""A Company's own addresses, contacts and numbers join those of the Account it takes over (CRM-31).

What both have is one: the Account's row stays and takes what it lacks, for Sage 100 holds no name and no title twice in a tiers.
What only the Company has is added, and has no number in the ERP until the next cycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select

from contracts.stored import clean
from contracts.tables import BILLING, DELIVERY
from syncengine.core.fold import fold
from syncengine.core.likeness import Alike, alike_contacts
from syncengine.core.snapshot import Values
from syncengine.crm.adoption import alone, hand_over, make_kind, of_company_alone
from syncengine.crm.numbers import Numbers, numbers_of_contact
from syncengine.crm.separation import said
from syncengine.crm.unit import Unit
from syncengine.cycle.arrivals import CONTACT_LEAVES
from syncengine.model import Account, Address, Company, Contact, Email, Phone
from syncengine.model.journal import Rule
from syncengine.model.link import Entity

_PLACE: Final = ("street", "postcode", "town")
_ADDRESS_FILLED: Final = ("complement", "region", "country")
_ADDRESS_TOLD: Final = ("kind", "title", *_PLACE, *_ADDRESS_FILLED)


@dataclass(kw_only=True)
class Joint:
    """What became of the Company's own children: added ids, and (dropped id, id it is one with). ``alike`` remain to be looked at.

    ``changed``: something of it is to be sent to the ERP.
    """

    addresses_added: list[int] = field(default_factory=list)
    addresses_joined: list[tuple[int, int]] = field(default_factory=list)
    contacts_added: list[int] = field(default_factory=list)
    contacts_joined: list[tuple[int, int]] = field(default_factory=list)
    alike: tuple[Alike, ...] = ()
    changed: bool = False


def join(unit: Unit, company: Company, account: Account) -> Joint:
    """Join what hangs on the Company alone to what hangs on the Account."""
    joint = Joint()
    _join_addresses(unit, company, account, joint)
    _join_contacts(unit, company, account, joint)
    _drop_numbers(unit, company, account)
    joint.alike = alike_contacts(_people(unit, _of_account(unit, Contact, account)))
    return joint


def _join_addresses(unit: Unit, company: Company, account: Account, joint: Joint) -> None:
    present = _of_account(unit, Address, account)
    known = {sign: address for address in reversed(present) if (sign := _sign(address, _PLACE))}
    taken: set[str | None] = {None, *(fold(address.title) for address in present if address.kind == DELIVERY)}
    billing = next((address for address in present if address.kind == BILLING), None)
    for address in of_company_alone(unit.session, Address, company.id):
        sign = _sign(address, _PLACE)
        twin = known.get(sign) if sign else None
        if twin is not None:
            joint.changed |= _fill(unit, Entity.ADDRESS, twin, address, _ADDRESS_FILLED)
            _drop_address(unit, address, twin)
            joint.addresses_joined.append((address.id, twin.id))
            continue
        make_kind(unit, address, BILLING if billing is None else DELIVERY, taken)
        _add(unit, address, account, place=len(present), default=billing is None)
        billing = billing or address
        present.append(address)
        known[sign] = address
        joint.addresses_added.append(address.id)
    joint.changed |= bool(joint.addresses_added)


def _drop_address(unit: Unit, address: Address, twin: Address) -> None:
    session = unit.session
    for contact in session.scalars(select(Contact).where(Contact.default_address_id == address.id)):
        contact.default_address_id = twin.id
    session.flush()
    _tell_gone(unit, Entity.ADDRESS, address.id, said(address, _ADDRESS_TOLD))
    session.delete(address)
    session.flush()


def _join_contacts(unit: Unit, company: Company, account: Account, joint: Joint) -> None:
    present = _of_account(unit, Contact, account)
    known = {sign: contact for contact in reversed(present) if (sign := _sign(contact, ("last_name", "first_name")))}
    billing = next((row.id for row in _of_account(unit, Address, account) if row.is_default), None)
    for contact in of_company_alone(unit.session, Contact, company.id):
        sign = _sign(contact, ("last_name", "first_name"))
        twin = known.get(sign) if sign else None
        if twin is not None:
            joint.changed |= _fill(unit, Entity.CONTACT, twin, contact, CONTACT_LEAVES)
            joint.changed |= _join_numbers(unit, twin, contact)
            _drop_contact(unit, contact)
            joint.contacts_joined.append((contact.id, twin.id))
            continue
        contact.default_address_id = contact.default_address_id or billing
        _add(unit, contact, account, place=len(present), default=not present)
        hand_over(unit.session, Phone, Phone.contact_id == contact.id, account_id=account.id)
        hand_over(unit.session, Email, Email.contact_id == contact.id, account_id=account.id)
        present.append(contact)
        known[sign] = contact
        joint.contacts_added.append(contact.id)
    joint.changed |= bool(joint.contacts_added)


def _join_numbers(unit: Unit, twin: Contact, contact: Contact) -> bool:
    theirs, ours = numbers_of_contact(unit, twin), numbers_of_contact(unit, contact)
    lacking = {attr: value for attr, value in ours.all().items() if not theirs.get(attr)}
    for attr, value in lacking.items():
        theirs.set(attr, value)
        place = (Entity.CONTACT, twin.id, twin.erp_key, attr)
        unit.journal.value(*place, None, value, Rule.LINKED, account_id=twin.account_id)
    return bool(lacking)


def _drop_contact(unit: Unit, contact: Contact) -> None:
    numbers = numbers_of_contact(unit, contact)
    _tell_gone(unit, Entity.CONTACT, contact.id, said(contact, CONTACT_LEAVES) | numbers.all())
    for row in numbers.rows():
        unit.session.delete(row)
    unit.session.flush()
    unit.session.delete(contact)
    unit.session.flush()


def _tell_gone(unit: Unit, entity: Entity, row_id: int, before: Values) -> None:
    tiers = None if unit.account is None else unit.account.id
    unit.journal.row(entity, row_id, None, before=before, after=None, rule=Rule.LINKED, account_id=tiers)


def _drop_numbers(unit: Unit, company: Company, account: Account) -> None:
    """Standard, fax and e-mail are general data: the Account's stand, what the Company had is in the journal."""
    entities: tuple[Any, ...] = (Phone, Email)
    rows = [
        row
        for entity in entities
        for row in unit.rows(select(entity).where(alone(entity, company.id), entity.contact_id.is_(None)))
    ]
    own = Numbers(unit.session, {"company_id": company.id, "account_id": None}, None, rows)
    for attr, value in own.all().items():
        after = getattr(account, attr)
        if value != after:
            place = (Entity.COMPANY, company.id, account.code, attr)
            unit.journal.value(*place, value, after, Rule.LINKED, account_id=account.id)
    for row in own.rows():
        unit.session.delete(row)
    unit.session.flush()


def _of_account(unit: Unit, entity: Any, account: Account) -> list[Any]:
    query = select(entity).where(entity.account_id == account.id).order_by(entity.position, entity.id)
    return list(unit.session.scalars(query))


def _sign(row: Any, attrs: Iterable[str]) -> tuple[str, ...]:
    """What a child is recognised by; empty when it says none of it."""
    words = tuple(fold(clean(getattr(row, attr) or "")) or "" for attr in attrs)
    return words if any(words) else ()


def _fill(unit: Unit, entity: Entity, twin: Any, row: Any, attrs: Sequence[str]) -> bool:
    """What the one that stays lacks, from the one that goes."""
    lacking = {attr: getattr(row, attr) for attr in attrs if getattr(row, attr) and not getattr(twin, attr)}
    return bool(unit.replace(entity, twin, lacking, {}))


def _add(unit: Unit, row: Any, account: Account, *, place: int, default: bool) -> None:
    row.account_id, row.position, row.is_default = account.id, place, default
    unit.session.flush()


def _people(unit: Unit, contacts: Iterable[Contact]) -> list[dict[str, Any]]:
    return [
        said(contact, CONTACT_LEAVES) | numbers_of_contact(unit, contact).all() | {"id": contact.id}
        for contact in contacts
    ]
