"""Address: billing (tab Identification) or delivery (tab Livraison), shared by Company and Account."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import ADDRESS
from syncengine.model.base import Base
from syncengine.model.columns import Id, field_column, ref

ADDRESS_NAMES = {"key": "erp_key"}
"""Fields of the contract's Address that go by another name here."""


class Address(Base):
    """One address. The billing address is the default one; every other is a delivery address (CRM-26, CRM-38)."""

    __tablename__ = "addresses"

    id: Mapped[Id]
    company_id: Mapped[int | None] = ref("companies.id")
    account_id: Mapped[int | None] = ref("accounts.id")
    erp_key: Mapped[str | None] = field_column(ADDRESS, "key")
    kind: Mapped[str] = field_column(ADDRESS, "kind")
    is_default: Mapped[bool] = mapped_column(default=False)
    main: Mapped[bool | None] = field_column(ADDRESS, "main")
    position: Mapped[int] = mapped_column(default=0)
    title: Mapped[str | None] = field_column(ADDRESS, "title")
    street: Mapped[str | None] = field_column(ADDRESS, "street")
    complement: Mapped[str | None] = field_column(ADDRESS, "complement")
    postcode: Mapped[str | None] = field_column(ADDRESS, "postcode")
    town: Mapped[str | None] = field_column(ADDRESS, "town")
    region: Mapped[str | None] = field_column(ADDRESS, "region")
    country: Mapped[str | None] = field_column(ADDRESS, "country")

    __table_args__ = (
        UniqueConstraint("account_id", "erp_key"),  # G4, and the children of the accounts of a page
        Index(None, "company_id"),  # the addresses of a Company on its screen
    )
