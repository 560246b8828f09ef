"""What a Company keeps when it parts from its tiers: copies of its children, without the ERP's numbers (CRM-30)."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select

from contracts.tables import ADDRESS
from syncengine.core.snapshot import Values
from syncengine.crm.adoption import CHILDREN, hand_over
from syncengine.crm.numbers import numbers_of_contact
from syncengine.crm.unit import Unit
from syncengine.cycle.arrivals import CONTACT_LEAVES
from syncengine.model import Account, Address, Company, Contact, Email, Phone
from syncengine.model.journal import Rule
from syncengine.model.link import Entity

_ADDRESS_LEAVES: Final = tuple(attr for attr in ADDRESS.index if attr not in {"key", "main"})


def keep_copies(unit: Unit, company: Company, account: Account) -> None:
    """The rows stay with the Account, which the ERP goes on changing; the Company gets copies that are its own."""
    session = unit.session
    rows = {
        entity: list(session.scalars(select(entity).where(entity.account_id == account.id).order_by(entity.id)))
        for entity in CHILDREN
    }
    addresses = {row.id: _copy(row, company, main=None) for row in rows[Address]}
    session.add_all(addresses.values())
    session.flush()
    contacts = {
        row.id: _copy(row, company, default_address_id=_id(addresses, row.default_address_id)) for row in rows[Contact]
    }
    session.add_all(contacts.values())
    session.flush()
    session.add_all(
        _copy(row, company, contact_id=_id(contacts, row.contact_id)) for row in (*rows[Phone], *rows[Email])
    )
    session.flush()
    for entity in CHILDREN:
        hand_over(session, entity, entity.account_id == account.id, company_id=None)
    for address in addresses.values():
        _tell(unit, Entity.ADDRESS, address.id, said(address, _ADDRESS_LEAVES))
    for contact in contacts.values():
        _tell(unit, Entity.CONTACT, contact.id, said(contact, CONTACT_LEAVES) | numbers_of_contact(unit, contact).all())


def said(row: Any, attrs: tuple[str, ...]) -> Values:
    """The values of a child that say something."""
    return {attr: value for attr in attrs if (value := getattr(row, attr))}


def _copy(row: Any, company: Company, **changed: Any) -> Any:
    entity = type(row)
    values = {column.name: getattr(row, column.name) for column in entity.__table__.columns if column.name != "id"}
    # The ERP's number stays with the row it belongs to.
    own = {"company_id": company.id, "account_id": None} | ({"erp_key": None} if "erp_key" in values else {})
    return entity(**values | own | changed)


def _id(copies: dict[int, Any], row_id: int | None) -> int | None:
    copy = copies.get(row_id or 0)
    return None if copy is None else int(copy.id)


def _tell(unit: Unit, entity: Entity, row_id: int, after: Values) -> None:
    unit.journal.row(entity, row_id, None, before=None, after=after, rule=Rule.LINKED)
