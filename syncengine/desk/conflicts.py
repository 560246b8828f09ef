"""The conflict inbox: values both sides moved apart, side by side with the value they last agreed on (NEW-03)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from syncengine.core.labels import label_of
from syncengine.core.paths import LISTS
from syncengine.errors import InputRefused
from syncengine.model import Account, Company, Conflict, ConflictState, Link
from syncengine.model.link import Entity


@dataclass(frozen=True, kw_only=True)
class ConflictView:
    """One conflict; values as text, None when empty. ``path`` is where ('contacts/7/phone'), ``code`` the ERP's key."""

    id: int
    company_id: int | None
    account_id: int
    name: str | None
    code: str
    path: str
    label: str
    crm_value: str | None
    base_value: str | None
    erp_value: str | None
    state: ConflictState
    rule: str
    cycle_id: int | None
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None


@dataclass(frozen=True, kw_only=True)
class ConflictFilter:
    """Which conflicts: by id, by code of the tiers, by field; nothing given is every one.

    ``field`` is a path, or as in the policies a kind of record or one of its fields: 'contact', 'account.name', 'contact.phone'.
    """

    ids: tuple[int, ...] = ()
    record: str | None = None
    field: str | None = None
    state: ConflictState | None = ConflictState.OPEN


def conflicts(
    session: Session,
    integration_id: int,
    chosen: ConflictFilter = ConflictFilter(),
    *,
    limit: int = 100,
    after: int = 0,
) -> list[ConflictView]:
    """The conflicts of an integration in the order they first arose; ``after`` is the id that ended the last page."""
    query = matching(integration_id, chosen).where(Conflict.id > after).order_by(Conflict.id).limit(limit)
    return [_view(row._mapping) for row in session.execute(query)]


def conflict(session: Session, conflict_id: int) -> ConflictView:
    """One conflict. Raises InputRefused (conflict_unknown)."""
    row = session.execute(_JOINED.where(Conflict.id == conflict_id)).one_or_none()
    if row is None:
        raise unknown_conflict(conflict_id)
    return _view(row._mapping)


def count_conflicts(session: Session, integration_id: int, chosen: ConflictFilter = ConflictFilter()) -> int:
    """How many conflicts there are."""
    counted = matching(integration_id, chosen).with_only_columns(func.count(Conflict.id))
    return int(session.scalar(counted) or 0)


def matching(integration_id: int, chosen: ConflictFilter) -> Select[Any]:
    """The query of the conflicts chosen, with the tiers and the Company of each. Raises InputRefused for an unknown field."""
    wanted = [Conflict.integration_id == integration_id]
    if chosen.state is not None:
        wanted.append(Conflict.state == chosen.state)
    if chosen.ids:
        wanted.append(Conflict.id.in_(chosen.ids))
    if chosen.record is not None:
        wanted.append(func.upper(Link.erp_key) == chosen.record.strip().upper())
    if chosen.field is not None:
        wanted.append(_of_field(chosen.field))
    query: Select[Any] = _JOINED.where(*wanted)
    return query


def unknown_conflict(conflict_id: int) -> InputRefused:
    """The refusal of an order about a conflict that is not there."""
    return InputRefused(
        "there is no such conflict",
        code="conflict_unknown",
        record=str(conflict_id),
        remedy="See `syncengine conflicts list`.",
    )


_JOINED: Final[Any] = (
    select(
        Conflict.id,
        Account.company_id,
        Account.id.label("account_id"),
        func.coalesce(Company.name, Account.name).label("name"),
        Link.erp_key.label("code"),
        Conflict.field.label("path"),
        *(Conflict.crm_value, Conflict.base_value, Conflict.erp_value, Conflict.state, Conflict.rule),
        *(Conflict.cycle_id, Conflict.opened_at, Conflict.closed_at, Conflict.closed_by),
    )
    .join(Link, Link.id == Conflict.link_id)
    .join(Account, and_(Account.id == Link.local_id, Link.entity == Entity.ACCOUNT.value))
    .outerjoin(Company, Company.id == Account.company_id)
)


def _of_field(field: str) -> ColumnElement[bool]:
    if "/" in field:
        return Conflict.field == field
    kind, _, attr = field.partition(".")
    name = next((name for name, entity in LISTS.items() if entity == kind), None)
    if name is not None:
        return Conflict.field.like(f"{name}/%/{attr}" if attr else f"{name}/%")
    if kind == Entity.ACCOUNT.value:
        return Conflict.field == attr if attr else Conflict.field.not_like("%/%")
    if attr:
        raise InputRefused(
            f"there are no records of kind {kind!r}",
            code="unknown_field",
            field=field,
            remedy="Name a path ('contacts/7/phone'), a kind of record ('contact') or a field of one ('contact.phone').",
        )
    return Conflict.field == field


def _view(row: Any) -> ConflictView:
    return ConflictView(**row, label=label_of(row["path"]))
