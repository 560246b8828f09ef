"""Unit: a Company with its main Account and link as one edit sees them, and the one place that writes their columns.

Company → Account at once (CRM-28), every value replaced goes to the journal (G3), what travels marks the link.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from contracts.fields import Flow
from contracts.tables import TIERS
from syncengine.core.entries import Lists
from syncengine.core.refusals import refused
from syncengine.core.replicate import to_account
from syncengine.cycle.act import Act, Edited
from syncengine.model import (
    Account,
    Address,
    Company,
    Contact,
    ErpParameter,
    ErpState,
    Integration,
    Link,
    Representative,
    Side,
    SyncError,
    SyncErrorState,
)
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from syncengine.storage.free_values import tell_free_values
from syncengine.storage.journal import Journal

Row = TypeVar("Row")

ID_MAX: Final = 2**63 - 1
TRAVELLING: Final = frozenset(known.attr for known in TIERS.fields if known.flow is Flow.BOTH) - {"code", "type"}
"""Columns of an Account whose change is sent to the ERP; a code and a type stay what the ERP says once it is linked."""


@dataclass(kw_only=True)
class Unit:
    """One tiers as people edit it. ``company`` is None for an Account that is nobody's main one (CRM-34)."""

    session: Session
    act: Act
    company: Company | None
    account: Account | None
    link: Link | None
    integration: Integration | None
    journal: Journal
    warnings: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    travels: bool = False

    @property
    def record(self) -> str:
        """How a refusal names it: code, else name, else number of the Company."""
        row = self.account if self.company is None else self.company
        return "" if row is None else row.code or row.name or str(row.id)

    @property
    def tied(self) -> bool:
        """Whether the Account takes part in the flow, or is about to: linked, taken out, vanished or awaited."""
        return self.account is not None and (self.account.erp_state is ErpState.AWAITED or self.link is not None)

    @property
    def owner(self) -> dict[str, int | None]:
        """Company and Account that a new child row belongs to."""
        company_id = self.company.id if self.company is not None else None
        if self.account is None or not self.tied:
            return {"company_id": company_id, "account_id": None}
        return {"company_id": self.account.company_id, "account_id": self.account.id}

    @property
    def erp_key(self) -> str | None:
        """The code of the tiers, for the journal."""
        return None if self.account is None else self.account.code

    def mine(self, entity: type[Address | Contact]) -> ColumnElement[bool]:
        """Which children are those of this tiers; of a Company without one, its own."""
        owner = self.owner
        if owner["account_id"] is not None:
            return entity.account_id == owner["account_id"]
        return entity.company_id == owner["company_id"]

    def rows(self, query: Select[Row]) -> list[Row]:
        """The rows as they are in the base, whatever this session has seen of them before: others write in bulk."""
        return list(self.session.scalars(query.execution_options(populate_existing=True)))

    def lists(self) -> Lists:
        """What the ERP company offers; nothing is known for a Company that may go to any of several (CRM-62)."""
        if self.integration is None:
            return Lists()
        of = self.integration.id
        query = select(ErpParameter.kind, ErpParameter.code)
        codes: dict[str, set[str]] = {}
        for kind, code in self.session.execute(query.where(ErpParameter.integration_id == of, ErpParameter.active)):
            codes.setdefault(kind, set()).add(code)
        there = select(Representative.code).where(Representative.integration_id == of, Representative.active)
        return Lists(
            parameters={kind: frozenset(known) for kind, known in codes.items()},
            representatives=frozenset(self.session.scalars(there)),
        )

    def write(self, values: Mapping[str, Any], rules: Mapping[str, Rule] | None = None) -> None:
        """Set columns of the Company and, by replication, of its Account; ``rules`` names those not written by the act's own."""
        because = rules or {}
        if self.company is not None:
            self._replace(Entity.COMPANY, self.company, values, because)
        if self.account is not None:
            replicas = to_account(values)
            replicated = dict.fromkeys(replicas, Rule.REPLICATED) if self.company is not None else because
            self._replace(Entity.ACCOUNT, self.account, replicas, replicated)

    def set_account(self, values: Mapping[str, Any], rule: Rule) -> None:
        """Set columns of the Account alone, such as its numbers, which are rows of their own on the Company."""
        if self.account is not None:
            self._replace(Entity.ACCOUNT, self.account, values, dict.fromkeys(values, rule))

    def _replace(
        self, entity: Entity, row: Company | Account, values: Mapping[str, Any], rules: Mapping[str, Rule]
    ) -> None:
        written = self.replace(entity, row, values, rules)
        if written:
            row.updated_at = self.act.at
        if entity is Entity.ACCOUNT and TRAVELLING.intersection(written):
            self.travels = True

    def replace(self, entity: Entity, row: Any, values: Mapping[str, Any], rules: Mapping[str, Rule]) -> list[str]:
        """Set the columns whose value really changes, each with its journal line; which they are. Marks nothing by itself."""
        written = [name for name, value in values.items() if not same(getattr(row, name), value)]
        for name in written:
            rule = rules.get(name, self.act.rule)
            key = self.erp_key if isinstance(row, (Company, Account)) else row.erp_key
            self._tell(entity, row.id, key, name, getattr(row, name), values[name], rule)
            setattr(row, name, values[name])
        self.note(written)
        return written

    def _tell(
        self, entity: Entity, row_id: int, key: str | None, name: str, before: Any, after: Any, rule: Rule
    ) -> None:
        """The line of one value; of values kept by name, a line each."""
        if name == "free_values":
            tell_free_values(self.journal, entity, row_id, key, before, after, rule)
        elif name == "custom":
            old, new = ({f"custom.{own}": value for own, value in (one or {}).items()} for one in (before, after))
            tell_free_values(self.journal, entity, row_id, key, old, new, rule)
        else:
            self.journal.value(entity, row_id, key, name, before, after, rule)

    def note(self, names: Iterable[str]) -> None:
        """Remember what changed, for the answer."""
        self.changed += [name for name in names if name not in self.changed]

    def done(self, record_id: int | None = None) -> Edited:
        """Flush rows and journal, mark the link when something travels, and tell what was done."""
        self.session.flush()
        self.journal.flush()
        if self.travels and self.account is not None:
            mark(self.session, self.account.id, self.act.at)
        row = self.account if self.company is None else self.company
        own = 0 if row is None else row.id
        return Edited(
            id=own if record_id is None else record_id,
            changed=tuple(self.changed),
            warnings=tuple(self.warnings),
            marked=self.travels and self.link is not None,
        )


def same(one: Any, other: Any) -> bool:
    """Whether two values say the same; empty, False and none are one."""
    return (one or None) == (other or None)


def mark(session: Session, account_id: int, at: datetime) -> None:
    """Have the next cycle look at an Account: its link is marked as changed in the CRM.

    One that waits for its creation has no link: what the ERP refused of it is sent again.
    """
    of_account = (Link.entity == Entity.ACCOUNT.value, Link.local_id == account_id)
    # A statement, not an attribute: it is issued whatever this session believes the mark to be.
    session.execute(update(Link).where(*of_account).values(changed_at=at))
    awaited = select(Account.id).where(Account.id == account_id, Account.erp_state == ErpState.AWAITED)
    of_error = (SyncError.side == Side.ERP, SyncError.local_id.in_(awaited), SyncError.state == SyncErrorState.OPEN)
    session.execute(update(SyncError).where(*of_error).values(state=SyncErrorState.RETRY))


def open_company(session: Session, company_id: int, act: Act) -> Unit:
    """The unit of a Company. Raises InputRefused (company_unknown)."""
    known = abs(company_id) <= ID_MAX
    account = _locked(session, Account, Account.company_id == company_id, Account.is_main) if known else None
    company = _locked(session, Company, Company.id == company_id) if known else None
    if company is None:
        raise refused(
            "company_unknown",
            "there is no such company",
            record=str(company_id),
            remedy="Look for it by name, code, SIRET or town: `syncengine company list TEXT`.",
        )
    return _unit(session, company, account, act)


def open_account(session: Session, account_id: int, act: Act) -> Unit:
    """The unit of an Account, with its Company when it is the main one. Raises InputRefused (account_unknown)."""
    account = _locked(session, Account, Account.id == account_id) if abs(account_id) <= ID_MAX else None
    if account is None:
        raise refused(
            "account_unknown",
            "there is no such Account (Tiers CRM)",
            record=str(account_id),
            remedy="See the tiers of a Company: `syncengine company show`.",
        )
    main = account.company_id if account.is_main else None
    company = None if main is None else _locked(session, Company, Company.id == main)
    return _unit(session, company, account, act)


def new_unit(session: Session, company: Company, act: Act) -> Unit:
    """The unit of a Company that is not in the base yet."""
    return _unit(session, company, None, act)


def open_child(session: Session, row: Address | Contact, act: Act) -> Unit:
    """The unit a child belongs to: its Account's, else its Company's."""
    if row.account_id is not None:
        return open_account(session, row.account_id, act)
    return open_company(session, row.company_id or 0, act)


def _locked(
    session: Session, entity: type[Any], *where: ColumnElement[bool] | InstrumentedAttribute[bool]
) -> Any | None:
    """The row as it is now, ours until the end of the transaction: a cycle or another edit waits, or was waited for.

    Always the Account before its Company: two that wait for each other would wait for ever.
    """
    query = select(entity).where(*where).with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)


def _unit(session: Session, company: Company | None, account: Account | None, act: Act) -> Unit:
    integration = _integration(session, account)
    journal = Journal(
        Bulk(session.connection()),
        integration_id=None if account is None else account.integration_id,
        cycle_id=act.cycle_id,
        now=act.at,
        by=act.by,
        account_id=None if account is None else account.id,
    )
    return Unit(
        session=session,
        act=act,
        company=company,
        account=account,
        link=None if account is None else _link(session, account.id),
        integration=integration,
        journal=journal,
    )


def _link(session: Session, account_id: int) -> Link | None:
    query = select(Link).where(Link.entity == Entity.ACCOUNT.value, Link.local_id == account_id)
    return session.scalar(query.execution_options(populate_existing=True))


def _integration(session: Session, account: Account | None) -> Integration | None:
    """The Account's; of a Company without one, the only one there is (CRM-62)."""
    if account is not None:
        return session.get_one(Integration, account.integration_id)
    found = session.scalars(select(Integration).limit(2)).all()
    return found[0] if len(found) == 1 else None


def ties(session: Session, company_id: int) -> list[Account]:
    """The Accounts, main or not, that tie a Company to an ERP tiers or wait for one to be created."""
    of_account = and_(Link.entity == Entity.ACCOUNT.value, Link.local_id == Account.id)
    standing = or_(Account.erp_state == ErpState.AWAITED, Link.id.is_not(None))
    query = select(Account).outerjoin(Link, of_account).where(Account.company_id == company_id, standing)
    return list(session.scalars(query.order_by(Account.id)))
