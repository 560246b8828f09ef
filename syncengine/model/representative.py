"""Representative: a 'collaborateur' of the ERP, and the CRM user it stands for (CRM-17)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import REPRESENTATIVE
from syncengine.model.base import Base
from syncengine.model.columns import Id, field_column, ref


class Representative(Base):
    """A representative of one ERP company; ``active`` is False once it is gone there."""

    __tablename__ = "representatives"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    code: Mapped[str] = field_column(REPRESENTATIVE, "code")
    last_name: Mapped[str | None] = field_column(REPRESENTATIVE, "last_name")
    first_name: Mapped[str | None] = field_column(REPRESENTATIVE, "first_name")
    function: Mapped[str | None] = field_column(REPRESENTATIVE, "function")
    service: Mapped[str | None] = field_column(REPRESENTATIVE, "service")
    email: Mapped[str | None] = field_column(REPRESENTATIVE, "email")
    number: Mapped[str | None] = field_column(REPRESENTATIVE, "number")
    user_id: Mapped[int | None] = ref("users.id")
    active: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (UniqueConstraint("integration_id", "code"),)
