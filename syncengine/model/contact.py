"""Contact: a person at a Company, shared with its Account."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import CONTACT
from syncengine.model.base import Base
from syncengine.model.columns import Id, field_column, ref

CONTACT_NAMES = {"key": "erp_key"}
"""Fields of the contract's Contact that go by another name here; its phones and e-mail have rows of their own."""


class Contact(Base):
    """One contact. The first in the ERP's list is the default one; its default address is the billing one (CRM-44)."""

    __tablename__ = "contacts"

    id: Mapped[Id]
    company_id: Mapped[int | None] = ref("companies.id")
    account_id: Mapped[int | None] = ref("accounts.id")
    erp_key: Mapped[str | None] = field_column(CONTACT, "key")
    is_default: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)
    default_address_id: Mapped[int | None] = ref("addresses.id")
    civility: Mapped[str | None] = field_column(CONTACT, "civility")
    last_name: Mapped[str | None] = field_column(CONTACT, "last_name")
    first_name: Mapped[str | None] = field_column(CONTACT, "first_name")
    function: Mapped[str | None] = field_column(CONTACT, "function")
    service: Mapped[str | None] = field_column(CONTACT, "service")

    __table_args__ = (
        UniqueConstraint("account_id", "erp_key"),  # G4, and the children of the accounts of a page
        Index(None, "company_id"),  # the contacts of a Company on its screen
    )
