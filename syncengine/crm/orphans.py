"""Tiers secondaires / orphelins: Accounts without a Company of their own, and 'Créer la société' for them (CRM-34).

The mapping is that of tiers that arrive: company type, territory and manager as the integration says (CRM-16, CRM-17, CRM-35).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

from syncengine.core.refusals import refused
from syncengine.core.replicate import COMPANY_LEAVES, Rules
from syncengine.core.snapshot import compact
from syncengine.crm.adoption import CHILDREN
from syncengine.crm.pairing import integration_row, refuse_awaited
from syncengine.cycle.arrivals import COMPANY_COLUMNS
from syncengine.cycle.rules import load_rules
from syncengine.errors import InputRefused
from syncengine.model import Account, Company, ErpState, Integration, RecordStatus
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, Row, batches, table_of
from syncengine.storage.journal import Journal

LIMIT: Final = 50
LIMIT_MAX: Final = 1_000
_BATCH: Final = 500


@dataclass(frozen=True, kw_only=True)
class TiersLine:
    """An Account without a Company of its own; of a secondary one, the Company it hangs on and the main Account there."""

    account_id: int
    integration_id: int
    code: str | None
    name: str | None
    type: str
    status: RecordStatus
    erp_state: ErpState
    company_id: int | None
    company_name: str | None
    main_account_id: int | None


@dataclass(frozen=True, kw_only=True)
class TiersPage:
    """Accounts in order of id; ``after`` continues behind the last one, None when there are no more."""

    items: tuple[TiersLine, ...]
    after: int | None


def list_orphans(
    session: Session, *, integration_id: int | None = None, limit: int = LIMIT, after: int = 0
) -> TiersPage:
    """Accounts without Company. Raises InputRefused for a page of no size."""
    return _page(session, Account.company_id.is_(None), integration_id, limit, after)


def list_secondary(
    session: Session, *, integration_id: int | None = None, limit: int = LIMIT, after: int = 0
) -> TiersPage:
    """Accounts whose Company has another as its main one. Raises InputRefused for a page of no size."""
    return _page(session, Account.company_id.is_not(None), integration_id, limit, after)


def create_company_for(session: Session, account_id: int, *, at: datetime, by: str | None = None) -> int:
    """'Créer la société': a Company made of the Account's values, which becomes its main one; the Company's id.

    Raises InputRefused (account_unknown, has_company, creation_awaited).
    """
    account = session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if account is None:
        raise refused(
            "account_unknown",
            "there is no such Account (Tiers CRM)",
            record=str(account_id),
            remedy="Take the number of a tiers from the list of orphans and secondary tiers.",
        )
    refuse_awaited(account)
    if account.is_main:
        raise refused(
            "has_company",
            "the tiers has a company of its own already",
            record=account.code,
            remedy="Nothing to do: edit that company.",
        )
    integration = session.get_one(Integration, account.integration_id)
    session.flush()
    (made,) = _create(session, integration, [account_id], at=at, by=by)
    return made


def create_companies(session: Session, integration_id: int, *, at: datetime, by: str | None = None) -> int:
    """'Créer automatiquement les sociétés': for every orphan and secondary Account; how many. Raises IntegrationUnknown."""
    integration = integration_row(session, integration_id)
    query = select(Account.id).where(Account.integration_id == integration_id, ~Account.is_main).order_by(Account.id)
    ids = session.scalars(query.with_for_update()).all()
    return sum(len(_create(session, integration, batch, at=at, by=by)) for batch in batches(ids, _BATCH))


def _page(
    session: Session, which: ColumnElement[bool], integration_id: int | None, limit: int, after: int
) -> TiersPage:
    if not 1 <= limit <= LIMIT_MAX:
        raise InputRefused(f"a page has 1 to {LIMIT_MAX} tiers", field="limit", remedy="Choose a number between them.")
    main = aliased(Account)
    query = (
        select(Account, Company.name, main.id)
        .outerjoin(Company, Company.id == Account.company_id)
        .outerjoin(main, (main.company_id == Account.company_id) & main.is_main)
        .where(~Account.is_main, which, Account.id > after)
        .order_by(Account.id)
        .limit(limit + 1)
    )
    if integration_id is not None:
        query = query.where(Account.integration_id == integration_id)
    found = session.execute(query).all()
    items = tuple(_line(account, company_name, main_id) for account, company_name, main_id in found[:limit])
    return TiersPage(items=items, after=items[-1].account_id if len(found) > limit else None)


def _line(account: Account, company_name: str | None, main_id: int | None) -> TiersLine:
    return TiersLine(
        account_id=account.id,
        integration_id=account.integration_id,
        code=account.code,
        name=account.name,
        type=account.type,
        status=account.status,
        erp_state=account.erp_state,
        company_id=account.company_id,
        company_name=company_name,
        main_account_id=main_id,
    )


def _create(
    session: Session, integration: Integration, account_ids: Sequence[int], *, at: datetime, by: str | None
) -> list[int]:
    bulk = Bulk(session.connection())
    # Outside of any cycle; the rules of arrivals are the same.
    rules = load_rules(bulk, integration, cycle_id=0)
    journal = Journal(bulk, integration_id=integration.id, cycle_id=None, now=at, by=by)
    accounts = list(bulk.rows(Account, "id", account_ids))
    ids = list(bulk.next_ids(Company, len(accounts)))
    rows = [_company(bulk, rules, *pair, at) for pair in zip(accounts, ids, strict=True)]
    bulk.insert(Company, (*COMPANY_COLUMNS, "custom"), rows)
    for account, company_id in zip(accounts, ids, strict=True):
        _tell(journal, account, company_id, rules)
    moment = bulk.instant(at)
    owned = {account["id"]: company_id for account, company_id in zip(accounts, ids, strict=True)}
    main = {key: {"company_id": value, "is_main": True, "updated_at": moment} for key, value in owned.items()}
    bulk.update(Account, main)
    for entity in CHILDREN:
        _hand_over(bulk, entity, owned)
    journal.flush()
    session.expire_all()
    return ids


def _company(bulk: Bulk, rules: Rules, account: Mapping[str, Any], company_id: int, at: datetime) -> Row:
    # What an Account has of the CRM's own fields are replicated pairs (CRM-47).
    free, custom = (compact(account[name]) if account[name] else None for name in ("free_values", "custom"))
    moment = bulk.instant(at)
    own = tuple(account[attr] for attr in COMPANY_LEAVES)
    manager, territory = rules.manager(account["representative"]), rules.territory(account["type"])
    kind, status = rules.company_type(account["type"]), account["status"].value
    return (company_id, kind, status, *own, free, manager, territory, moment, moment, None, custom)


def _tell(journal: Journal, account: Mapping[str, Any], company_id: int, rules: Rules) -> None:
    key = account["code"]
    after = {attr: account[attr] for attr in COMPANY_LEAVES if account[attr]}
    after["company_type"] = rules.company_type(account["type"])
    journal.row(
        *(Entity.COMPANY, company_id, key),
        before=None,
        after=after,
        rule=Rule.REPLICATED,
        account_id=account["id"],
    )
    journal.value(Entity.ACCOUNT, account["id"], key, "company_id", account["company_id"], company_id, Rule.LINKED)
    journal.value(Entity.ACCOUNT, account["id"], key, "is_main", account["is_main"], True, Rule.LINKED)  # noqa: FBT003


def _hand_over(bulk: Bulk, entity: type[Any], owned: Mapping[int, int]) -> None:
    table = table_of(entity)
    changes = {
        row.id: {"company_id": owned[row.account_id]}
        for batch in batches(owned)
        for row in _owned_rows(bulk, table, batch)
    }
    bulk.update(entity, changes)


def _owned_rows(bulk: Bulk, table: Any, account_ids: Iterable[int]) -> Iterable[Any]:
    return bulk.connection.execute(select(table.c.id, table.c.account_id).where(table.c.account_id.in_(account_ids)))
