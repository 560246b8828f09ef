"""A record looked up by what somebody has at hand: number, name or code comptable, even of a tiers that never arrived (CRM-49)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.core.fold import searchable
from syncengine.crm.company_search import CompanyLine, search_companies
from syncengine.desk.error_sheet import ErrorSummary, summary_of
from syncengine.model import Account, Company, ErpState, SyncError
from syncengine.model.link import Entity

LIMIT: Final = 25
_ID_MAX: Final = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class LoneTiers:
    """A tiers that is the main one of no Company: an orphan, or secondary beside another (CRM-34)."""

    account_id: int
    integration_id: int
    code: str | None
    name: str | None
    erp_state: ErpState
    company_id: int | None


@dataclass(frozen=True, kw_only=True)
class RefusedRecord:
    """A record in error, and the integration it is of."""

    integration_id: int
    error: ErrorSummary


@dataclass(frozen=True, kw_only=True)
class Found:
    """What goes by a text; ``exact`` is the Company that has it as number or code, and nothing else does."""

    exact: int | None
    companies: tuple[CompanyLine, ...]
    more: bool
    tiers: tuple[LoneTiers, ...]
    refused: tuple[RefusedRecord, ...]


def look_up(session: Session, text: str, *, limit: int = LIMIT) -> Found:
    """Companies, tiers without one of their own, and records in error that go by a number, a name or a code.

    Raises InputRefused for what is no text.
    """
    wanted = searchable(text, "text").strip()
    named = sorted(_named(session, wanted))
    page = search_companies(session, text=wanted, limit=limit)
    lone = _lone(session, wanted, limit)
    refused = _refused(session, wanted, limit)
    return Found(
        exact=named[0] if len(named) == 1 else None,
        companies=page.items,
        more=page.after is not None,
        tiers=tuple(lone),
        refused=tuple(refused),
    )


def _named(session: Session, text: str) -> set[int]:
    """The Companies of that number or code, their own or their tiers'."""
    code = text.upper()
    found = set(session.scalars(select(Company.id).where(func.upper(Company.code) == code).limit(2)))
    main = (func.upper(Account.code) == code, Account.is_main, Account.company_id.is_not(None))
    found |= {number for number in session.scalars(select(Account.company_id).where(*main).limit(2)) if number}
    if text.isascii() and text.isdecimal() and int(text) <= _ID_MAX and session.get(Company, int(text)) is not None:
        found.add(int(text))
    return found


def _lone(session: Session, text: str, limit: int) -> list[LoneTiers]:
    query = select(Account).where(~Account.is_main, func.upper(Account.code) == text.upper()).limit(limit)
    return [
        LoneTiers(
            account_id=row.id,
            integration_id=row.integration_id,
            code=row.code,
            name=row.name,
            erp_state=row.erp_state,
            company_id=row.company_id,
        )
        for row in session.scalars(query)
    ]


def _refused(session: Session, text: str, limit: int) -> list[RefusedRecord]:
    mine = (SyncError.entity == Entity.ACCOUNT.value, func.upper(SyncError.erp_key) == text.upper())
    query = select(SyncError).where(*mine).order_by(SyncError.last_at.desc()).limit(limit)
    rows = session.scalars(query)
    return [RefusedRecord(integration_id=row.integration_id, error=summary_of(row)) for row in rows]
