"""One record of both sides: its tiers and link, what stands in the way, and each value as Company, Account and Sage 100 have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.core.journal_text import as_text
from syncengine.core.labels import label_of
from syncengine.core.merge import same
from syncengine.core.paths import field_of, join, new_key
from syncengine.core.snapshot import CHILDREN, LEAVES, Snapshot, load
from syncengine.crm.alignment import Difference, differences
from syncengine.cycle.crm_rows import load_rows
from syncengine.desk.conflicts import ConflictFilter, ConflictView, conflicts
from syncengine.desk.error_sheet import ErrorSummary, summary_of
from syncengine.desk.history import unknown_company
from syncengine.desk.obstacles import Reason, case_of, reasons
from syncengine.model import Company, Conflict, ErpState, LinkState, RecordStatus
from syncengine.storage.bulk import Bulk


@dataclass(frozen=True, kw_only=True)
class ValueLine:
    """One value: what the CRM's tiers has, what both sides last agreed on; ``path`` is as ``explain`` takes it."""

    path: str
    label: str
    crm: str | None
    base: str | None
    differs: bool
    in_conflict: bool


@dataclass(frozen=True, kw_only=True)
class RecordSheet:
    """A Company, its main Account and their link; ``reasons`` empty means that both sides agree."""

    company_id: int
    name: str | None
    code: str | None
    company_type: str
    status: RecordStatus
    integration_id: int | None
    integration: str | None
    account_id: int | None
    account_code: str | None
    erp_state: ErpState | None
    erp_key: str | None
    link_state: LinkState | None
    changed_at: datetime | None
    reasons: tuple[Reason, ...]
    fiches: tuple[Difference, ...]
    values: tuple[ValueLine, ...]
    errors: tuple[ErrorSummary, ...]
    conflicts: tuple[ConflictView, ...]


def record_sheet(session: Session, company_id: int) -> RecordSheet:
    """All of one record. Raises InputRefused (company_unknown)."""
    company = session.get(Company, company_id)
    if company is None:
        raise unknown_company(company_id)
    case = case_of(session, company)
    apart = differences(session, company_id)
    account, link, integration = case.account, case.link, case.integration
    parked = _conflicts(session, link.integration_id, link.id) if link is not None else []
    return RecordSheet(
        company_id=company.id,
        name=company.name,
        code=company.code,
        company_type=company.company_type,
        status=company.status,
        integration_id=None if integration is None else integration.id,
        integration=None if integration is None else integration.name,
        account_id=None if account is None else account.id,
        account_code=None if account is None else account.code,
        erp_state=None if account is None else account.erp_state,
        erp_key=None if link is None else link.erp_key,
        link_state=None if link is None else link.state,
        changed_at=None if link is None else link.changed_at,
        reasons=tuple(reasons(session, case, differing=len(apart))),
        fiches=tuple(apart),
        values=tuple(_values(session, account.id, link.base if link else None, parked)) if account else (),
        errors=tuple(map(summary_of, case.errors)),
        conflicts=tuple(parked),
    )


def _conflicts(session: Session, integration_id: int, link_id: int) -> list[ConflictView]:
    ids = tuple(session.scalars(select(Conflict.id).where(Conflict.link_id == link_id)))
    return conflicts(session, integration_id, ConflictFilter(ids=ids, state=None)) if ids else []


def _values(session: Session, account_id: int, base: str | None, parked: list[ConflictView]) -> Iterator[ValueLine]:
    crm = load_rows(Bulk(session.connection()), [account_id], lock=False)[account_id].snapshot()
    known, agreed = dict(_leaves(crm)), dict(_leaves(load(base)))
    asked = {one.path for one in parked if one.state == "open"}
    for path in [*known, *(path for path in agreed if path not in known)]:
        here, there = known.get(path), agreed.get(path)
        yield ValueLine(
            path=path,
            label=label_of(path),
            crm=as_text(here),
            base=as_text(there),
            differs=base is not None and not _equal(path, here, there),
            in_conflict=path in asked,
        )


def _leaves(values: Snapshot) -> Iterator[tuple[str, Any]]:
    """Path and value, in the order of the contract; a child goes by its number in the ERP."""
    for attr in LEAVES:
        if values.get(attr):
            yield attr, values[attr]
    for name in CHILDREN:
        for child in values.get(name, ()):
            key = child.get("key") or new_key(child.get("id", 0))
            yield from ((join(name, key, attr), value) for attr, value in child.items() if attr not in _NAMES and value)


_NAMES = frozenset({"id", "key", "kind"})


def _equal(path: str, one: Any, other: Any) -> bool:
    return bool(same(field_of(path), one, other))
