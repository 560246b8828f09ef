"""The code comptable of a Company: entered, checked, unique in the integration whatever the case (CRM-20..22)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from syncengine.core.account_code import entered_code, initial_code, says_nothing
from syncengine.core.refusals import refused
from syncengine.crm.pairing import company_unit, refuse_while_sending
from syncengine.crm.unit import Unit, mark
from syncengine.cycle.act import Act
from syncengine.errors import IntegrationUnknown
from syncengine.model import Account, CodeMode, Company, ErpState, Integration, Link
from syncengine.model.journal import Rule
from syncengine.model.link import Entity

OTHER_CODE: Final = "Enter another code; to tie the company to that tiers, use 'Lier à un tiers déjà existant'."


def set_code(
    session: Session,
    company_id: int,
    code: str,
    *,
    at: datetime,
    by: str | None = None,
    integration_id: int | None = None,
) -> str:
    """Enter the code of a Company that is not linked; what it became, in capitals and with the suffix.

    Emptied, it waits again. A tiers that waits to be created follows, and is sent again if the ERP had refused it.
    Raises InputRefused: company_unknown, code_locked, sync_under_way, and what ``checked_code`` refuses.
    """
    unit, company = company_unit(session, company_id, Act(at=at, by=by))
    _refuse_locked(session, unit)
    wanted = checked_code(session, company, code, integration_id=integration_id)
    _write(session, unit, company, wanted, at)
    unit.done()
    return wanted or ""


def checked_code(
    session: Session, company: Company, text: str | None, *, integration_id: int | None = None
) -> str | None:
    """What an entry becomes, with nothing written: the code, or for an empty one what a Company without code shows.

    The integration is that of the Company's tiers, the one named, or the only one. Raises InputRefused: code_automatic,
    code_missing, code_invalid, code_too_long, code_in_use; IntegrationUnknown.
    """
    account = session.scalar(_main(company.id))
    integration = _integration(session, company.id, integration_id)
    if integration is None:
        return None if says_nothing(text) else entered_code(text)
    if integration.code_mode is not CodeMode.FREE:
        raise refused(
            "code_automatic",
            "the codes are numbered automatically",
            record=company.name,
            field="code",
            remedy="Leave it as it is, or choose free entry in the integration.",
        )
    if account is None and says_nothing(text):
        return initial_code(integration.code_mode)
    wanted = entered_code(text, integration.code_suffix)
    refuse_taken(session, integration.id, wanted, company_id=company.id, account_id=account.id if account else 0)
    return wanted


def refuse_taken(
    session: Session,
    integration_id: int,
    code: str,
    *,
    company_id: int,
    account_id: int = 0,
    remedy: str = OTHER_CODE,
) -> None:
    """Raises InputRefused (code_in_use) when another tiers of the integration, or another Company, has the code."""
    holder = _holder(session, integration_id, code, company_id, account_id)
    if holder is not None:
        raise refused("code_in_use", f"the code {code} is that of {holder}", record=code, field="code", remedy=remedy)


def _holder(session: Session, integration_id: int, code: str, company_id: int, account_id: int) -> str | None:
    """Who has the code: an Account or a link of the integration (gone tiers too, G4), or a Company without tiers."""
    of_account = select(func.coalesce(Account.name, Account.code)).where(
        Account.integration_id == integration_id, func.upper(Account.code) == code, Account.id != account_id
    )
    # Two ways to the same key, each served by an index.
    differs = and_(Link.erp_key != func.upper(Link.erp_key), func.upper(Link.erp_key) == code)
    of_link = select(Link.erp_key).where(
        Link.integration_id == integration_id,
        Link.entity == Entity.ACCOUNT.value,
        or_(Link.erp_key == code, differs),
        Link.local_id != account_id,
    )
    main = and_(Account.company_id == Company.id, Account.is_main)
    of_company = (
        select(func.coalesce(Company.name, Company.code))
        .outerjoin(Account, main)
        .where(func.upper(Company.code) == code, Company.id != company_id, Account.id.is_(None))
    )
    for query in (of_link, of_account, of_company):
        found: str | None = session.scalar(query.limit(1))
        if found is not None:
            return found
    return None


def _main(company_id: int) -> Select[Account]:
    return select(Account).where(Account.company_id == company_id, Account.is_main)


def _integration(session: Session, company_id: int, integration_id: int | None) -> Integration | None:
    account = session.scalar(_main(company_id))
    wanted = integration_id if account is None else account.integration_id
    query = select(Integration).order_by(Integration.id)
    found = session.scalars(query.limit(2) if wanted is None else query.where(Integration.id == wanted)).all()
    if len(found) > 1:
        raise IntegrationUnknown("there are several integrations", remedy="Name one: --integration NAME.")
    if wanted is not None and not found:
        raise IntegrationUnknown(f"there is no integration {wanted}")
    return next(iter(found), None)


def _refuse_locked(session: Session, unit: Unit) -> None:
    """Raises InputRefused unless there is no tiers, or one that the ERP does not have yet and is not being told of."""
    if unit.account is None:
        return
    if unit.account.erp_state is not ErpState.AWAITED:
        raise refused(
            "code_locked",
            "the code of a tiers that Sage 100 has cannot be changed",
            record=unit.record,
            field="code",
            remedy="Renumber the tiers in Sage 100, or break the link first.",
        )
    refuse_while_sending(session, unit, unit.account)


def _write(session: Session, unit: Unit, company: Company, wanted: str | None, at: datetime) -> None:
    if unit.replace(Entity.COMPANY, company, {"code": wanted}, {}):
        company.updated_at = at
    account = unit.account
    if account is not None and unit.replace(Entity.ACCOUNT, account, {"code": wanted}, {"code": Rule.REPLICATED}):
        account.updated_at = at
        mark(session, account.id, at)
