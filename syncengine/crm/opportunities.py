"""Opportunities: sales in preparation at a Company, which documents of the ERP are attached to (CRM-56)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from syncengine.core.fold import fold, folded, searchable
from syncengine.core.refusals import refused
from syncengine.crm.unit import ID_MAX
from syncengine.model import AttachedDocument, Company, Opportunity, User

STAGES: Final[Mapping[str, str]] = {"open": "En cours", "won": "Gagné", "lost": "Perdu"}
"""Stage → how it is called."""
TITLE_MAX: Final = 120
FORECAST_MAX: Final = Decimal(10) ** 12


@dataclass(frozen=True, kw_only=True)
class OpportunityView:
    """An opportunity with the names of its Company and owner; totals are those of the documents that count (CRM-56)."""

    id: int
    company_id: int
    company_name: str | None
    owner_id: int | None
    owner: str | None
    title: str
    stage: str
    currency: str | None
    forecast: Decimal | None
    quote_total: Decimal | None
    order_total: Decimal | None
    expected_close: date | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which opportunities; ``text`` has words of the title or of the Company's name."""

    company_id: int | None = None
    owner_id: int | None = None
    stage: str | None = None
    text: str | None = None


ALL: Final = Search()


def list_opportunities(
    session: Session, search: Search = ALL, *, limit: int, before: int | None = None
) -> list[OpportunityView]:
    """The opportunities, the newest first; ``before`` is the id that ended the last page."""
    query = _joined()
    for column, wanted in (
        (Opportunity.company_id, search.company_id),
        (Opportunity.owner_id, search.owner_id),
        (Opportunity.stage, search.stage),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    for word in searchable(search.text or "", "text").split():
        wanted = fold(word)
        titles = (folded(column).contains(wanted, autoescape=True) for column in (Opportunity.title, Company.name))
        query = query.where(or_(*titles))
    if before is not None:
        query = query.where(Opportunity.id < before)
    return [_view(row) for row in session.execute(query.order_by(Opportunity.id.desc()).limit(limit))]


def show_opportunity(session: Session, opportunity_id: int) -> OpportunityView:
    """One opportunity. Raises InputRefused (opportunity_unknown)."""
    row = session.execute(_joined().where(Opportunity.id == opportunity_id)).one_or_none()
    if row is None:
        raise _unknown(opportunity_id)
    return _view(row)


def create_opportunity(session: Session, company_id: int, values: Mapping[str, Any], *, at: datetime) -> Opportunity:
    """A new opportunity of a Company, with a title at least.

    Raises InputRefused (company_unknown, field_required, too_long, unknown_value, unknown_user).
    """
    if company_id > ID_MAX or session.get(Company, company_id) is None:
        raise refused(
            "company_unknown", "there is no such company", record=str(company_id), remedy="Choose a company of the CRM."
        )
    said = {"title": None, "stage": "open"} | dict(values)
    checked = {name: _CHECKS[name](session, value) for name, value in said.items()}
    opportunity = Opportunity(company_id=company_id, **checked, created_at=at, updated_at=at)
    session.add(opportunity)
    session.flush()
    return opportunity


def edit_opportunity(
    session: Session, opportunity_id: int, values: Mapping[str, Any], *, at: datetime
) -> dict[str, tuple[Any, Any]]:
    """Change an opportunity; what changed, before and after. Raises InputRefused as ``create_opportunity``.

    Totals are not entered: they are those of the documents (CRM-56).
    """
    opportunity = opened(session, opportunity_id)
    changed: dict[str, tuple[Any, Any]] = {}
    for name, given in values.items():
        before, after = getattr(opportunity, name), _CHECKS[name](session, given)
        if after != before:
            setattr(opportunity, name, after)
            changed[name] = (before, after)
    if changed:
        opportunity.updated_at = at
        session.flush()
    return changed


def delete_opportunity(session: Session, opportunity_id: int) -> None:
    """Delete an opportunity with what was attached to it; the documents themselves are the ERP's. Raises InputRefused."""
    opportunity = opened(session, opportunity_id)
    session.execute(delete(AttachedDocument).where(AttachedDocument.opportunity_id == opportunity.id))
    session.delete(opportunity)
    session.flush()


def opened(session: Session, opportunity_id: int) -> Opportunity:
    """The opportunity, locked. Raises InputRefused (opportunity_unknown)."""
    found = session.get(Opportunity, opportunity_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise _unknown(opportunity_id)
    return found


def _unknown(opportunity_id: int) -> Exception:
    return refused(
        "opportunity_unknown",
        "there is no such opportunity",
        record=str(opportunity_id),
        remedy="Take the number of an opportunity of the list.",
    )


def _joined() -> Any:
    return (
        select(Opportunity, Company.name.label("company_name"), User.name.label("owner"))
        .join(Company, Company.id == Opportunity.company_id)
        .outerjoin(User, User.id == Opportunity.owner_id)
    )


def _view(row: Any) -> OpportunityView:
    own = {name: getattr(row.Opportunity, name) for name in _OWN}
    own |= {name: cents(own[name]) for name in _AMOUNTS}
    return OpportunityView(**own, company_name=row.company_name, owner=row.owner)


def cents(amount: Decimal | None) -> Decimal | None:
    """An amount as people write it: the base keeps more decimals."""
    return None if amount is None else round(amount, 2)


_AMOUNTS: Final = ("forecast", "quote_total", "order_total")
_OWN: Final = tuple(name for name in OpportunityView.__dataclass_fields__ if name not in {"company_name", "owner"})


def _title(_session: Session, given: str | None) -> str:
    text = (given or "").strip()
    if not text:
        raise refused("field_required", "an opportunity has a title", field="title", remedy="Enter a title.")
    if len(text) > TITLE_MAX:
        words = f"{len(text)} characters, at most {TITLE_MAX}"
        raise refused("too_long", words, field="title", remedy="Shorten it.")
    return text


def _stage(_session: Session, given: str | None) -> str:
    if given not in STAGES:
        raise refused(
            "unknown_value", "there is no such stage", field="stage", remedy=f"Choose one of {', '.join(STAGES)}."
        )
    return str(given)


def _currency(_session: Session, given: str | None) -> str | None:
    text = (given or "").strip().upper()
    if text and not (len(text) == 3 and text.isascii() and text.isalpha()):
        raise refused(
            "unknown_value", "this is no currency", field="currency", remedy="Write its ISO code, such as EUR."
        )
    return text or None


def _owner(session: Session, given: int | None) -> int | None:
    user = None if given is None or not 0 < given <= ID_MAX else session.get(User, given)
    if given is not None and (user is None or not user.active):
        raise refused(
            "unknown_user", "there is no such active user", field="owner_id", remedy="Choose an active user of the CRM."
        )
    return given


def _forecast(_session: Session, given: Decimal | None) -> Decimal | None:
    if given is not None and not (given.is_finite() and 0 <= given < FORECAST_MAX):
        raise refused("unknown_value", "this is no amount", field="forecast", remedy=f"Enter 0 to {FORECAST_MAX:,.0f}.")
    return cents(given)


_CHECKS: Final[Mapping[str, Callable[[Session, Any], Any]]] = {
    "title": _title,
    "stage": _stage,
    "currency": _currency,
    "owner_id": _owner,
    "forecast": _forecast,
    "expected_close": lambda _session, given: given,
}
"""What may be entered, and how it is checked."""
