"""The fiche of a Company with its tiers beside it, its contacts and addresses, and what may be ordered (CRM-24..33, CRM-46)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.console.language import N_
from api.console.live_columns import RISK_WORDS
from api.console.screen import ReadScreen, Screen
from api.forms import RecordId
from syncengine.access.scopes import Scope
from syncengine.crm import rights
from syncengine.crm.accounts import AccountView, account_view
from syncengine.crm.alignment import differences
from syncengine.crm.companies import company_view
from syncengine.crm.company_sheet import CompanyView, FieldView, FreeFieldView
from syncengine.model import Account, ErpState, LinkState

router = APIRouter()
REASON_WORDS: Final = {
    "siret": N_("same SIRET"),
    "siren": N_("same SIREN"),
    "code": N_("same code comptable"),
    "name": N_("same name"),
    "name_words": N_("similar name"),
    "email": N_("same e-mail"),
    "phone": N_("same phone number"),
    "place": N_("same address"),
}
"""Why two Companies are likely the same."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A field of the Company and what the tiers has in its place; ``account`` is None where there is no tiers."""

    company: FieldView
    account: FieldView | None
    differs: bool


@router.get("/companies/{company_id}")
def show_company(company_id: RecordId, screen: ReadScreen) -> Response:
    """The fiche."""
    with screen.engine.store.reading() as session:
        context = place_of(session, screen, company_id)
        view: CompanyView = context["company"]
        account = account_view(session, view.tiers.account_id) if view.tiers else None
        differing = differences(session, company_id)
    rows = _beside(view, account, {one.field for one in differing})
    free = [(one, _written(screen, one)) for one in view.free_fields]
    return screen.show("company.html", account=account, rows=rows, differing=differing, free_fields=free, **context)


def _written(screen: Screen, field: FreeFieldView) -> str | None:
    """A free field as people write it; on the wire its value is of the contract's form (CRM-46)."""
    value, formats = field.value, screen.formats
    try:
        match field.type if value else "":
            case "date":
                return formats.day(date.fromisoformat(value or ""))
            case "datetime":
                at = datetime.fromisoformat(value or "")
                return screen._("%(day)s at %(time)s", day=formats.day(at.date()), time=f"{at:%H:%M}")
            case "value" | "amount":
                return formats.number(Decimal(value or ""))
    except (ValueError, InvalidOperation):
        pass
    return value


def place_of(session: Session, screen: Screen, company_id: int) -> dict[str, Any]:
    """What every page of a Company is given. Raises InputRefused (company_unknown)."""
    company = company_view(session, company_id)
    account = session.get(Account, company.tiers.account_id) if company.tiers else None
    return {
        "company": company,
        "company_path": f"/companies/{company_id}",
        "of": account.integration_id if account else None,
        "standing": _standing(company),
        "risk_words": RISK_WORDS,
        "may_order": _may_order(session, screen),
    }


def _standing(company: CompanyView) -> str:
    """Where its tiers is: none, awaited, linked, or apart (gone, out of the flow)."""
    tiers = company.tiers
    if tiers is None:
        return "none"
    if tiers.erp_state is ErpState.AWAITED:
        return "awaited"
    return "linked" if tiers.link_state is LinkState.LINKED else "apart"


def _may_order(session: Session, screen: Screen) -> frozenset[str]:
    """The rights of CRM-61 that whoever asks has; none for somebody who may not edit."""
    if not screen.caller.may(Scope.EDIT):
        return frozenset()
    return frozenset(right.value for right in rights.granted(session, screen.caller.user_id)) | {"edit"}


def _beside(view: CompanyView, account: AccountView | None, differing: set[str]) -> list[Beside]:
    of_account = {field.name: field for field in account.fields} if account else {}
    shown = [field for field in view.fields if field.name != "code"]
    return [
        Beside(company=field, account=of_account.get(field.name), differs=field.name in differing) for field in shown
    ]
