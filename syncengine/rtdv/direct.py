"""Direct read mode: the ERP database read in SQL beside the web service, mixed with what the CRM knows (CRM-59)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, and_, select
from sqlalchemy.orm import aliased

from contracts.errors import Problem
from syncengine.core.refusals import refused
from syncengine.cycle.due import may_read
from syncengine.engine import Engine
from syncengine.errors import IntegrationUnknown
from syncengine.model import Account, Company, Integration, Link, LinkState, Territory, User
from syncengine.model.link import Entity
from syncengine.rtdv import erp_base, infos_flash
from syncengine.rtdv.erp_base import Deadline
from syncengine.rtdv.infos_flash import NOTHING, InfosFlash
from syncengine.rtdv.whom import CLIENT
from syncengine.storage.store import Store


class Figure(StrEnum):
    """The figures a report can be sorted by, largest first."""

    TURNOVER_CURRENT = "turnover_current"
    TURNOVER_PREVIOUS = "turnover_previous"
    ORDER_BOOK = "order_book"
    BALANCE = "balance"
    OVERDUE = "overdue"


class GroupBy(StrEnum):
    """What the CRM knows of a Company, by which figures can be added up."""

    MANAGER = "manager"
    TERRITORY = "territory"
    COMPANY_TYPE = "company_type"


@dataclass(frozen=True, kw_only=True)
class CompanyFilter:
    """Which linked Companies: None is all. ``manager`` is a login, ``territory`` a name."""

    company_type: str | None = None
    manager: str | None = None
    territory: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReportLine:
    """A Company as the CRM knows it, and its tiers' figures as they are in the ERP now."""

    company_id: int
    code: str
    name: str | None
    company_type: str
    manager: str | None
    territory: str | None
    figures: InfosFlash


@dataclass(frozen=True, kw_only=True)
class GroupLine:
    """The figures of the Companies that have something in common; ``name`` None: of those that have none."""

    name: str | None
    companies: int
    figures: InfosFlash


@dataclass(frozen=True, kw_only=True)
class Report:
    """Lines, the ISO code of their currency, and when they were read."""

    lines: list[ReportLine]
    currency: str | None
    at: dt.datetime


ALL: Final = CompanyFilter()
_SUMMED: Final = tuple(one.name for one in fields(InfosFlash) if one.name not in {"last_invoice_on", "credit_limit"})
_MANAGER: Final = aliased(User)


def infos_flash_report(
    engine: Engine, integration_id: int, wanted: CompanyFilter = ALL, *, limit: int, after_id: int = 0
) -> Report:
    """Companies in the order of their numbers, those behind ``after_id``. Raises as ``looking``."""
    with looking(engine, integration_id) as look:
        rows = look.companies(wanted, limit=limit, after_id=after_id)
        return look.report(rows, look.figures([row.code for row in rows]))


def top_report(
    engine: Engine, integration_id: int, figure: Figure, wanted: CompanyFilter = ALL, *, limit: int, offset: int = 0
) -> Report:
    """Companies by a figure, the largest first: those of the whole base are compared. Raises as ``looking``."""
    with looking(engine, integration_id) as look:
        found, rows = look.figures(None), look.companies(wanted)
        rows.sort(key=lambda row: (-getattr(found.get(row.code, NOTHING), figure), row.company_id))
        return look.report(rows[offset : offset + limit], found)


def totals(engine: Engine, integration_id: int, by: GroupBy, wanted: CompanyFilter = ALL) -> list[GroupLine]:
    """The figures added up by what the CRM knows of the Companies, the largest turnover first. Raises as ``looking``."""
    with looking(engine, integration_id) as look:
        report = look.report(look.companies(wanted), look.figures(None))
    groups: dict[str | None, list[InfosFlash]] = {}
    for line in report.lines:
        groups.setdefault(getattr(line, by), []).append(line.figures)
    found = [GroupLine(name=name, companies=len(each), figures=_added(each)) for name, each in groups.items()]
    return sorted(found, key=lambda group: (-group.figures.turnover_current, group.name or ""))


class Look:
    """One look at both bases."""

    def __init__(self, store: Store, erp: Connection, integration: Integration) -> None:
        self._store, self._erp, self._integration, self._at = store, erp, integration, store.clock()

    def figures(self, codes: Sequence[str] | None) -> dict[str, InfosFlash]:
        """The figures of these tiers, of all when none is named."""
        today = self._at.astimezone(ZoneInfo(self._integration.zone)).date()
        return infos_flash.read(self._erp, today, codes)

    def companies(self, wanted: CompanyFilter, *, limit: int | None = None, after_id: int = 0) -> list[ReportLine]:
        """Linked clients with their Companies, by number; their figures are still to come."""
        query = _companies(self._integration.id).where(Company.id > after_id).limit(limit)
        for column, value in (
            (Company.company_type, wanted.company_type),
            (_MANAGER.login, wanted.manager),
            (Territory.name, wanted.territory),
        ):
            query = query if value is None else query.where(column == value)
        with self._store.reading() as session:
            return [ReportLine(**row, figures=NOTHING) for row in session.execute(query).mappings()]

    def report(self, rows: Sequence[ReportLine], figures: dict[str, InfosFlash]) -> Report:
        """These Companies with their figures."""
        lines = [replace(row, figures=figures.get(row.code, NOTHING)) for row in rows]
        return Report(lines=lines, currency=self._integration.base_currency, at=self._at)


@contextmanager
def looking(engine: Engine, integration_id: int) -> Iterator[Look]:
    """A look at both bases at once.

    Raises IntegrationUnknown, InputRefused (direct_read_off), Disconnected (CRM-58), ErpUnreachable, DirectReadRefused, KeyMissing,
    KeyWrong.
    """
    deadline = Deadline()
    with engine.store.reading() as session:
        integration = session.get(Integration, integration_id)
        if integration is None:
            raise IntegrationUnknown(f"there is no integration {integration_id}")
        may_read(integration)
        if integration.sql_url is None:
            raise direct_read_off(integration.name)
        address = engine.secrets.decrypt(integration.sql_url)
    with erp_base.looking(address, deadline) as erp:
        yield Look(engine.store, erp, integration)


def direct_read_off(name: str) -> Problem:
    """The refusal where nothing is set up to be read directly."""
    return refused(
        "direct_read_off",
        "the integration has no direct connection to the ERP database",
        record=name,
        field="sql_url",
        remedy="Enter the address of the ERP database in the integration, with a user that may only read.",
    )


def _companies(integration_id: int) -> Select[*tuple[Any, ...]]:
    linked = and_(Link.entity == Entity.ACCOUNT.value, Link.local_id == Account.id, Link.state == LinkState.LINKED)
    return (
        select(
            Company.id.label("company_id"),
            Link.erp_key.label("code"),
            Company.name,
            Company.company_type,
            _MANAGER.name.label("manager"),
            Territory.name.label("territory"),
        )
        .join(Account, and_(Account.company_id == Company.id, Account.is_main))
        .join(Link, linked)
        .join(_MANAGER, _MANAGER.id == Company.manager_id, isouter=True)
        .join(Territory, Territory.id == Company.territory_id, isouter=True)
        .where(Account.integration_id == integration_id, Account.type == CLIENT)
        .order_by(Company.id)
    )


def _added(each: Sequence[InfosFlash]) -> InfosFlash:
    sums: dict[str, Any] = {
        name: sum((getattr(one, name) for one in each), type(getattr(NOTHING, name))(0)) for name in _SUMMED
    }
    days = [one.last_invoice_on for one in each if one.last_invoice_on is not None]
    limits = [one.credit_limit for one in each if one.credit_limit is not None]
    total: Decimal | None = sum(limits, Decimal(0)) if limits else None
    return InfosFlash(**sums, last_invoice_on=max(days, default=None), credit_limit=total)
