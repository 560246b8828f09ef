"""Company and Account side by side: where they differ, and the two ways to make them one again (CRM-33)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from contracts.fields import Flow
from contracts.tables import TIERS
from syncengine.core.entries import Entry
from syncengine.core.refusals import refused
from syncengine.core.replicate import COMPANY_LEAVES, to_account, to_company
from syncengine.crm.company_entries import CUSTOM
from syncengine.crm.unit import Unit, open_company, same
from syncengine.cycle.act import Act, Edited
from syncengine.model import Account, Company, CustomField, ErpState
from syncengine.model.journal import Rule
from syncengine.model.link import Entity

PAIRS: Final = (*COMPANY_LEAVES, "status")
"""Columns that Company and Account hold both; numbers are rows they share."""
FREE: Final = "free_fields."
"""Before the name of a free field."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A field in which the two are not the same; ``custom.<name>`` and ``free_fields.<name>`` for those kept by name."""

    field: str
    company: Any
    account: Any


@dataclass(frozen=True, kw_only=True)
class Differing:
    """A Company that differs from its main Account."""

    company_id: int
    account_id: int
    code: str | None
    name: str | None
    differences: tuple[Difference, ...]


def differences(session: Session, company_id: int) -> list[Difference]:
    """Where a Company differs from its main Account; nothing for one without. Raises InputRefused (company_unknown)."""
    company = session.get(Company, company_id)
    if company is None:
        raise refused(
            "company_unknown",
            "there is no such company",
            record=str(company_id),
            remedy="Look for it by name, code, SIRET or town: `syncengine company list TEXT`.",
        )
    account = session.scalar(select(Account).where(Account.company_id == company_id, Account.is_main))
    return [] if account is None else _between(company, account, _replicated(session))


def list_differing(session: Session, integration_id: int, *, limit: int = 100, after: int = 0) -> list[Differing]:
    """The next Companies of an integration, by id, that differ from their main Account; the base is searched in SQL."""
    names = _replicated(session)
    rows = session.execute(_candidates(integration_id, names, after).execution_options(yield_per=limit))
    found: list[Differing] = []
    for company, account in rows:
        # JSON that says the same in another order is told apart here.
        if between := _between(company, account, names):
            found.append(
                Differing(
                    company_id=company.id,
                    account_id=account.id,
                    code=account.code,
                    name=company.name,
                    differences=tuple(between),
                )
            )
        if len(found) == limit:
            break
    rows.close()
    return found


def align_account(session: Session, company_id: int, act: Act) -> Edited:
    """'Mettre à jour le tiers': the Company's values go to the Account, and on to the ERP.

    What only the ERP changes, the code of a tiers it has among them, is taken by the Company: it would come back anyway (CRM-40).
    Raises InputRefused (account_unknown, or a value of the Company that breaks its rule).
    """
    unit, company, account = _opened(session, company_id, act)
    down = _down_only(account)
    _check(unit, company, account, down)
    own, theirs = _values(company, account)
    unit.set_account(to_account({name: value for name, value in own.items() if name not in down}), Rule.ALIGNED)
    _to_company(unit, company, {name: value for name, value in theirs.items() if name in down})
    if (custom := _custom_of(company, account, _replicated(session))) != (account.custom or {}):
        unit.set_account({"custom": custom or None}, Rule.ALIGNED)
    return unit.done()


def align_company(session: Session, company_id: int, act: Act) -> Edited:
    """'Mettre à jour la société': the Account's values go to the Company. Raises InputRefused (account_unknown)."""
    unit, company, account = _opened(session, company_id, act)
    _to_company(unit, company, _values(company, account)[1])
    if (custom := _custom_of(account, company, _replicated(session))) != (company.custom or {}):
        _to_company(unit, company, {"custom": custom or None})
    return unit.done()


def _opened(session: Session, company_id: int, act: Act) -> tuple[Unit, Company, Account]:
    unit = open_company(session, company_id, act)
    if unit.account is None or unit.company is None:
        raise refused(
            "account_unknown",
            "the Company has no tiers",
            record=unit.record,
            remedy="'Créer le tiers' or 'Lier à un tiers déjà existant' gives it one.",
        )
    return unit, unit.company, unit.account


def _down_only(account: Account) -> frozenset[str]:
    """What an Account never takes from its Company; the code only until the ERP has it."""
    fixed = {known.attr for known in TIERS.fields if known.flow is Flow.FROM_ERP} | {"free_values"}
    return frozenset(fixed if account.erp_state is ErpState.AWAITED else fixed | {"code"})


def _check(unit: Unit, company: Company, account: Account, down: frozenset[str]) -> None:
    """Another program may have written the Company: what it holds is checked before it travels."""
    entry = Entry(struct=TIERS, record=unit.record, lists=unit.lists(), warnings=unit.warnings)
    for attr in COMPANY_LEAVES:
        value = getattr(company, attr)
        if attr not in down and attr != "code" and not same(value, getattr(account, attr)):
            entry.value(entry.field(attr), value)


def _values(company: Company, account: Account) -> tuple[dict[str, Any], dict[str, Any]]:
    names = (*PAIRS, "free_values")
    own, theirs = ({name: getattr(row, name) for name in names} for row in (company, account))
    return own, to_company(theirs)


def _to_company(unit: Unit, company: Company, values: dict[str, Any]) -> None:
    if unit.replace(Entity.COMPANY, company, values, dict.fromkeys(values, Rule.ALIGNED)):
        company.updated_at = unit.act.at


def _custom_of(one: Company | Account, other: Company | Account, names: list[str]) -> dict[str, Any]:
    """The other's own fields once the replicated ones are those of this one."""
    own, theirs = one.custom or {}, other.custom or {}
    kept = {name: value for name, value in theirs.items() if name not in names}
    return kept | {name: own[name] for name in names if own.get(name)}


def _between(company: Company, account: Account, names: list[str]) -> list[Difference]:
    pairs = [(name, getattr(company, name), getattr(account, name)) for name in PAIRS]
    for prefix, known, own, theirs in (
        (CUSTOM, names, company.custom or {}, account.custom or {}),
        (FREE, None, company.free_values or {}, account.free_values or {}),
    ):
        listed = sorted(own.keys() | theirs.keys()) if known is None else known
        pairs += [(f"{prefix}{name}", own.get(name), theirs.get(name)) for name in listed]
    return [Difference(field=name, company=own, account=theirs) for name, own, theirs in pairs if not same(own, theirs)]


def _replicated(session: Session) -> list[str]:
    return list(session.scalars(select(CustomField.name).where(CustomField.replicated).order_by(CustomField.name)))


def _candidates(integration_id: int, names: list[str], after: int) -> Select[Company, Account]:
    either = [_apart(getattr(Company, name), getattr(Account, name)) for name in COMPANY_LEAVES]
    either += [Company.status != Account.status, Company.free_values.is_distinct_from(Account.free_values)]
    either += [_apart(Company.custom[name].as_string(), Account.custom[name].as_string()) for name in names]
    mine = and_(Account.company_id == Company.id, Account.is_main, Account.integration_id == integration_id)
    query = select(Company, Account).join(Account, mine).where(Company.id > after, or_(*either))
    return query.order_by(Company.id)


def _apart(one: Any, other: Any) -> ColumnElement[bool]:
    return func.coalesce(one, "") != func.coalesce(other, "")
