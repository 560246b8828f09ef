"""A Company as its screen shows it: fields in the ERP's words, tiers, children, free fields, statistics and turnover."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from syncengine.model import ErpState, LinkState, RecordStatus


@dataclass(frozen=True, kw_only=True)
class FieldView:
    """One value with the label a user of Sage 100 knows; ``meaning`` is what a code stands for in the ERP's lists."""

    name: str
    label: str
    value: str | None
    meaning: str | None = None


@dataclass(frozen=True, kw_only=True)
class FreeFieldView:
    """A free field by its definition; struck out when it is no longer replicated (CRM-46). Values are as on the wire."""

    name: str
    type: str
    value: str | None
    struck_out: bool


@dataclass(frozen=True, kw_only=True)
class TurnoverView:
    """Turnover N and N-1 before tax (CRM-48); ``currency`` is the ISO code of the ERP company's."""

    current_year: Decimal
    previous_year: Decimal
    currency: str | None
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class AddressView:
    """A billing or delivery address; ``is_default`` marks the Company's default one (CRM-38)."""

    id: int
    erp_key: str | None
    kind: str
    is_default: bool
    title: str | None
    street: str | None
    complement: str | None
    postcode: str | None
    town: str | None
    region: str | None
    country: str | None


@dataclass(frozen=True, kw_only=True)
class ContactView:
    """A contact with its default address (CRM-44); empty numbers show the marker when linked (CRM-43)."""

    id: int
    erp_key: str | None
    is_default: bool
    default_address_id: int | None
    civility: str | None
    last_name: str | None
    first_name: str | None
    function: str | None
    service: str | None
    service_label: str | None
    phone: str | None
    mobile: str | None
    fax: str | None
    email: str | None


@dataclass(frozen=True, kw_only=True)
class TiersView:
    """The main Account of a Company and how it stands with the ERP; ``link_state`` is None when it never was linked."""

    account_id: int
    integration: str
    code: str | None
    type: str
    erp_state: ErpState
    link_state: LinkState | None


@dataclass(frozen=True, kw_only=True)
class CompanyView:
    """A Company with all that hangs on it; ``tiers`` is None for one that has no tiers."""

    id: int
    code: str | None
    name: str | None
    company_type: str
    status: RecordStatus
    territory: str | None
    manager: str | None
    created_at: datetime
    updated_at: datetime
    tiers: TiersView | None
    fields: tuple[FieldView, ...]
    standard: str | None
    fax: str | None
    email: str | None
    addresses: tuple[AddressView, ...]
    contacts: tuple[ContactView, ...]
    free_fields: tuple[FreeFieldView, ...]
    statistics: tuple[FieldView, ...]
    turnover: TurnoverView | None
