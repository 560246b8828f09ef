"""Generic tiers: the general tiers of the ERP that a Company without one is tied to for the time being (CRM-60).

Chosen by hand for a Company, else by the first rule that fits, in order of position: its price category, or how its name begins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from contracts.tables import CLIENT
from syncengine.core.fold import fold, searchable
from syncengine.core.refusals import refused
from syncengine.crm.companies import find_company
from syncengine.crm.unit import ID_MAX
from syncengine.errors import IntegrationUnknown
from syncengine.model import Account, Company, ErpParameter, ErpState, GenericRule, GenericTiers, Integration

VALUE_MAX: Final = 20
POSITION_MAX: Final = 10_000
_RANGE: Final = re.compile(r"^(\w)\s*-\s*(\w)$")


@dataclass(frozen=True, kw_only=True)
class Tied:
    """The general tiers a Company is tied to, and why: ``rule``."""

    generic_tiers_id: int
    integration_id: int
    erp_key: str
    label: str
    rule: GenericRule


def list_generic_tiers(session: Session, integration_id: int) -> list[GenericTiers]:
    """The generic tiers of an integration, in the order their rules are tried."""
    mine = select(GenericTiers).where(GenericTiers.integration_id == integration_id)
    return list(session.scalars(mine.order_by(GenericTiers.position, GenericTiers.id)))


def show_generic_tiers(session: Session, generic_id: int) -> GenericTiers:
    """One of them. Raises InputRefused (generic_tiers_unknown)."""
    found = session.get(GenericTiers, generic_id) if 0 < generic_id <= ID_MAX else None
    if found is None:
        raise refused(
            "generic_tiers_unknown",
            "there is no such generic tiers",
            record=str(generic_id),
            remedy="Take the number of a generic tiers of the integration.",
        )
    return found


def create_generic_tiers(
    session: Session, integration_id: int, values: Mapping[str, Any], *, at: datetime
) -> GenericTiers:
    """A new one: ``erp_key``, ``rule``, ``value``, ``position``. It is a client of the ERP that the CRM knows.

    Raises IntegrationUnknown, InputRefused (account_unknown, not_a_client, generic_rule_invalid, unknown_value).
    """
    if session.get(Integration, integration_id) is None:
        raise IntegrationUnknown(f"there is no integration {integration_id}")
    last = session.scalar(select(func.max(GenericTiers.position)).where(GenericTiers.integration_id == integration_id))
    said = {"value": "", "position": 0 if last is None else last + 1} | {
        name: given for name, given in values.items() if given is not None
    }
    row = GenericTiers(integration_id=integration_id, created_at=at, **_checked(session, integration_id, said))
    session.add(row)
    session.flush()
    return row


def edit_generic_tiers(session: Session, generic_id: int, values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Change one; what changed, before and after. Raises InputRefused as ``create_generic_tiers``."""
    row = show_generic_tiers(session, generic_id)
    said = {name: getattr(row, name) for name in _ENTERED} | dict(values)
    checked = _checked(session, row.integration_id, said)
    changed = {name: (getattr(row, name), value) for name, value in checked.items() if getattr(row, name) != value}
    for name, (_, value) in changed.items():
        setattr(row, name, value)
    session.flush()
    return changed


def remove_generic_tiers(session: Session, generic_id: int) -> GenericTiers:
    """Forget one; Companies it was chosen for by hand go by the rules again. Raises InputRefused."""
    row = show_generic_tiers(session, generic_id)
    session.execute(update(Company).where(Company.generic_tiers_id == generic_id).values(generic_tiers_id=None))
    session.delete(row)
    session.flush()
    return row


def tie_by_hand(session: Session, company_id: int, generic_id: int | None, *, at: datetime) -> None:
    """Tie a Company without tiers to a generic one, or with None leave it to the rules.

    Raises InputRefused (company_unknown, generic_tiers_unknown, already_linked).
    """
    company = find_company(session, company_id)
    if generic_id is not None:
        show_generic_tiers(session, generic_id)
        if _has_tiers(session, company_id):
            raise refused(
                "already_linked",
                "the company has a tiers of its own",
                record=company.name,
                remedy="A generic tiers stands in only where there is none.",
            )
    company.generic_tiers_id, company.updated_at = generic_id, at
    session.flush()


def tied_to(session: Session, company_id: int) -> Tied | None:
    """The generic tiers of a Company; None when it has a tiers of its own, or no rule fits. Raises InputRefused."""
    company = find_company(session, company_id)
    if _has_tiers(session, company_id):
        return None
    by_hand = None if company.generic_tiers_id is None else session.get(GenericTiers, company.generic_tiers_id)
    if by_hand is not None:
        return _tied(by_hand, GenericRule.BY_HAND)
    ruled = select(GenericTiers).where(GenericTiers.rule != GenericRule.BY_HAND)
    order = (GenericTiers.integration_id, GenericTiers.position, GenericTiers.id)
    found = next((row for row in session.scalars(ruled.order_by(*order)) if fits(row, company)), None)
    return None if found is None else _tied(found, found.rule)


def fits(row: GenericTiers, company: Company) -> bool:
    """Whether the rule of a generic tiers is met by a Company."""
    match row.rule:
        case GenericRule.PRICE_CATEGORY:
            return company.price_category == row.value
        case GenericRule.NAME:
            return name_fits(company.name, row.value)
        case GenericRule.BY_HAND:
            return False


def name_fits(name: str | None, value: str) -> bool:
    """Whether a name begins with letters, or with one of a range ('A-F'); without case and accents."""
    begun = (fold(name) or "").strip()
    bounds = _RANGE.match(value)
    if bounds is None:
        return bool(value) and begun.startswith(fold(value) or "")
    first, last = (fold(one) or "" for one in bounds.groups())
    return bool(begun) and first <= begun[0] <= last


def name_beginning(company: Company, characters: int) -> str:
    """The first characters of the Company's name: what documents of a general tiers are told apart by."""
    return (company.name or "").strip()[:characters].strip()


def _tied(row: GenericTiers, rule: GenericRule) -> Tied:
    return Tied(
        generic_tiers_id=row.id,
        integration_id=row.integration_id,
        erp_key=row.erp_key,
        label=row.label,
        rule=rule,
    )


def _has_tiers(session: Session, company_id: int) -> bool:
    main = select(Account.id).where(
        Account.company_id == company_id, Account.is_main, Account.erp_state != ErpState.AWAITED
    )
    return session.scalar(main) is not None


_ENTERED: Final = ("erp_key", "rule", "value", "position")


def _checked(session: Session, integration_id: int, said: Mapping[str, Any]) -> dict[str, Any]:
    rule, value = GenericRule(said["rule"]), str(said["value"] or "").strip()
    _CHECKS[rule](session, integration_id, value)
    account = _general(session, integration_id, str(said["erp_key"]))
    return {
        "erp_key": account.code,
        "label": account.name or "",
        "rule": rule,
        "value": value,
        "position": said["position"],
    }


def _general(session: Session, integration_id: int, code: str) -> Account:
    wanted = searchable(code, "erp_key").strip().upper()
    query = select(Account).where(Account.integration_id == integration_id, func.upper(Account.code) == wanted)
    account = session.scalar(query.where(Account.erp_state == ErpState.PRESENT).limit(1))
    if account is None:
        raise refused(
            "account_unknown",
            "there is no tiers of that code in Sage 100",
            record=code,
            field="erp_key",
            remedy="Create the general tiers in Sage 100; it arrives with the next cycle.",
        )
    if account.type != CLIENT:
        raise refused(
            "not_a_client",
            "the tiers is a supplier",
            record=account.code,
            field="erp_key",
            remedy="Choose a client: quotes and orders are entered for it.",
        )
    return account


def _no_value(_session: Session, _integration_id: int, value: str) -> None:
    if value:
        raise _invalid("a tiers chosen by hand has no value", "Leave the value empty.")


def _price_category(session: Session, integration_id: int, value: str) -> None:
    known = select(ErpParameter.code).where(
        ErpParameter.integration_id == integration_id, ErpParameter.kind == "price_category", ErpParameter.active
    )
    codes = list(session.scalars(known.order_by(ErpParameter.position)))
    if value not in codes:
        raise refused(
            "unknown_value",
            "there is no such price category",
            field="value",
            remedy=f"Choose one of {', '.join(codes)}.",
        )


def _beginning(_session: Session, _integration_id: int, value: str) -> None:
    if not value or len(value) > VALUE_MAX:
        raise _invalid("how the name begins is not said", f"Enter 1 to {VALUE_MAX} letters, or a range such as A-F.")
    bounds = _RANGE.match(value)
    if bounds is not None and (fold(bounds[1]) or "") > (fold(bounds[2]) or ""):
        raise _invalid("the range ends before it begins", "Write it in order, such as A-F.")


def _invalid(words: str, remedy: str) -> Exception:
    return refused("generic_rule_invalid", words, field="value", remedy=remedy)


_CHECKS: Final = {
    GenericRule.BY_HAND: _no_value,
    GenericRule.PRICE_CATEGORY: _price_category,
    GenericRule.NAME: _beginning,
}
