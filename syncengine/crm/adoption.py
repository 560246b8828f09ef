"""The addresses, contacts, phones and e-mails of a Company become those of its new Account too (CRM-25, CRM-26, CRM-44)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from contracts.tables import BILLING, DELIVERY
from syncengine.core.fold import fold
from syncengine.crm.unit import Unit
from syncengine.model import Account, Address, Company, Contact, Email, Phone
from syncengine.model.journal import Rule
from syncengine.model.link import Entity

CHILDREN: Final[tuple[Any, ...]] = (Address, Contact, Phone, Email)


def adopt(unit: Unit, company: Company, account: Account) -> None:
    """Attach what hangs on the Company alone; its default address becomes the billing address, every other a delivery one."""
    session = unit.session
    addresses, contacts = of_company_alone(session, Address, company.id), of_company_alone(session, Contact, company.id)
    _make_kinds(unit, addresses)
    _make_defaults(contacts, next((address.id for address in addresses if address.is_default), None))
    session.flush()
    for entity in CHILDREN:
        hand_over(session, entity, alone(entity, company.id), account_id=account.id)


def release(session: Session, account_id: int) -> None:
    """Detach them again, from an Account that goes."""
    for entity in CHILDREN:
        hand_over(session, entity, entity.account_id == account_id, account_id=None)


def hand_over(session: Session, entity: Any, which: ColumnElement[bool], **owner: int | None) -> None:
    """Change the owner of child rows."""
    session.execute(update(entity).where(which).values(owner).execution_options(synchronize_session="fetch"))


def alone(entity: Any, company_id: int) -> ColumnElement[bool]:
    """What hangs on a Company and on no Account."""
    mine: ColumnElement[bool] = (entity.company_id == company_id) & entity.account_id.is_(None)
    return mine


def of_company_alone(session: Session, entity: Any, company_id: int) -> Sequence[Any]:
    """Addresses or contacts that hang on the Company and on no Account, in their order."""
    return session.scalars(select(entity).where(alone(entity, company_id)).order_by(entity.position, entity.id)).all()


def _make_kinds(unit: Unit, addresses: Sequence[Address]) -> None:
    """CRM-26. The billing address has no title in the ERP, and one that repeats is left to the ERP to make (CRM-41)."""
    default = next((address for address in addresses if address.is_default), next(iter(addresses), None))
    taken: set[str | None] = {None, ""}
    for address in addresses:
        address.is_default = address is default
        make_kind(unit, address, BILLING if address is default else DELIVERY, taken)


def make_kind(unit: Unit, address: Address, kind: str, taken: set[str | None]) -> None:
    """Make an address that the ERP does not have yet one of this kind; ``taken`` are the folded titles of the tiers."""
    title = None if kind == BILLING or fold(address.title) in taken else address.title
    taken.add(fold(title))
    unit.replace(
        *(Entity.ADDRESS, address, {"kind": kind, "title": title}), {"kind": Rule.DEFAULTED, "title": Rule.DEFAULTED}
    )


def _make_defaults(contacts: Sequence[Contact], billing: int | None) -> None:
    """There is a default contact, and each one's default address is the billing address until another is chosen (CRM-44)."""
    for contact in contacts:
        contact.default_address_id = contact.default_address_id or billing
    if contacts and not any(contact.is_default for contact in contacts):
        contacts[0].is_default = True
