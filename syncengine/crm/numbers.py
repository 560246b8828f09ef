"""Phones and e-mails: rows of their own, one of each kind, an empty one has none (CRM-39, CRM-43)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from syncengine.crm.unit import Unit
from syncengine.cycle.arrivals import CONTACT_PHONES, TIERS_PHONES
from syncengine.model import Contact, Email, EmailKind, Phone, PhoneKind

Kinds: TypeAlias = Mapping[str, str]
"""Field of the contract → kind of row."""
TIERS_KINDS: Final[Kinds] = {**dict(TIERS_PHONES), "email": EmailKind.INFORMATION.value}
CONTACT_KINDS: Final[Kinds] = {**dict(CONTACT_PHONES), "email": EmailKind.EMAIL.value}


_ENTITIES: Final[tuple[type[Any], ...]] = (Phone, Email)


class Numbers:
    """The numbers of a tiers itself, or of one of its contacts, by field of the contract."""

    def __init__(
        self, session: Session, owner: Mapping[str, int | None], contact_id: int | None, rows: list[Any]
    ) -> None:
        self._session = session
        self._owner = dict(owner) | {"contact_id": contact_id}
        self._kinds = TIERS_KINDS if contact_id is None else CONTACT_KINDS
        self._rows: dict[str, list[Any]] = {attr: [] for attr in self._kinds}
        attrs = {kind: attr for attr, kind in self._kinds.items()}
        for row in rows:
            if row.kind.value in attrs:
                self._rows[attrs[row.kind.value]].append(row)

    def get(self, attr: str) -> str | None:
        """The number or e-mail; None when there is none. Of several rows of a kind the oldest counts, as on the screen."""
        rows = self._rows[attr]
        return _value(rows[0]) if rows else None

    def all(self) -> dict[str, str]:
        """Those that say something."""
        return {attr: value for attr in self._kinds if (value := self.get(attr))}

    def set(self, attr: str, value: str | None) -> None:
        """Make, change or remove the row."""
        rows = self._rows[attr]
        if value and rows:
            setattr(rows[0], "address" if attr == "email" else "number", value)
        elif value:
            rows.append(self._made(attr, value))
            self._session.add(rows[0])
        for row in rows[1:] if value else rows:
            self._session.delete(row)
        self._rows[attr] = rows[:1] if value else []

    def _made(self, attr: str, value: str) -> Phone | Email:
        kind = self._kinds[attr]
        if attr == "email":
            return Email(**self._owner, kind=EmailKind(kind), address=value)
        return Phone(**self._owner, kind=PhoneKind(kind), number=value)

    def rows(self) -> list[Any]:
        """All rows, for who moves or removes them."""
        return [row for rows in self._rows.values() for row in rows]


def numbers_of(unit: Unit) -> Numbers:
    """The numbers of the tiers itself; those of another Account of the Company are not its own (CRM-34)."""
    rows = [
        row for entity in _ENTITIES for row in unit.rows(select(entity).where(_own(unit, entity)).order_by(entity.id))
    ]
    return Numbers(unit.session, unit.owner, None, rows)


def numbers_of_contact(unit: Unit, contact: Contact) -> Numbers:
    """The numbers of a contact."""
    owner = {"company_id": contact.company_id, "account_id": contact.account_id}
    rows = [
        row
        for entity in _ENTITIES
        for row in unit.rows(select(entity).where(entity.contact_id == contact.id).order_by(entity.id))
    ]
    return Numbers(unit.session, owner, contact.id, rows)


def _own(unit: Unit, entity: type[Any]) -> ColumnElement[bool]:
    account_id = None if unit.account is None else unit.account.id
    of_account = entity.account_id == account_id
    if unit.company is None:
        return and_(entity.contact_id.is_(None), of_account)
    of_company = and_(entity.company_id == unit.company.id, or_(entity.account_id.is_(None), of_account))
    return and_(entity.contact_id.is_(None), of_company)


def _value(row: Any) -> str:
    text: str = row.address if isinstance(row, Email) else row.number
    return text
