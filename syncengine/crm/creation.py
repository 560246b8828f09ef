"""'Créer le tiers': a Company becomes an Account that the next cycle creates in the ERP (CRM-24..26).

Everything that may refuse comes before the first write. Until the ERP has answered, the creation can be withdrawn.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from contracts.fields import Flow
from contracts.tables import TIERS
from syncengine.core.account_code import AUTO_ERP, entered_code, initial_code, numbered_code
from syncengine.core.refusals import refused
from syncengine.core.replicate import COMPANY_LEAVES, DEFAULTED, assigned
from syncengine.core.snapshot import Values
from syncengine.core.type_mapping import required_tiers_type
from syncengine.crm.adoption import adopt, release
from syncengine.crm.company_code import OTHER_CODE, refuse_taken
from syncengine.crm.numbers import numbers_of
from syncengine.crm.pairing import authorise, company_unit, integration_row, refuse_while_sending
from syncengine.crm.unit import Unit
from syncengine.cycle.act import Act
from syncengine.errors import SecondIntegration
from syncengine.model import (
    Account,
    CodeMode,
    Company,
    CustomField,
    ErpParameter,
    ErpState,
    Integration,
    IntegrationState,
    Outbox,
    RecordStatus,
    Representative,
    Right,
    Side,
    SyncError,
    SyncErrorState,
    TransferMode,
)
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from syncengine.storage.journal import Journal

_SENT: Final = tuple(attr for attr in COMPANY_LEAVES if TIERS.field(attr).flow is Flow.BOTH)
_REPLICAS: Final = (*(attr for attr in COMPANY_LEAVES if TIERS.field(attr).flow is Flow.FROM_ERP), "free_values")


def create_tiers(
    session: Session, company_id: int, *, integration_id: int, at: datetime, by: str | None = None, multi: bool = False
) -> int:
    """Order the creation of the Company's tiers in the ERP; the id of its new Account, which waits for it.

    Raises InputRefused with nothing written: right_withdrawn, transfer_never, company_unknown, already_linked,
    creation_awaited, company_inactive, name_missing, type_not_mapped, code_missing, code_invalid, code_too_long,
    code_in_use; IntegrationUnknown; SecondIntegration when multi-integration is off and this is not the first (CRM-62).
    """
    authorise(session, by, Right.CREATE_TIERS)
    integration = _integration(session, integration_id, multi=multi)
    unit, company = company_unit(session, company_id, Act(at=at, by=by, rule=Rule.CREATED))
    _refuse_tied(unit)
    _refuse_unfit(company, unit.record)
    kind = required_tiers_type(integration, company)
    bulk = Bulk(session.connection())
    account_id = next(bulk.next_ids(Account, 1))
    code = _code(session, integration, company, account_id)

    unit.journal = Journal(bulk, integration_id=integration.id, cycle_id=None, now=at, by=by, account_id=account_id)
    values, rules = _completed(session, integration, company, code)
    account = _replica(unit, integration, company, values, account_id=account_id, kind=kind)
    session.add(account)
    unit.account = account
    session.flush()
    unit.journal.row(Entity.ACCOUNT, account_id, code, before=None, after=_told(account), rule=Rule.CREATED)
    if unit.replace(Entity.COMPANY, company, values, rules):
        company.updated_at = at
    adopt(unit, company, account)
    _ask_for_cycle(integration, at)
    unit.done()
    return account_id


def cancel_creation(session: Session, company_id: int, *, at: datetime, by: str | None = None) -> None:
    """Withdraw a creation that was not sent, or that the ERP refused: the Account goes, the Company stays as it is.

    Raises InputRefused: right_withdrawn, company_unknown, not_awaited, sync_under_way.
    """
    authorise(session, by, Right.CREATE_TIERS)
    unit, company = company_unit(session, company_id, Act(at=at, by=by, rule=Rule.CREATED))
    account = unit.account
    if account is None or account.erp_state is not ErpState.AWAITED:
        raise refused(
            "not_awaited",
            "no tiers of this company waits to be created",
            record=unit.record,
            remedy="A tiers that the ERP has is separated by 'Rompre le lien'.",
        )
    refuse_while_sending(session, unit, account)
    mode = session.get_one(Integration, account.integration_id).code_mode
    if mode is not CodeMode.FREE and unit.replace(Entity.COMPANY, company, {"code": initial_code(mode)}, {}):
        company.updated_at = at
    unit.journal.row(Entity.ACCOUNT, account.id, account.code, before=_told(account), after=None, rule=Rule.CREATED)
    release(session, account.id)
    _forget(session, account)
    unit.account = None
    unit.done()


def _integration(session: Session, integration_id: int, *, multi: bool) -> Integration:
    integration = integration_row(session, integration_id)
    first = session.scalar(select(Integration.id).order_by(Integration.id).limit(1))
    if not multi and first != integration_id:
        raise SecondIntegration(f"{integration.name} is a second integration, and multi-integration is off")
    if integration.transfer_mode is not TransferMode.BY_HAND:
        raise refused(
            "transfer_never",
            "companies are never transferred to Sage 100",
            record=integration.name,
            field="transfer_mode",
            remedy="Create the tiers in Sage 100, or set the transfer mode of the integration to 'by hand'.",
        )
    return integration


def _refuse_tied(unit: Unit) -> None:
    if unit.account is None:
        return
    if unit.account.erp_state is ErpState.AWAITED:
        words = ("creation_awaited", "its tiers waits to be created already", "Wait for the next cycle.")
    else:
        words = ("already_linked", "the company has a tiers already", "'Rompre le lien' separates the two.")
    code, message, remedy = words
    raise refused(code, message, record=unit.record, remedy=remedy)


def _refuse_unfit(company: Company, record: str) -> None:
    if company.status is not RecordStatus.ACTIVE:
        raise refused(
            "company_inactive",
            "the company is inactive",
            record=record,
            field="status",
            remedy="Make the company active first.",
        )
    if not (company.name or "").strip():
        raise refused(
            "name_missing",
            "the company has no name",
            record=record,
            field="name",
            remedy="Enter the raison sociale: Sage 100 needs the Intitulé of a tiers.",
        )


def _code(session: Session, integration: Integration, company: Company, account_id: int) -> str:
    """The code the Account starts with, by the integration's mode (CRM-21..23)."""
    if integration.code_mode is CodeMode.ERP:
        return AUTO_ERP
    if integration.code_mode is CodeMode.CRM:
        code, remedy = numbered_code(account_id, integration.code_suffix), "Give the integration another code suffix."
    else:
        code, remedy = entered_code(company.code, integration.code_suffix), OTHER_CODE
    refuse_taken(session, integration.id, code, company_id=company.id, remedy=remedy)
    return code


def _completed(
    session: Session, integration: Integration, company: Company, code: str
) -> tuple[Values, dict[str, Rule]]:
    """What the Company takes on, and why: its code, defaults (CRM-26), its representative, no replica of a former tiers."""
    first = _first_of_lists(session, integration)
    defaults = {attr: first[attr] for attr in DEFAULTED if attr in first and not getattr(company, attr)}
    representative = {"representative": _representative(session, integration, company)}
    values: Values = {"code": code} | defaults | representative | dict.fromkeys(_REPLICAS)
    rules = dict.fromkeys(defaults, Rule.DEFAULTED) | dict.fromkeys(representative, Rule.REPRESENTATIVE)
    return values, rules


def _first_of_lists(session: Session, integration: Integration) -> dict[str, str]:
    """The first of each of the ERP's lists; of the currencies, the one the books are kept in."""
    query = select(ErpParameter.kind, ErpParameter.code, ErpParameter.iso_code).where(
        ErpParameter.integration_id == integration.id, ErpParameter.kind.in_(DEFAULTED), ErpParameter.active
    )
    first: dict[str, str] = {}
    kept: dict[str, str] = {}
    for kind, code, iso_code in session.execute(query.order_by(ErpParameter.position)):
        first.setdefault(kind, code)
        if kind == "currency" and integration.base_currency and iso_code == integration.base_currency:
            kept.setdefault(kind, code)
    return first | kept


def _representative(session: Session, integration: Integration, company: Company) -> str | None:
    """The representative by the rule representative ← manager (CRM-17)."""
    of_manager = select(Representative.code).where(
        Representative.integration_id == integration.id,
        Representative.active,
        Representative.user_id.is_not(None),
        Representative.user_id == company.manager_id,
    )
    codes = session.scalars(of_manager.order_by(Representative.code)).all()
    return assigned(integration.representative_rule, company.representative, codes)


def _replica(
    unit: Unit, integration: Integration, company: Company, values: Values, *, account_id: int, kind: str
) -> Account:
    pairs = set(unit.session.scalars(select(CustomField.name).where(CustomField.replicated)))
    custom = {name: value for name, value in (company.custom or {}).items() if name in pairs}
    return Account(
        **{attr: values.get(attr, getattr(company, attr)) for attr in _SENT},
        **numbers_of(unit).all(),
        id=account_id,
        integration_id=integration.id,
        company_id=company.id,
        is_main=True,
        status=RecordStatus.ACTIVE,
        erp_state=ErpState.AWAITED,
        type=kind,
        dormant=False,
        custom=custom or None,
        created_at=unit.act.at,
        updated_at=unit.act.at,
    )


def _ask_for_cycle(integration: Integration, at: datetime) -> None:
    """CRM-25: the order starts a synchronisation."""
    integration.requested_number += 1
    if integration.state is IntegrationState.ACTIVE:
        integration.due_at = at


def _told(account: Account) -> dict[str, Any]:
    """What the journal keeps of an Account that comes or goes."""
    return {attr: value for attr in TIERS.index if (value := getattr(account, attr, None))}


def _forget(session: Session, account: Account) -> None:
    """The Account goes; what was tried with it stays in the history, and its error is closed."""
    session.execute(update(Outbox).where(Outbox.account_id == account.id).values(account_id=None))
    session.execute(
        update(SyncError)
        .where(
            SyncError.integration_id == account.integration_id,
            SyncError.side == Side.ERP,
            SyncError.local_id == account.id,
        )
        .values(state=SyncErrorState.RESOLVED, local_id=None)
    )
    session.flush()
    session.execute(delete(Account).where(Account.id == account.id), execution_options={"synchronize_session": False})
    session.expunge(account)
