"""Which tiers type a company type stands for, as the integration maps them (CRM-35)."""

from __future__ import annotations

from syncengine.core.refusals import refused
from syncengine.model import Company, Integration


def tiers_type(integration: Integration, company_type: str) -> str | None:
    """'client', 'supplier', or None when Companies of that type have no tiers."""
    found = integration.company_types.get(company_type)
    return found if isinstance(found, str) else None


def required_tiers_type(integration: Integration, company: Company) -> str:
    """The tiers type of a Company that is to have a tiers. Raises InputRefused (type_not_mapped)."""
    found = tiers_type(integration, company.company_type)
    if found is None:
        mapped = ", ".join(sorted(name for name, kind in integration.company_types.items() if kind))
        raise refused(
            "type_not_mapped",
            f"the company type {company.company_type} stands for no tiers",
            record=company.name,
            field="company_type",
            remedy=f"Choose a type that stands for a client or a supplier ({mapped}), or map this one in the integration.",
        )
    return found


def refuse_other_type(integration: Integration, company: Company, account_type: str) -> None:
    """Raises InputRefused (other_tiers_type) when the Company's type stands for the other kind of tiers."""
    stands_for = tiers_type(integration, company.company_type)
    if stands_for not in (None, account_type):
        raise refused(
            "other_tiers_type",
            f"the company type {company.company_type} stands for a {stands_for}, the tiers is a {account_type}",
            record=company.name,
            field="company_type",
            remedy=f"Change the type of the Company to one that stands for a {account_type}, or choose another tiers.",
        )
