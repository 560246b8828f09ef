"""What an integration has read of the ERP's own lists: parameters (CRM-06) and free fields (CRM-46)."""

from __future__ import annotations

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from syncengine.model import ErpParameter, FreeFieldDefinition, FreeFieldState


def list_parameters(
    session: Session,
    integration_id: int,
    *,
    kind: str | None = None,
    active: bool | None = None,
    limit: int = 100,
    after: tuple[str, int, int] | None = None,
) -> list[ErpParameter]:
    """The values by kind, as the ERP orders them; ``after`` is kind, position and id of what ended the last page."""
    order = (ErpParameter.kind, ErpParameter.position, ErpParameter.id)
    query = select(ErpParameter).where(ErpParameter.integration_id == integration_id)
    if kind is not None:
        query = query.where(ErpParameter.kind == kind)
    if active is not None:
        query = query.where(ErpParameter.active.is_(active))
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    return list(session.scalars(query.order_by(*order).limit(limit)))


def list_free_fields(
    session: Session,
    integration_id: int,
    *,
    state: FreeFieldState | None = None,
    limit: int = 100,
    after: tuple[str, int] | None = None,
) -> list[FreeFieldDefinition]:
    """The definitions by name, those struck out included; ``after`` is name and id of what ended the last page."""
    order = (FreeFieldDefinition.name, FreeFieldDefinition.id)
    query = select(FreeFieldDefinition).where(FreeFieldDefinition.integration_id == integration_id)
    if state is not None:
        query = query.where(FreeFieldDefinition.state == state)
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    return list(session.scalars(query.order_by(*order).limit(limit)))
