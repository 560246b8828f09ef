"""Integration: one link between the CRM base and one Sage 100 company."""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import Id, ref


class IntegrationState(StrEnum):
    """Whether cycles run (CRM-11, CRM-18).

    ::

        inactive ⇄ active       settings can be changed, and full runs ordered, only while inactive
    """

    INACTIVE = "inactive"
    ACTIVE = "active"


class TransferMode(StrEnum):
    """Whether a Company may be sent to the ERP (CRM-08, CRM-16)."""

    BY_HAND = "by_hand"
    NEVER = "never"


class CodeMode(StrEnum):
    """Who makes the code comptable (CRM-21..23): saisie libre, numérotation CRM, numérotation Gestion Commerciale."""

    FREE = "free"
    CRM = "crm"
    ERP = "erp"


class TurnoverMode(StrEnum):
    """When the stored turnover is refreshed by itself (CRM-48)."""

    EACH_CYCLE = "each_cycle"
    DAILY = "daily"
    BY_HAND = "by_hand"


class AssignmentRule(StrEnum):
    """When a manager follows the representative, or the other way round (CRM-17)."""

    AUTOMATIC = "automatic"
    IF_EMPTY = "if_empty"
    NONE = "none"


class Integration(Base):
    """The integration record (CRM-14..19), with what the engine knows of the other side, and its lease.

    The passwords are encrypted by ``syncengine.secrets``; nothing else reads or writes these columns.
    """

    __tablename__ = "integrations"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60))
    url: Mapped[str] = mapped_column(String(255))
    erp_user: Mapped[str] = mapped_column(String(60), default="")
    erp_password: Mapped[str | None] = mapped_column(String(1000))
    crm_user: Mapped[str] = mapped_column(String(60), default="")
    crm_password: Mapped[str | None] = mapped_column(String(1000))
    company: Mapped[str] = mapped_column(String(35))
    state: Mapped[IntegrationState] = mapped_column(default=IntegrationState.INACTIVE)

    # CRM-16, CRM-17: settings
    timeout_s: Mapped[int]
    interval_min: Mapped[int]
    daily_resync_at: Mapped[time | None]
    transfer_mode: Mapped[TransferMode]
    default_territory_id: Mapped[int | None] = ref("territories.id")
    supplier_territory_id: Mapped[int | None] = ref("territories.id")
    default_manager_id: Mapped[int | None] = ref("users.id")
    code_mode: Mapped[CodeMode]
    code_suffix: Mapped[str] = mapped_column(String(10), default="")
    manager_rule: Mapped[AssignmentRule]
    representative_rule: Mapped[AssignmentRule]
    etendue_enabled: Mapped[bool] = mapped_column(default=False)
    etendue_server: Mapped[str] = mapped_column(String(255), default="")
    etendue_dossier: Mapped[str] = mapped_column(String(60), default="")
    etendue_order: Mapped[bool] = mapped_column(default=False)
    # CRM-56: documents of an opportunity
    document_years: Mapped[int] = mapped_column(default=3)
    forecast_from_documents: Mapped[bool] = mapped_column(default=False)
    won_from_order: Mapped[bool] = mapped_column(default=False)
    # CRM-59: the ERP database read in SQL; a URL with a password, encrypted like the others
    sql_url: Mapped[str | None] = mapped_column(String(1000))
    # CRM-35: company type → tiers type, null for no creation; and the company type of new tiers
    company_types: Mapped[dict[str, Any]]
    client_company_type: Mapped[str] = mapped_column(String(30))
    supplier_company_type: Mapped[str] = mapped_column(String(30))

    # NEW-03: '' or entity or entity.field → policy; how far apart two clocks may be for 'most recent' to ask
    policies: Mapped[dict[str, Any]] = mapped_column(default=dict)
    clock_tolerance_s: Mapped[int] = mapped_column(default=300)
    # NEW-06: 'crm.create' … → {count, percent}; what is not named has the default
    guards: Mapped[dict[str, Any]] = mapped_column(default=dict)

    # CRM-12, CRM-23: options and codification of the gateway, as last seen
    gateway_options: Mapped[dict[str, Any]] = mapped_column(default=dict)

    # CRM-15: the other side, as last seen
    connected: Mapped[bool] = mapped_column(default=True)
    gateway_version: Mapped[str | None] = mapped_column(String(40))
    contract_version: Mapped[str | None] = mapped_column(String(10))
    base_currency: Mapped[str | None] = mapped_column(String(3))
    seen_at: Mapped[datetime | None]
    parameters_refreshed_at: Mapped[datetime | None]

    # CRM-09, CRM-48: times of day are those of this zone
    zone: Mapped[str] = mapped_column(String(40), default="Europe/Paris")
    turnover_mode: Mapped[TurnoverMode] = mapped_column(default=TurnoverMode.EACH_CYCLE)
    turnover_at: Mapped[time | None]
    turnover_refreshed_at: Mapped[datetime | None]
    turnover_due_at: Mapped[datetime | None]

    # NEW-07: a change is on the other side in seconds; ``live_problem`` says why the interval has to do for now
    live: Mapped[bool] = mapped_column(default=False)
    live_problem: Mapped[str | None] = mapped_column(String(300))

    # Drift audit: how much of the base is compared in an hour, 0 for none, and when the next portion is
    audit_percent: Mapped[int] = mapped_column(default=4)
    audit_due_at: Mapped[datetime | None]

    # When a cycle is due: columns, so that a schedule survives everything. None: inactive or disconnected, none is due
    due_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)  # cycles in a row that could not finish
    requested_number: Mapped[int] = mapped_column(BigInteger, default=0)
    handled_number: Mapped[int] = mapped_column(BigInteger, default=0)
    last_resync_at: Mapped[datetime | None]

    # Who runs a cycle now
    lease_owner: Mapped[str | None] = mapped_column(String(255))
    lease_token: Mapped[int] = mapped_column(BigInteger, default=0)
    lease_until: Mapped[datetime | None]

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("name"),
        # The dispatcher asks for what is due, whatever the number of integrations.
        Index("ix_integrations_due_at", "due_at"),
        Index("ix_integrations_audit_due_at", "audit_due_at"),
        Index("ix_integrations_turnover_due_at", "turnover_due_at"),
    )
