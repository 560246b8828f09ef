"""Whom a live query is about when a Company has no tiers: the general tiers it is tied to for the time being (CRM-60)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from syncengine.crm.generic_tiers import tied_to
from syncengine.model import Integration
from syncengine.rtdv.whom import Whom, of_company, target_of, types_seen


def of_company_or_generic(session: Session, company_id: int, *, by: int | None = None) -> tuple[Whom, bool]:
    """The tiers of a Company, or the generic one; whether it is generic. Raises as ``whom.of_company``."""
    generic = tied_to(session, company_id)
    if generic is None:
        return of_company(session, company_id, by=by), False
    integration = session.get_one(Integration, generic.integration_id)
    found = Whom(
        target=target_of(integration),
        code=generic.erp_key,
        name=generic.label,
        currency=integration.base_currency,
        types=types_seen(session, by),
    )
    return found, True
