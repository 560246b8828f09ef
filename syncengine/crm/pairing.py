"""What orders about a Company and its tiers have in common: who may, whether the pair stands, whether it is being sent.

Rows are locked in one order, Integration, Account, Company, so that two people never wait for each other.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from syncengine.core.refusals import refused
from syncengine.crm.rights import require
from syncengine.crm.unit import Unit, open_company
from syncengine.cycle.act import Act
from syncengine.errors import IntegrationUnknown
from syncengine.model import Account, Company, ErpState, Integration, Outbox, OutboxState, Right, User

_OPEN: Final = (OutboxState.PENDING, OutboxState.SENT)


def authorise(session: Session, by: str | None, right: Right) -> None:
    """Raises InputRefused (right_withdrawn) unless that login has the right (CRM-61); None is the operator of the machine."""
    user_id = None if by is None else session.scalar(select(User.id).where(User.login == by)) or 0
    require(session, user_id, right)


def integration_row(session: Session, integration_id: int) -> Integration:
    """The integration, locked: codes are given one at a time (CRM-20). Raises IntegrationUnknown."""
    found = session.get(Integration, integration_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise IntegrationUnknown(f"there is no integration {integration_id}")
    return found


def company_unit(session: Session, company_id: int, act: Act) -> tuple[Unit, Company]:
    """A Company with what hangs on it, locked. Raises InputRefused (company_unknown)."""
    unit = open_company(session, company_id, act)
    # open_company never returns without its Company; said once more for the types.
    return unit, unit.company or session.get_one(Company, company_id)


def linked_unit(session: Session, company_id: int, act: Act) -> tuple[Unit, Account]:
    """A Company with its tiers that the ERP has. Raises InputRefused (company_unknown, not_linked, creation_awaited)."""
    unit = open_company(session, company_id, act)
    if unit.account is None:
        raise refused(
            "not_linked",
            "the company has no tiers",
            record=unit.record,
            remedy="'Créer le tiers' or 'Lier à un tiers déjà existant' gives it one.",
        )
    refuse_awaited(unit.account)
    return unit, unit.account


def refuse_awaited(account: Account) -> None:
    """Raises InputRefused (creation_awaited) for a tiers that the ERP does not have yet."""
    if account.erp_state is ErpState.AWAITED:
        raise refused(
            "creation_awaited",
            "the tiers is not created in Sage 100 yet",
            record=account.name,
            remedy="Wait for the next cycle, or withdraw the creation.",
        )


def refuse_while_sending(session: Session, unit: Unit, account: Account) -> None:
    """Raises InputRefused (sync_under_way) while a write about the tiers is on its way to the ERP."""
    mine = [Outbox.account_id == account.id] + ([] if unit.link is None else [Outbox.link_id == unit.link.id])
    query = select(Outbox.id).where(
        Outbox.integration_id == account.integration_id, Outbox.state.in_(_OPEN), or_(*mine)
    )
    if session.scalar(query.limit(1)) is not None:
        raise refused(
            "sync_under_way",
            "a change of this tiers is on its way to Sage 100",
            record=unit.record,
            remedy="Do it again after the cycle has ended: `syncengine status` shows its progress.",
        )
