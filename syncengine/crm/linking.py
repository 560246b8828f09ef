"""'Rompre le lien', 'Lier à un tiers déjà existant', 'Réaffecter une autre société au tiers' (CRM-30, CRM-31).

The tiers itself, its link and what both sides agreed on stay as they are: only the Company behind it changes, in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from syncengine.core.account_code import initial_code
from syncengine.core.refusals import refused
from syncengine.core.replicate import COMPANY_LEAVES, assigned
from syncengine.core.snapshot import Values
from syncengine.core.type_mapping import refuse_other_type
from syncengine.crm.adoption import CHILDREN, hand_over
from syncengine.crm.duplicates import Duplicate, likely_duplicates
from syncengine.crm.joining import Joint, join
from syncengine.crm.pairing import authorise, company_unit, linked_unit, refuse_awaited, refuse_while_sending
from syncengine.crm.separation import keep_copies
from syncengine.crm.unit import Unit, open_account
from syncengine.cycle.act import Act
from syncengine.model import (
    Account,
    Company,
    Conflict,
    ConflictState,
    CustomField,
    ErpState,
    Integration,
    Opportunity,
    Representative,
    Right,
)
from syncengine.model.journal import Rule
from syncengine.model.link import Entity


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A link that was broken: the Account is an orphan now; ``code`` is what the Company shows."""

    company_id: int
    account_id: int
    code: str | None


@dataclass(frozen=True, kw_only=True)
class Linked:
    """A tiers that has another Company. The former one is gone, and its opportunities (how many) moved along.

    ``joint`` says what became of the Company's own addresses and contacts; ``duplicates`` are other Companies that look alike.
    """

    company_id: int
    account_id: int
    former_company_id: int | None
    opportunities: int
    joint: Joint
    duplicates: tuple[Duplicate, ...]


def break_link(session: Session, company_id: int, *, at: datetime, by: str | None = None) -> Broken:
    """Part a Company from its tiers, which stays as an orphan and goes on following the ERP (CRM-30, CRM-34).

    The Company keeps its values, and copies of addresses and contacts of its own; its code is that of a new one again. What
    was changed before and not sent yet is sent all the same.
    Raises InputRefused: right_withdrawn, company_unknown, not_linked, creation_awaited, sync_under_way, conflicts_open.
    """
    authorise(session, by, Right.BREAK_LINK)
    unit, account = linked_unit(session, company_id, Act(at=at, by=by, rule=Rule.LINKED))
    refuse_while_sending(session, unit, account)
    _refuse_conflicts(session, unit)
    company = unit.company or session.get_one(Company, company_id)
    code = initial_code(session.get_one(Integration, account.integration_id).code_mode)
    unit.replace(Entity.ACCOUNT, account, {"company_id": None, "is_main": False}, {})
    unit.replace(Entity.COMPANY, company, {"code": code}, {})
    account.updated_at = company.updated_at = at
    keep_copies(unit, company, account)
    unit.done()
    return Broken(company_id=company_id, account_id=account.id, code=code)


def reassign_company(
    session: Session, linked_company_id: int, company_id: int, *, at: datetime, by: str | None = None
) -> Linked:
    """'Réaffecter une autre société au tiers': as ``link_company``, asked from the Company that has the tiers."""
    authorise(session, by, Right.REASSIGN)
    _, account = linked_unit(session, linked_company_id, Act(at=at, by=by, rule=Rule.LINKED))
    return link_company(session, company_id, account.id, at=at, by=by)


def link_company(session: Session, company_id: int, account_id: int, *, at: datetime, by: str | None = None) -> Linked:
    """'Lier à un tiers déjà existant': the Account moves to a Company without tiers, which takes its general data (CRM-31).

    The Company's own addresses and contacts are added to the Account's, and the next cycle creates them in the ERP; the
    Company the Account was the main one of is removed. An orphan or secondary Account leaves none behind (CRM-34).
    Raises InputRefused: right_withdrawn, company_unknown, account_unknown, already_linked, creation_awaited, tiers_gone,
    other_tiers_type.
    """
    authorise(session, by, Right.REASSIGN)
    act = Act(at=at, by=by, rule=Rule.LINKED)
    former = open_account(session, account_id, act)
    account = former.account or session.get_one(Account, account_id)
    unit, company = company_unit(session, company_id, act)
    _refuse_unlinkable(session, unit, company, account)
    unit.journal, unit.link, unit.account = former.journal, former.link, account

    _move(unit, company, account)
    opportunities = 0 if former.company is None else _replace(unit, former.company, company, account)
    joint = join(unit, company, account)
    _take_values(unit, company, account)
    unit.travels = joint.changed
    unit.done()
    return Linked(
        company_id=company_id,
        account_id=account_id,
        former_company_id=None if former.company is None else former.company.id,
        opportunities=opportunities,
        joint=joint,
        duplicates=likely_duplicates(session, company_id=company_id),
    )


def _refuse_conflicts(session: Session, unit: Unit) -> None:
    """An orphan has nobody to decide for it."""
    link_id = 0 if unit.link is None else unit.link.id
    query = select(Conflict.field).where(Conflict.link_id == link_id, Conflict.state == ConflictState.OPEN)
    parked = session.scalars(query.order_by(Conflict.field)).all()
    if parked:
        raise refused(
            "conflicts_open",
            f"fields of the tiers wait for a decision: {', '.join(parked)}",
            record=unit.record,
            field=parked[0],
            remedy="Decide them first: `syncengine conflicts list`.",
        )


def _refuse_unlinkable(session: Session, unit: Unit, company: Company, account: Account) -> None:
    if unit.account is not None:
        refuse_awaited(unit.account)
        raise refused(
            "already_linked",
            "the company has a tiers already",
            record=unit.record,
            remedy="Choose a company without tiers, or break its link first ('Rompre le lien').",
        )
    refuse_awaited(account)
    if account.erp_state in {ErpState.DELETED, ErpState.OUT_OF_SCOPE}:
        raise refused(
            "tiers_gone",
            "the tiers is no longer in Sage 100",
            record=account.code,
            remedy="Choose another tiers, or create one: 'Créer le tiers'.",
        )
    refuse_other_type(session.get_one(Integration, account.integration_id), company, account.type)


def _move(unit: Unit, company: Company, account: Account) -> None:
    """The Account and what hangs on it, to the Company."""
    unit.replace(Entity.ACCOUNT, account, {"company_id": company.id, "is_main": True}, {})
    account.updated_at = unit.act.at
    unit.session.flush()
    for entity in CHILDREN:
        hand_over(unit.session, entity, entity.account_id == account.id, company_id=company.id)


def _replace(unit: Unit, former: Company, company: Company, account: Account) -> int:
    """Everything else of the former Company to the one that replaces it, and the former goes; how many opportunities moved."""
    session = unit.session
    # Its secondary Accounts stay secondary ones, of the Company that has the relation now (CRM-34).
    for entity in (Account, *CHILDREN):
        hand_over(session, entity, entity.company_id == former.id, company_id=company.id)
    ids = session.scalars(
        select(Opportunity.id).where(Opportunity.company_id == former.id).order_by(Opportunity.id)
    ).all()
    session.execute(update(Opportunity).where(Opportunity.company_id == former.id).values(company_id=company.id))
    before = _told(former) | ({"opportunities": list(ids)} if ids else {})
    unit.journal.row(
        *(Entity.COMPANY, former.id, account.code), before=before, after=None, rule=Rule.LINKED, account_id=account.id
    )
    session.flush()
    session.execute(delete(Company).where(Company.id == former.id), execution_options=_UNSEEN)
    session.expunge(former)
    return len(ids)


def _told(company: Company) -> Values:
    columns = (column.name for column in Company.__table__.columns if column.name not in _STAMPS)
    return {name: value for name in columns if (value := getattr(company, name))}


_UNSEEN = {"synchronize_session": False}
_STAMPS = frozenset({"id", "created_at", "updated_at", "created_cycle_id"})


def _take_values(unit: Unit, company: Company, account: Account) -> None:
    """The Account's general data, name included; manager and territory stay the Company's own, but for CRM-17."""
    values: Values = {attr: getattr(account, attr) for attr in (*COMPANY_LEAVES, "status", "free_values")}
    rules: dict[str, Rule] = {}
    manager = _manager(unit, company, account)
    if manager != company.manager_id:
        values["manager_id"], rules["manager_id"] = manager, Rule.MANAGER
    unit.replace(Entity.COMPANY, company, values, rules)
    _take_custom(unit, company, account)
    company.updated_at = unit.act.at


def _take_custom(unit: Unit, company: Company, account: Account) -> None:
    """The CRM's own fields: of the replicated pairs the Account's value, where it has one (CRM-47)."""
    pairs = set(unit.session.scalars(select(CustomField.name).where(CustomField.replicated)))
    theirs = {name: value for name, value in (account.custom or {}).items() if name in pairs and value}
    both = {**(company.custom or {}), **theirs}
    unit.replace(Entity.COMPANY, company, {"custom": both or None}, {})
    replicas = {**(account.custom or {}), **{name: value for name, value in both.items() if name in pairs}}
    unit.replace(Entity.ACCOUNT, account, {"custom": replicas or None}, {"custom": Rule.REPLICATED})


def _manager(unit: Unit, company: Company, account: Account) -> int | None:
    """The manager by the rule manager ← representative (CRM-17)."""
    query = select(Representative.user_id).where(
        Representative.integration_id == account.integration_id,
        Representative.active,
        Representative.code == account.representative,
        Representative.user_id.is_not(None),
    )
    users = [user for user in unit.session.scalars(query) if user is not None]
    rule = unit.session.get_one(Integration, account.integration_id).manager_rule
    return assigned(rule, company.manager_id, users)
