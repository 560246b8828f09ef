"""What people name, found: Companies and tiers by code or number, users by login, territories by name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import false, func, select
from sqlalchemy.orm import Session

from syncengine.core.fold import searchable
from syncengine.core.refusals import refused
from syncengine.crm.companies import find_company
from syncengine.crm.unit import ID_MAX
from syncengine.model import Account, ErpState, Territory, User


def company_id(session: Session, which: str | int) -> int:
    """The number of the Company of that code comptable, or of that number. Raises as ``companies.find_company``."""
    return find_company(session, which).id


def account_id(session: Session, which: str | int, integration_id: int | None = None) -> int:
    """The number of the tiers (Account) of that code comptable, of an integration or of all; a number is looked up too.

    A tiers that waits to be created is not meant. Raises InputRefused (account_unknown, account_ambiguous).
    """
    query = select(Account.id)
    if isinstance(which, int):
        query = query.where(Account.id == which if abs(which) <= ID_MAX else false())
    else:
        code = searchable(which, "code").strip().upper()
        query = query.where(func.upper(Account.code) == code, Account.erp_state != ErpState.AWAITED)
    if integration_id is not None:
        query = query.where(Account.integration_id == integration_id)
    found = list(session.scalars(query.order_by(Account.id).limit(20)))
    if len(found) == 1:
        return found[0]
    if found:
        raise refused(
            "account_ambiguous",
            "several tiers have this code",
            record=str(which),
            remedy=f"Name the integration, or one by its number: {', '.join(f'id:{number}' for number in found)}.",
        )
    raise refused(
        "account_unknown",
        "there is no such tiers",
        record=str(which),
        remedy="See `syncengine company orphans`, `syncengine company secondary` and `syncengine company list`.",
    )


def user(session: Session, login: str) -> User:
    """The active user of that login. Raises InputRefused (unknown_user)."""
    found = session.scalar(select(User).where(User.login == searchable(login, "login"), User.active))
    if found is None:
        raise refused(
            "unknown_user",
            f"there is no active user {login!r}",
            record=login,
            remedy="Name an active user of the CRM: `syncengine rights list`.",
        )
    return found


def territory_id(session: Session, name: str) -> int:
    """The number of a territory. Raises InputRefused (unknown_value)."""
    found = session.scalar(select(Territory.id).where(Territory.name == searchable(name, "territory")))
    if found is None:
        known: Any = session.scalars(select(Territory.name).order_by(Territory.name).limit(20))
        raise refused(
            "unknown_value",
            f"Secteur: there is no territory {name!r}",
            field="territory",
            remedy=f"Choose one of {', '.join(known)}.",
        )
    return found
