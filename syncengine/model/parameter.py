"""ErpParameter: one value of a list kept in the ERP (CRM-06)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import PARAMETER
from syncengine.model.base import Base
from syncengine.model.columns import Id, field_column, ref


class ErpParameter(Base):
    """A category, service, currency, language, risk code…; ``position`` is its rank in the ERP's list (CRM-26)."""

    __tablename__ = "erp_parameters"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    kind: Mapped[str] = field_column(PARAMETER, "kind")
    code: Mapped[str] = field_column(PARAMETER, "code")
    label: Mapped[str | None] = field_column(PARAMETER, "label")
    iso_code: Mapped[str | None] = field_column(PARAMETER, "iso_code")
    action: Mapped[str | None] = field_column(PARAMETER, "action")
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (UniqueConstraint("integration_id", "kind", "code"),)
