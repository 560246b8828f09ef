"""GenericTiers: the general tiers of the ERP that Companies without one are tied to for the time being (CRM-60)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from syncengine.model.base import Base
from syncengine.model.columns import CODE_LENGTH, Id, ref


class GenericRule(StrEnum):
    """How a Company comes to its generic tiers, unless somebody chose it by hand."""

    BY_HAND = "by_hand"
    PRICE_CATEGORY = "price_category"  # ``value`` is the number of the ERP's catégorie tarifaire
    NAME = "name"  # ``value`` is how the name begins: letters, or a range as 'A-F'


class GenericTiers(Base):
    """One general tiers and the rule that ties Companies to it; rules are tried in order of ``position``."""

    __tablename__ = "generic_tiers"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    position: Mapped[int] = mapped_column(default=0)
    rule: Mapped[GenericRule]
    value: Mapped[str] = mapped_column(String(20), default="")
    erp_key: Mapped[str] = mapped_column(String(CODE_LENGTH))
    label: Mapped[str] = mapped_column(String(69), default="")
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "integration_id", "position"),)
