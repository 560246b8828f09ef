"""A Company with its tiers as a first synchronisation leaves them, for tests of what people change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.tables import BILLING, BILLING_KEY, CLIENT, DELIVERY, SUPPLIER
from syncengine.cycle.act import Act
from syncengine.errors import InputRefused
from syncengine.model import (
    WORLD,
    Account,
    Address,
    Company,
    Contact,
    Email,
    EmailKind,
    ErpParameter,
    JournalEntry,
    Link,
    Phone,
    PhoneKind,
    Representative,
    Territory,
    User,
)
from syncengine.model.link import Entity
from syncengine.storage.store import Store
from tests.crm import differences, dump
from tests.syncengine import records
from tests.syncengine.conftest import NOW

LATER = NOW + timedelta(hours=1)
ACT = Act(at=LATER, by="claire")
TYPES = {"client": CLIENT, "prospect": CLIENT, "supplier": SUPPLIER, "partner": None}
LISTS = {
    "currency": "01",
    "accounting_category": "12",
    "price_category": "12",
    "language": "01",
    "contact_service": "123",
}


@dataclass(frozen=True, kw_only=True)
class Tied:
    """The ids of what ``tied`` made."""

    integration: int
    company: int
    account: int
    link: int
    billing: int
    delivery: int
    contact: int
    manager: int
    other_manager: int


def offers(session: Session, **settings: Any) -> tuple[Any, User, User]:
    """An integration with lists, two users, and three representatives: '7' and '8' are the users', '9' is gone."""
    if session.scalar(select(Territory.id).where(Territory.name == WORLD)) is None:
        session.add(Territory(name=WORLD))
    made = records.integration(session, **({"company_types": TYPES} | settings))
    users = [User(login=login, name=login, created_at=NOW) for login in ("claire", "paul")]
    session.add_all(users)
    for kind, codes in LISTS.items():
        session.add_all(
            ErpParameter(integration_id=made.id, kind=kind, code=code, label=code, position=place)
            for place, code in enumerate(codes)
        )
    session.flush()
    for code, user_id, active in (("7", users[0].id, True), ("8", users[1].id, True), ("9", None, False)):
        session.add(Representative(integration_id=made.id, code=code, last_name=code, user_id=user_id, active=active))
    session.flush()
    return made, users[0], users[1]


def tied(
    session: Session, *, link: dict[str, Any] | None = None, account: dict[str, Any] | None = None, **settings: Any
) -> Tied:
    """A linked client with a billing and a delivery address, one contact, a phone and an e-mail."""
    made, user, other = offers(session, **settings)
    leaves: dict[str, Any] = {"code": "BIJOU", "name": "BIJOU SA", "currency": "0", "siret": "73282932000074"}
    company = records.company(session, **leaves, status="active", manager_id=user.id, representative="7")
    extra: dict[str, Any] = {
        "is_main": True,
        "representative": "7",
        "phone": "01",
        "email": "a@bijou.fr",
        "dormant": False,
    }
    mirror = records.account(session, made, company_id=company.id, **(leaves | extra | (account or {})))
    owner = {"company_id": company.id, "account_id": mirror.id}
    billing = Address(**owner, kind=BILLING, erp_key=BILLING_KEY, is_default=True, main=False, town="Paris", position=0)
    delivery = Address(**owner, kind=DELIVERY, erp_key="3", main=True, title="Dépôt", town="Lyon", position=1)
    session.add_all((billing, delivery))
    session.flush()
    contact = Contact(
        **owner,
        erp_key="5",
        is_default=True,
        position=0,
        default_address_id=billing.id,
        last_name="Martin",
        first_name="Luc",
    )
    session.add(contact)
    session.flush()
    session.add_all(
        (
            Phone(**owner, kind=PhoneKind.STANDARD, number="01"),
            Phone(**owner, contact_id=contact.id, kind=PhoneKind.MOBILE, number="06"),
            Email(**owner, kind=EmailKind.INFORMATION, address="a@bijou.fr"),
        )
    )
    head: dict[str, Any] = {"entity": Entity.ACCOUNT.value, "local_id": mirror.id, "erp_key": "BIJOU"}
    row = Link(**(head | {"integration_id": made.id, "erp_version": "1"} | (link or {})))
    session.add(row)
    session.flush()
    return Tied(
        integration=made.id,
        company=company.id,
        account=mirror.id,
        link=row.id,
        billing=billing.id,
        delivery=delivery.id,
        contact=contact.id,
        manager=user.id,
        other_manager=other.id,
    )


def lines(session: Session) -> list[tuple[str, str | None, str | None, str | None, str]]:
    """The journal in short: entity, field, before, after, rule."""
    rows = session.scalars(select(JournalEntry).order_by(JournalEntry.id))
    return [(row.entity, row.field, row.before, row.after, row.rule) for row in rows]


def marked(session: Session, made: Tied) -> bool:
    """Whether the link waits to be gathered."""
    session.flush()
    return session.scalar(select(Link.changed_at).where(Link.id == made.link)) is not None


def get(session: Session, entity: type[Any], row_id: int) -> Any:
    """The row as it is in the base."""
    return session.get_one(entity, row_id, populate_existing=True)


def pair(session: Session, made: Tied) -> tuple[Company, Account]:
    """The Company and its Account as they are in the base."""
    return get(session, Company, made.company), get(session, Account, made.account)


def count(session: Session, entity: type[Any]) -> int:
    """How many rows there are."""
    return session.scalar(select(func.count()).select_from(entity)) or 0


def refusal(store: Store, act: Callable[[Session], object]) -> InputRefused:
    """The refusal of an edit, once it is shown that nothing was written even if the transaction goes on."""
    before = dump(store)
    with store.writing() as session, pytest.raises(InputRefused) as refused:
        act(session)
    assert differences(before, dump(store)) == []
    assert refused.value.remedy
    return refused.value
