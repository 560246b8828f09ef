"""Company: the fiche Société of the CRM, the record people edit."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import TIERS
from syncengine.model.base import Base
from syncengine.model.columns import BIGINT, Id, field_column, ref


class RecordStatus(StrEnum):
    """Whether a Company or Account is in use; the CRM's word for 'mis en sommeil' (CRM-12, CRM-37).

    ::

        active ⇄ inactive
    """

    ACTIVE = "active"
    INACTIVE = "inactive"


COMPANY_NAMES = {"type": "company_type", "dormant": "status"}
"""Fields of a tiers that go by another name on the Company; phones and e-mails have rows of their own."""


class Company(Base):
    """A Société. Its type is one of the CRM's own (client, supplier, prospect…), tied to a tiers type by CRM-35."""

    __tablename__ = "companies"

    id: Mapped[Id]
    company_type: Mapped[str] = mapped_column(String(30))
    status: Mapped[RecordStatus] = mapped_column(default=RecordStatus.ACTIVE)

    # CRM-37: both ways
    code: Mapped[str | None] = field_column(TIERS, "code")
    name: Mapped[str | None] = field_column(TIERS, "name")
    short_name: Mapped[str | None] = field_column(TIERS, "short_name")
    contact_person: Mapped[str | None] = field_column(TIERS, "contact_person")
    web_site: Mapped[str | None] = field_column(TIERS, "web_site")
    naf_code: Mapped[str | None] = field_column(TIERS, "naf_code")
    siret: Mapped[str | None] = field_column(TIERS, "siret")
    currency: Mapped[str | None] = field_column(TIERS, "currency")
    accounting_category: Mapped[str | None] = field_column(TIERS, "accounting_category")
    price_category: Mapped[str | None] = field_column(TIERS, "price_category")
    language: Mapped[str | None] = field_column(TIERS, "language")
    representative: Mapped[str | None] = field_column(TIERS, "representative")

    # CRM-40: replicas of the ERP
    collective_account: Mapped[str | None] = field_column(TIERS, "collective_account")
    payer: Mapped[str | None] = field_column(TIERS, "payer")
    payment_terms: Mapped[str | None] = field_column(TIERS, "payment_terms")
    risk_label: Mapped[str | None] = field_column(TIERS, "risk_label")
    risk_action: Mapped[str | None] = field_column(TIERS, "risk_action")
    statistic01: Mapped[str | None] = field_column(TIERS, "statistic01")
    statistic02: Mapped[str | None] = field_column(TIERS, "statistic02")
    statistic03: Mapped[str | None] = field_column(TIERS, "statistic03")
    statistic04: Mapped[str | None] = field_column(TIERS, "statistic04")
    statistic05: Mapped[str | None] = field_column(TIERS, "statistic05")
    statistic06: Mapped[str | None] = field_column(TIERS, "statistic06")
    statistic07: Mapped[str | None] = field_column(TIERS, "statistic07")
    statistic08: Mapped[str | None] = field_column(TIERS, "statistic08")
    statistic09: Mapped[str | None] = field_column(TIERS, "statistic09")
    statistic10: Mapped[str | None] = field_column(TIERS, "statistic10")
    free_values: Mapped[dict[str, Any] | None]
    custom: Mapped[dict[str, Any] | None]  # CRM-47: values of the CRM's own fields, comp_…

    manager_id: Mapped[int | None] = ref("users.id")
    territory_id: Mapped[int | None] = ref("territories.id")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    # CRM-60: chosen by hand; None: by the rules. No foreign key: SQLite cannot add one to a table that others refer to.
    generic_tiers_id: Mapped[int | None] = mapped_column(BIGINT)
    # No foreign key: the Company outlives the history of cycles.
    created_cycle_id: Mapped[int | None] = mapped_column(BIGINT)
