"""FreeFieldDefinition: an 'information libre' of the ERP, as the CRM's metadata know it (CRM-46)."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tables import FREE_FIELD
from syncengine.model.base import Base
from syncengine.model.columns import Id, field_column, ref


class FreeFieldState(StrEnum):
    """Whether a free field still arrives.

    ::

        replicated ── deleted, or its type changed, in the ERP ──► no_longer_replicated ──► (removed by hand)
    """

    REPLICATED = "replicated"
    NO_LONGER_REPLICATED = "no_longer_replicated"


class FreeFieldDefinition(Base):
    """A free field: one row per name and type; the values are in ``free_values`` of Account and Company, by name."""

    __tablename__ = "free_field_definitions"

    id: Mapped[Id]
    integration_id: Mapped[int] = ref("integrations.id")
    name: Mapped[str] = field_column(FREE_FIELD, "name")
    type: Mapped[str] = field_column(FREE_FIELD, "type")
    length: Mapped[int | None] = field_column(FREE_FIELD, "length")
    position: Mapped[int | None] = field_column(FREE_FIELD, "position")
    computed: Mapped[bool | None] = field_column(FREE_FIELD, "computed")
    items: Mapped[list[str] | None]
    state: Mapped[FreeFieldState] = mapped_column(default=FreeFieldState.REPLICATED)

    __table_args__ = (UniqueConstraint("integration_id", "name", "type"),)
