"""'Supprimer les champs non synchronisés': free fields that are no longer replicated go, with their values (CRM-46)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, delete, select
from sqlalchemy.orm import Session

from syncengine.core.snapshot import compact
from syncengine.crm.pairing import integration_row
from syncengine.model import Account, Company, FreeFieldDefinition, FreeFieldState
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from syncengine.storage.free_values import tell_free_values
from syncengine.storage.journal import Journal

_BATCH: Final = 2_000


@dataclass(frozen=True, kw_only=True)
class Removed:
    """The definitions that went, as (name, type), and how many Accounts and Companies lost a value."""

    fields: tuple[tuple[str, str], ...]
    accounts: int
    companies: int


def remove_struck_fields(session: Session, integration_id: int, *, at: datetime, by: str | None = None) -> Removed:
    """Remove the definitions of that integration that are struck out, and values that no living definition has the name of.

    Raises IntegrationUnknown.
    """
    integration_row(session, integration_id)
    query = select(FreeFieldDefinition).where(FreeFieldDefinition.integration_id == integration_id)
    rows = list(session.scalars(query.order_by(FreeFieldDefinition.position, FreeFieldDefinition.id)))
    struck = [row for row in rows if row.state is FreeFieldState.NO_LONGER_REPLICATED]
    names = frozenset(row.name for row in struck) - {row.name for row in rows if row not in struck}
    bulk = Bulk(session.connection())
    journal = Journal(bulk, integration_id=integration_id, cycle_id=None, now=at, by=by)
    for row in struck:
        before = {"name": row.name, "type": row.type}
        journal.row(Entity.FREE_FIELD, row.id, row.name, before=before, after=None, rule=Rule.EDITED)
    accounts = _clear(bulk, journal, _accounts(integration_id), Account, names, at) if names else 0
    companies = _clear(bulk, journal, _companies(integration_id), Company, names, at) if names else 0
    # What a Company without tiers holds may come from another ERP company, where the field lives on (CRM-62).
    nowhere = names - _living(session)
    companies += _clear(bulk, journal, _without_tiers(), Company, nowhere, at) if nowhere else 0
    session.execute(delete(FreeFieldDefinition).where(FreeFieldDefinition.id.in_([row.id for row in struck])))
    journal.flush()
    session.expire_all()
    return Removed(fields=tuple((row.name, row.type) for row in struck), accounts=accounts, companies=companies)


def _accounts(integration_id: int) -> Select[Any]:
    query = select(Account.id, Account.code, Account.free_values)
    return query.where(Account.integration_id == integration_id, Account.free_values.is_not(None)).order_by(Account.id)


def _companies(integration_id: int) -> Select[Any]:
    main = and_(Account.company_id == Company.id, Account.is_main)
    query = select(Company.id, Company.code, Company.free_values).join(Account, main)
    of_integration = (Company.free_values.is_not(None), Account.integration_id == integration_id)
    return query.where(*of_integration).order_by(Company.id)


def _without_tiers() -> Select[Any]:
    """The Companies that keep what a broken link has left (CRM-30)."""
    main = and_(Account.company_id == Company.id, Account.is_main)
    query = select(Company.id, Company.code, Company.free_values).outerjoin(Account, main)
    return query.where(Company.free_values.is_not(None), Account.id.is_(None)).order_by(Company.id)


def _living(session: Session) -> frozenset[str]:
    """The names that are replicated by any integration."""
    state = FreeFieldDefinition.state == FreeFieldState.REPLICATED
    return frozenset(session.scalars(select(FreeFieldDefinition.name).where(state)))


def _clear(
    bulk: Bulk, journal: Journal, query: Select[Any], entity: type[Any], names: frozenset[str], at: datetime
) -> int:
    """Take the names out of the free values of these records, a batch at a time; how many had one."""
    kind = Entity.ACCOUNT if entity is Account else Entity.COMPANY
    cleared, last, key = 0, 0, entity.id
    while rows := bulk.connection.execute(query.where(key > last).limit(_BATCH)).all():
        last = rows[-1].id
        changes: dict[int, Mapping[str, Any]] = {}
        for row in rows:
            left = {name: value for name, value in row.free_values.items() if name not in names}
            if len(left) < len(row.free_values):
                tell_free_values(journal, kind, row.id, row.code, row.free_values, left, Rule.EDITED)
                changes[row.id] = {"free_values": compact(left) if left else None, "updated_at": bulk.instant(at)}
        bulk.update(entity, changes)
        journal.flush()
        cleared += len(changes)
    return cleared
