"""Account: the fiche Tiers CRM, the mirror of one ERP tiers, read-only for users (CRM-28)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import TIERS
from syncengine.model.base import Base
from syncengine.model.columns import Id, field_column, ref
from syncengine.model.company import RecordStatus


class ErpState(StrEnum):
    """Where the ERP tiers of an Account stands. An ERP delete deletes nothing here (CRM-32).

    ::

                  tombstone 'deleted'
        present ──────────────────────► deleted
           │ ▲ ──── 'out_of_scope' ───► out_of_scope
           │ └───── record returns ──── deleted | out_of_scope | dormant
           └─────── 'dormant' ────────► dormant

        awaited ── created in the ERP ─► present      ('Créer le tiers', CRM-25)
    """

    PRESENT = "present"
    DELETED = "deleted"
    OUT_OF_SCOPE = "out_of_scope"
    DORMANT = "dormant"
    AWAITED = "awaited"


class Account(Base):
    """A Tiers CRM: main, secondary (its Company has a main one already) or orphan (no Company) (CRM-34)."""

    __tablename__ = "accounts"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    company_id: Mapped[int | None] = ref("companies.id")
    is_main: Mapped[bool] = mapped_column(default=False)
    status: Mapped[RecordStatus] = mapped_column(default=RecordStatus.ACTIVE)
    erp_state: Mapped[ErpState] = mapped_column(default=ErpState.PRESENT)

    type: Mapped[str] = field_column(TIERS, "type")
    code: Mapped[str | None] = field_column(TIERS, "code")
    name: Mapped[str | None] = field_column(TIERS, "name")
    short_name: Mapped[str | None] = field_column(TIERS, "short_name")
    contact_person: Mapped[str | None] = field_column(TIERS, "contact_person")
    web_site: Mapped[str | None] = field_column(TIERS, "web_site")
    dormant: Mapped[bool | None] = field_column(TIERS, "dormant")
    naf_code: Mapped[str | None] = field_column(TIERS, "naf_code")
    siret: Mapped[str | None] = field_column(TIERS, "siret")
    currency: Mapped[str | None] = field_column(TIERS, "currency")
    accounting_category: Mapped[str | None] = field_column(TIERS, "accounting_category")
    price_category: Mapped[str | None] = field_column(TIERS, "price_category")
    language: Mapped[str | None] = field_column(TIERS, "language")
    representative: Mapped[str | None] = field_column(TIERS, "representative")
    phone: Mapped[str | None] = field_column(TIERS, "phone")
    fax: Mapped[str | None] = field_column(TIERS, "fax")
    email: Mapped[str | None] = field_column(TIERS, "email")
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
    custom: Mapped[dict[str, Any] | None]  # CRM-47: values of the CRM's own fields, acc_…

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        # G4, CRM-34: one main Account per Company. Also finds the Account of a Company.
        Index(
            "uq_accounts_main_company",
            "company_id",
            unique=True,
            sqlite_where=text("is_main"),
            postgresql_where=text("is_main"),
        ),
        # CRM-25: what is to be created in the ERP.
        Index(
            "ix_accounts_awaited",
            "integration_id",
            sqlite_where=text("erp_state = 'awaited'"),
            postgresql_where=text("erp_state = 'awaited'"),
        ),
    )
