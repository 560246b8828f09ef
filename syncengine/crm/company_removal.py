"""Companies deleted and merged: never one that is linked to a tiers (CRM-32)."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contracts.tables import DELIVERY
from syncengine.core.refusals import refused
from syncengine.crm.address_edits import drop_address
from syncengine.crm.contact_edits import drop_contact
from syncengine.crm.numbers import numbers_of
from syncengine.crm.unit import Unit, open_company, ties
from syncengine.cycle.act import Act, Edited
from syncengine.model import Account, Address, Company, Contact, Email, Opportunity, Phone
from syncengine.model.link import Entity

_TECHNICAL: Final = frozenset({"id", "created_at", "updated_at", "created_cycle_id"})


def delete_company(session: Session, company_id: int, act: Act) -> None:
    """Delete a Company with its contacts, addresses and numbers. Raises InputRefused (company_linked, company_in_use).

    An Account whose link was broken stays, as an orphan, with what is its own (CRM-34).
    """
    unit = open_company(session, company_id, act)
    _refuse_linked(unit)
    if session.scalar(select(Opportunity.id).where(Opportunity.company_id == company_id).limit(1)) is not None:
        raise refused(
            "company_in_use",
            "opportunities hang on the Company",
            record=unit.record,
            remedy="Move or delete them first, or merge the Company with another.",
        )
    _release(unit, company_id)
    for contact in _of(session, Contact, company_id):
        drop_contact(unit, contact)
    for address in _of(session, Address, company_id):
        drop_address(unit, address)
    _drop(unit)
    unit.done()


def merge_companies(session: Session, kept_id: int, gone_id: int, act: Act) -> Edited:
    """Merge one Company into another: contacts, addresses, opportunities move, numbers where the kept one has none; the other goes.

    The kept Company keeps its values and its default contact and address. Raises InputRefused (company_linked, same_company).
    """
    if kept_id == gone_id:
        raise refused(
            "same_company",
            "this is one Company",
            record=str(kept_id),
            remedy="Name the Company that goes, and another.",
        )
    units = {company_id: open_company(session, company_id, act) for company_id in sorted((kept_id, gone_id))}
    kept, gone = units[kept_id], units[gone_id]
    _refuse_linked(kept)
    _refuse_linked(gone)
    _release(gone, gone_id)
    _move_children(kept, gone, gone_id)
    _move_numbers(kept, gone)
    moved = {"company_id": kept_id}
    session.execute(update(Opportunity).where(Opportunity.company_id == gone_id).values(moved))
    _drop(gone)
    gone.done()
    kept.note(gone.changed)
    return kept.done(kept_id)


def _refuse_linked(unit: Unit) -> None:
    company_id = 0 if unit.company is None else unit.company.id
    if ties(unit.session, company_id):
        raise refused(
            "company_linked",
            "the Company is linked to a tiers",
            record=unit.record,
            remedy="Break the link first ('Rompre le lien').",
        )


def _release(unit: Unit, company_id: int) -> None:
    """Let go of the Accounts whose link was broken, each with the children that are its own."""
    for account in unit.session.scalars(select(Account).where(Account.company_id == company_id)):
        unit.replace(Entity.ACCOUNT, account, {"company_id": None, "is_main": False}, {})
        for entity in (Address, Contact, Phone, Email):
            of_account = update(entity).where(entity.account_id == account.id)
            unit.session.execute(of_account.values(company_id=None))
    unit.session.flush()
    unit.account = unit.link = None


def _move_children(kept: Unit, gone: Unit, gone_id: int) -> None:
    """What moves comes after what is there; a delivery address whose title is taken gets one from the ERP (CRM-41)."""
    kept_id = kept.owner["company_id"]
    for entity, name in ((Address, Entity.ADDRESS), (Contact, Entity.CONTACT)):
        there = _of(kept.session, entity, kept_id)
        place = max((row.position + 1 for row in there), default=0)
        titles = {row.title.casefold() for row in there if entity is Address and row.title}
        for position, row in enumerate(_of(gone.session, entity, gone_id), place):
            changes: dict[str, Any] = {"company_id": kept_id}
            if any(one.is_default for one in there):
                changes |= {"is_default": False} | ({"kind": DELIVERY} if entity is Address else {})
            if entity is Address and (row.title or "").casefold() in titles:
                changes["title"] = None
            gone.replace(name, row, changes, {})
            row.position = position
    gone.session.flush()
    for number in (Phone, Email):
        of_contact = number.contact_id.is_not(None)
        kept.session.execute(update(number).where(number.company_id == gone_id, of_contact).values(company_id=kept_id))


def _move_numbers(kept: Unit, gone: Unit) -> None:
    mine, theirs = numbers_of(kept), numbers_of(gone)
    company_id = 0 if kept.company is None else kept.company.id
    for attr, value in theirs.all().items():
        if mine.get(attr) is None:
            mine.set(attr, value)
            kept.journal.value(Entity.COMPANY, company_id, None, attr, None, value, kept.act.rule)
            kept.note([attr])


def _drop(unit: Unit) -> None:
    """Take the Company and its own numbers out of the base, and write what they were into the journal."""
    company, numbers = unit.company, numbers_of(unit)
    if company is None:
        return
    columns = (column for column in Company.__table__.columns.keys() if column not in _TECHNICAL)  # noqa: SIM118
    kept = {column: value for column in columns if (value := getattr(company, column))}
    told = kept | numbers.all()
    unit.journal.row(Entity.COMPANY, company.id, None, before=told, after=None, rule=unit.act.rule)
    for row in numbers.rows():
        unit.session.delete(row)
    unit.session.flush()
    unit.session.delete(company)
    unit.note(("",))


def _of(session: Session, entity: type[Any], company_id: int | None) -> list[Any]:
    of_company = select(entity).where(entity.company_id == company_id).order_by(entity.position, entity.id)
    return list(session.scalars(of_company.execution_options(populate_existing=True)))
