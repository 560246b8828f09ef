"""Phone: a number of a Company or of one of its contacts. An empty number has no row (CRM-43)."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from contracts.tables import CONTACT
from syncengine.model.base import Base
from syncengine.model.columns import Id, field_column, ref


class PhoneKind(StrEnum):
    """What a number is (CRM-39): Standard and Fax of a tiers; phone, fax and mobile of a contact."""

    STANDARD = "standard"
    FAX = "fax"
    PHONE = "phone"
    MOBILE = "mobile"


class Phone(Base):
    """One number; ``contact_id`` is empty for the Company's own."""

    __tablename__ = "phones"

    id: Mapped[Id]
    company_id: Mapped[int | None] = ref("companies.id")
    account_id: Mapped[int | None] = ref("accounts.id")
    contact_id: Mapped[int | None] = ref("contacts.id")
    kind: Mapped[PhoneKind]
    number: Mapped[str] = field_column(CONTACT, "phone")

    __table_args__ = (
        Index(None, "account_id"),  # the children of the accounts of a page
        Index(None, "company_id"),  # the phones of a Company on its screen
        Index(None, "contact_id"),  # a contact that goes takes its phones along
    )
