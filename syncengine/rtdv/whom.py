"""Whom a live query is about: the tiers of an Account or a Company, and the ERP it is in. Only linked clients are (CRM-54)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, and_, select
from sqlalchemy.orm import Session

from syncengine.core.refusals import refused
from syncengine.cycle.due import may_read
from syncengine.errors import InputRefused
from syncengine.model import Account, Company, ErpState, Integration, Link, LinkState, User
from syncengine.model.link import Entity

CLIENT: Final = "client"


@dataclass(frozen=True, kw_only=True)
class Target:
    """The gateway of an integration as it is entered now; ``secret`` is its password as stored, encrypted."""

    integration_id: int
    name: str
    url: str
    user: str
    secret: str | None
    timeout_s: int


@dataclass(frozen=True, kw_only=True)
class Whom:
    """A tiers that may be looked at. ``types`` are the types of document the user may see, None for all (CRM-55).

    ``currency`` is the ISO code of the ERP company's; ``name`` the Company's, or the tiers'.
    """

    target: Target
    code: str
    name: str
    currency: str | None
    types: frozenset[str] | None = None


_COLUMNS: Final = (
    Account.id,
    Account.type,
    Account.code,
    Account.name,
    Account.is_main,
    Account.company_id,
    Account.erp_state,
    Link.erp_key,
    Link.state.label("link_state"),
    Integration.connected,
)
_TARGET: Final = (
    Integration.id.label("integration_id"),
    Integration.name.label("integration_name"),
    Integration.url,
    Integration.erp_user,
    Integration.erp_password,
    Integration.timeout_s,
    Integration.base_currency,
)


def of_account(session: Session, account_id: int, *, by: int | None = None) -> Whom:
    """The tiers of an Account, as the user of that id may see it; None is the operator of the machine.

    Raises InputRefused (account_unknown, not_a_client, tiers_secondary, creation_awaited, tiers_gone, tiers_taken_out, not_linked)
    and Disconnected (CRM-58).
    """
    row = session.execute(_query(by).where(Account.id == account_id)).one_or_none()
    if row is None:
        raise refused(
            "account_unknown",
            "there is no such Account",
            record=str(account_id),
            remedy="Take the number of an Account of the list.",
        )
    return _whom(session, row)


def of_company(session: Session, company_id: int, *, by: int | None = None) -> Whom:
    """The tiers of a Company. Raises as ``of_account``, and InputRefused (company_unknown)."""
    row = session.execute(_query(by).where(Account.company_id == company_id, Account.is_main)).one_or_none()
    if row is None:
        raise _without_tiers(session, company_id)
    return _whom(session, row)


def target_of(integration: Integration) -> Target:
    """The gateway of an integration. Raises Disconnected (CRM-58)."""
    may_read(integration)
    return Target(
        integration_id=integration.id,
        name=integration.name,
        url=integration.url,
        user=integration.erp_user,
        secret=integration.erp_password,
        timeout_s=integration.timeout_s,
    )


def types_seen(session: Session, user_id: int | None) -> frozenset[str] | None:
    """The types of document that user may see, None for all (CRM-55)."""
    if user_id is None:
        return None
    types = session.scalar(select(User.document_types).where(User.id == user_id))
    return None if types is None else frozenset(types)


def _query(by: int | None) -> Select[*tuple[Any, ...]]:
    # One statement, what the user may see included: this stands between a click and the ERP.
    types = select(User.document_types).where(User.id == by).scalar_subquery().label("types")
    linked = and_(Link.entity == Entity.ACCOUNT.value, Link.local_id == Account.id)
    return (
        select(*_COLUMNS, *_TARGET, types)
        .join(Integration, Integration.id == Account.integration_id)
        .join(Link, linked, isouter=True)
    )


def _whom(session: Session, row: Row[Any]) -> Whom:
    for refusal in _REFUSALS:
        refusal(row)
    if not row.connected:
        may_read(session.get_one(Integration, row.integration_id))
    target = Target(
        integration_id=row.integration_id,
        name=row.integration_name,
        url=row.url,
        user=row.erp_user,
        secret=row.erp_password,
        timeout_s=row.timeout_s,
    )
    types = None if row.types is None else frozenset(row.types)
    return Whom(target=target, code=row.erp_key, name=row.name or "", currency=row.base_currency, types=types)


def _refuse_other_types(row: Row[Any]) -> None:
    if row.type != CLIENT:
        raise refused(
            "not_a_client",
            "the tiers is a supplier: Sage 100 shows live figures of clients only",
            record=row.code,
            remedy="Look at a client; the figures of suppliers are in Sage 100.",
        )


def _refuse_awaited(row: Row[Any]) -> None:
    if row.erp_state is ErpState.AWAITED:
        raise refused(
            "creation_awaited",
            "the tiers is not created in Sage 100 yet",
            record=row.code or row.name,
            remedy="Wait for the next cycle, or have it begin now.",
        )


def _refuse_gone(row: Row[Any]) -> None:
    if row.erp_state in {ErpState.DELETED, ErpState.OUT_OF_SCOPE} or row.link_state is LinkState.VANISHED:
        what = "is no client or supplier any more" if row.erp_state is ErpState.OUT_OF_SCOPE else "was deleted"
        raise refused(
            "tiers_gone",
            f"the tiers {what} in Sage 100",
            record=row.code,
            remedy="Break the link of the Company, then link it to another tiers or create one.",
        )


def _refuse_unlinked(row: Row[Any]) -> None:
    if row.link_state is None:
        raise refused(
            "not_linked",
            "the Account has no link to a tiers of Sage 100",
            record=row.code or row.name,
            remedy="'Créer le tiers' or 'Lier à un tiers déjà existant' links its Company.",
        )


def _refuse_taken_out(row: Row[Any]) -> None:
    if row.link_state is LinkState.TAKEN_OUT:
        raise refused(
            "tiers_taken_out",
            "the tiers was taken out of the flow and is not read",
            record=row.code,
            remedy="'Réactiver la synchronisation' puts it back.",
        )


def _refuse_secondary(row: Row[Any]) -> None:
    if row.company_id is not None and not row.is_main:
        raise refused(
            "tiers_secondary",
            "the tiers is a secondary one of its Company",
            record=row.code,
            remedy="Look at the main tiers of the Company, or give this one a Company of its own: 'Créer la société'.",
        )


_REFUSALS: Final = (
    _refuse_other_types,
    _refuse_awaited,
    _refuse_gone,
    _refuse_unlinked,
    _refuse_taken_out,
    _refuse_secondary,
)


def _without_tiers(session: Session, company_id: int) -> InputRefused:
    company = session.get(Company, company_id)
    if company is None:
        return refused(
            "company_unknown",
            "there is no such Company",
            record=str(company_id),
            remedy="Take the number of a Company of the list.",
        )
    return refused(
        "not_linked",
        f"the Company has no tiers in Sage 100: it is only a {company.company_type} of the CRM",
        record=company.code or company.name,
        remedy="'Créer le tiers' or 'Lier à un tiers déjà existant' gives it one.",
    )
