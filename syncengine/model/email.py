"""Email: an address of a Company or of one of its contacts. An empty one has no row (CRM-43)."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from contracts.tables import TIERS
from syncengine.model.base import Base
from syncengine.model.columns import Id, field_column, ref


class EmailKind(StrEnum):
    """What an e-mail is (CRM-39): 'Information' of a tiers, or the e-mail of a contact."""

    INFORMATION = "information"
    EMAIL = "email"


class Email(Base):
    """One e-mail; ``contact_id`` is empty for the Company's own."""

    __tablename__ = "emails"

    id: Mapped[Id]
    company_id: Mapped[int | None] = ref("companies.id")
    account_id: Mapped[int | None] = ref("accounts.id")
    contact_id: Mapped[int | None] = ref("contacts.id")
    kind: Mapped[EmailKind]
    address: Mapped[str] = field_column(TIERS, "email")

    __table_args__ = (
        Index(None, "account_id"),  # the children of the accounts of a page
        Index(None, "company_id"),  # the e-mails of a Company on its screen
        Index(None, "contact_id"),  # a contact that goes takes its e-mail along
    )
