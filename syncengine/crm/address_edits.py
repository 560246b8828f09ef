"""Addresses as people add, change and remove them: one is billing and default, all others delivery (CRM-26, CRM-38, CRM-41)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.fields import Flow
from contracts.tables import ADDRESS, BILLING, DELIVERY
from syncengine.core.entries import Entry, unknown_field
from syncengine.core.refusals import refused
from syncengine.crm.unit import ID_MAX, Unit, open_child, open_company, same
from syncengine.cycle.act import Act, Edited
from syncengine.model import Address, Contact
from syncengine.model.link import Entity

ATTRS: Final = tuple(
    known.attr for known in ADDRESS.fields if known.flow is Flow.BOTH and known.attr not in {"key", "kind"}
)
"""What is entered in an address."""


def add_address(session: Session, company_id: int, values: Mapping[str, Any], act: Act) -> Edited:
    """A new address: the first of a Company is its billing address, the others are for delivery (CRM-26). Raises InputRefused."""
    return add_address_to(open_company(session, company_id, act), values)


def add_address_to(unit: Unit, values: Mapping[str, Any]) -> Edited:
    """``add_address`` for a unit that is open. Without a title, one is made by the ERP (CRM-41)."""
    siblings = _addresses(unit)
    first = not any(one.is_default for one in siblings)
    said = {attr: value for attr, value in _checked(unit, values, {}, billing=first).items() if value is not None}
    if not said:
        raise refused(
            "field_required", "the address is empty", record=unit.record, field="street", remedy="Enter an address."
        )
    _refuse_title(unit, siblings, said)
    address = Address(
        **unit.owner,
        **said,
        kind=BILLING if first else DELIVERY,
        is_default=first,
        main=False,
        position=max((one.position + 1 for one in siblings), default=0),
    )
    unit.session.add(address)
    unit.session.flush()
    unit.journal.row(Entity.ADDRESS, address.id, None, before=None, after=said, rule=unit.act.rule)
    return _done(unit, address, said)


def edit_address(session: Session, address_id: int, values: Mapping[str, Any], act: Act) -> Edited:
    """Change an address; '' and None empty a value. Raises InputRefused."""
    address, unit = _opened(session, address_id, act)
    before = {attr: getattr(address, attr) for attr in ATTRS}
    changed = _checked(unit, values, before, billing=address.is_default)
    _refuse_title(unit, [one for one in _addresses(unit) if one is not address], changed)
    return _done(unit, address, unit.replace(Entity.ADDRESS, address, changed, {}))


def remove_address(session: Session, address_id: int, act: Act) -> Edited:
    """Remove an address; contacts that have it by default take the main one. Raises InputRefused (billing_address)."""
    address, unit = _opened(session, address_id, act)
    others = [one for one in _addresses(unit) if one is not address]
    if address.is_default and unit.tied:
        raise _billing_stays(unit)
    if address.is_default and others:
        unit.replace(Entity.ADDRESS, others[0], {"kind": BILLING, "is_default": True}, {})
    main = next((one.id for one in others if one.is_default), None)
    _redirect(unit, address, main)
    drop_address(unit, address)
    return _done(unit, address, ("",))


def drop_address(unit: Unit, address: Address) -> None:
    """Take an address out of the base, and write what it was into the journal."""
    kept = {attr: value for attr in ("kind", *ATTRS) if (value := getattr(address, attr))}
    unit.journal.row(Entity.ADDRESS, address.id, address.erp_key, before=kept, after=None, rule=unit.act.rule)
    unit.session.flush()
    unit.session.delete(address)
    unit.session.flush()


def set_default_address(session: Session, address_id: int, act: Act) -> Edited:
    """Make an address the default one of a Company that is not linked, for billing; the others are for delivery (CRM-26)."""
    address, unit = _opened(session, address_id, act)
    if unit.tied and not address.is_default:
        raise _billing_stays(unit)
    for one in _addresses(unit):
        default = one is address
        if one.is_default and not default:
            _redirect(unit, one, address.id)
        unit.replace(Entity.ADDRESS, one, {"kind": BILLING if default else DELIVERY, "is_default": default}, {})
    return unit.done(address.id)


def _billing_stays(unit: Unit) -> Exception:
    return refused(
        "billing_address",
        "the billing address of a linked Company stays",
        record=unit.record,
        field="addresses",
        remedy="Change it, or break the link first ('Rompre le lien').",
    )


def _opened(session: Session, address_id: int, act: Act) -> tuple[Address, Unit]:
    known = session.get(Address, address_id) if abs(address_id) <= ID_MAX else None
    unit = None if known is None else open_child(session, known, act)
    address = None if unit is None else session.get(Address, address_id, populate_existing=True)
    if address is None or unit is None:
        raise refused(
            "address_unknown",
            "there is no such address",
            record=str(address_id),
            remedy="See the addresses of a Company: `syncengine company show`.",
        )
    return address, unit


def _checked(
    unit: Unit, values: Mapping[str, Any], before: Mapping[str, Any], *, billing: bool
) -> dict[str, str | None]:
    """What really changes, as it will be kept."""
    entry = Entry(struct=ADDRESS, record=unit.record, warnings=unit.warnings)
    changed: dict[str, str | None] = {}
    for attr, given in values.items():
        if attr in {"key", "kind"}:
            raise unknown_field(attr, unit.record)
        known = entry.field(attr)
        if not same(before.get(attr), given):
            value = entry.value(known, given)
            if not same(before.get(attr), value):
                changed[attr] = value
    if billing and unit.tied and changed.get("title"):
        raise refused(
            "billing_title",
            "the billing address has no title in Sage 100",
            record=unit.record,
            field="title",
            remedy="Leave the title empty.",
        )
    return changed


def _refuse_title(unit: Unit, others: list[Address], values: Mapping[str, Any]) -> None:
    """CRM-41: titles are unique per tiers, whatever the case."""
    title = values.get("title")
    if title and title.casefold() in {(one.title or "").casefold() for one in others}:
        raise refused(
            "title_in_use",
            f"there is an address {title!r} already",
            record=unit.record,
            field="title",
            remedy="Choose another title, or leave it empty: Sage 100 makes one.",
        )


def _redirect(unit: Unit, address: Address, to: int | None) -> None:
    """Contacts whose default address goes, or is the main one no longer, take the main one (CRM-44)."""
    for contact in unit.rows(select(Contact).where(Contact.default_address_id == address.id)):
        unit.replace(Entity.CONTACT, contact, {"default_address_id": to}, {})


def _addresses(unit: Unit) -> list[Address]:
    query = select(Address).where(unit.mine(Address)).order_by(Address.position, Address.id)
    return unit.rows(query)


def _done(unit: Unit, address: Address, changed: Mapping[str, Any] | list[str] | tuple[str, ...]) -> Edited:
    if changed:
        unit.note(changed)
        unit.travels = True
    return unit.done(address.id)
