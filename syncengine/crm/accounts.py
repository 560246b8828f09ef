"""Accounts (Tiers CRM) as they are read: main, secondary or orphan; they are edited through their Company (CRM-28, CRM-34)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from contracts.tables import TIERS
from syncengine.core.fold import fold, folded, searchable
from syncengine.core.refusals import refused
from syncengine.crm.companies import OWN_FIELDS, STATISTICS
from syncengine.crm.company_sheet import FieldView
from syncengine.crm.unit import ID_MAX
from syncengine.model import Account, Company, ErpState, Link, LinkState, RecordStatus
from syncengine.model.link import Entity


class AccountPlace(StrEnum):
    """Where an Account stands: the main one of a Company, one of several, or without any."""

    MAIN = "main"
    SECONDARY = "secondary"
    ORPHAN = "orphan"


@dataclass(frozen=True, kw_only=True)
class AccountLine:
    """One Account of a list; ``link_state`` is None for one that never was linked."""

    id: int
    integration_id: int
    code: str | None
    name: str | None
    type: str
    status: RecordStatus
    erp_state: ErpState
    link_state: LinkState | None
    place: AccountPlace
    company_id: int | None
    company_name: str | None


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """An Account with its values; ``waiting_since`` says since when a change of the CRM waits to be sent."""

    account: AccountLine
    dormant: bool
    phone: str | None
    fax: str | None
    email: str | None
    fields: tuple[FieldView, ...]
    free_values: dict[str, Any]
    erp_version: str | None
    waiting_since: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which Accounts; ``text`` begins their code, or is in their name."""

    integration_id: int | None = None
    place: AccountPlace | None = None
    erp_state: ErpState | None = None
    text: str | None = None


ALL: Final = Search()


def list_accounts(session: Session, search: Search = ALL, *, limit: int, after: int = 0) -> list[AccountLine]:
    """The Accounts by number; ``after`` is the one that ended the last page."""
    query = _joined().where(Account.id > after)
    if search.integration_id is not None:
        query = query.where(Account.integration_id == search.integration_id)
    if search.place is not None:
        query = query.where(_PLACES[search.place])
    if search.erp_state is not None:
        query = query.where(Account.erp_state == search.erp_state)
    if search.text:
        wanted = searchable(search.text, "text").strip()
        of_code = func.upper(Account.code).startswith(wanted.upper(), autoescape=True)
        query = query.where(or_(of_code, folded(Account.name).contains(fold(wanted), autoescape=True)))
    return [_line(row) for row in session.execute(query.order_by(Account.id).limit(limit))]


def account_view(session: Session, account_id: int) -> AccountView:
    """One Account. Raises InputRefused (account_unknown)."""
    query = _joined().where(Account.id == account_id)
    row = session.execute(query).one_or_none() if 0 < account_id <= ID_MAX else None
    if row is None:
        raise refused(
            "account_unknown",
            "there is no such Account (Tiers CRM)",
            record=str(account_id),
            remedy="Take the number of an Account of the list.",
        )
    account = row.Account
    return AccountView(
        account=_line(row),
        dormant=bool(account.dormant),
        phone=account.phone,
        fax=account.fax,
        email=account.email,
        fields=tuple(_field(account, attr) for attr in (*OWN_FIELDS, *STATISTICS)),
        free_values=account.free_values or {},
        erp_version=row.erp_version,
        waiting_since=row.changed_at,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )


_PLACES: Final = {
    AccountPlace.MAIN: Account.is_main,
    AccountPlace.SECONDARY: and_(~Account.is_main, Account.company_id.is_not(None)),
    AccountPlace.ORPHAN: Account.company_id.is_(None),
}


def _joined() -> Any:
    link = and_(Link.entity == Entity.ACCOUNT.value, Link.local_id == Account.id)
    return (
        select(Account, Company.name.label("company_name"), Link.state, Link.erp_version, Link.changed_at)
        .outerjoin(Company, Company.id == Account.company_id)
        .outerjoin(Link, link)
    )


def _line(row: Any) -> AccountLine:
    account = row.Account
    own = {name: getattr(account, name) for name in _OWN}
    place = (
        AccountPlace.MAIN
        if account.is_main
        else AccountPlace.ORPHAN
        if account.company_id is None
        else AccountPlace.SECONDARY
    )
    return AccountLine(**own, link_state=row.state, place=place, company_name=row.company_name)


_OWN: Final = ("id", "integration_id", "code", "name", "type", "status", "erp_state", "company_id")


def _field(account: Account, attr: str) -> FieldView:
    return FieldView(name=attr, label=TIERS.field(attr).label, value=getattr(account, attr))
