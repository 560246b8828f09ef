"""Undo on a real base: what a cycle wrote read from the journal, and the plan carried out through the edit service (NEW-04)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from syncengine.core.paths import LISTS, join, new_key, split
from syncengine.core.snapshot import Snapshot, Values
from syncengine.core.undo import undo_plan
from syncengine.core.undo_plan import Arrival, Present, UndoEdit, UndoPlan, Written
from syncengine.crm.edits import edit_company, edit_path
from syncengine.cycle.act import Act
from syncengine.cycle.crm_rows import CrmRows, load_rows
from syncengine.desk.error_desk import Flow
from syncengine.desk.history import unknown_cycle
from syncengine.desk.result import Refusal, Result, refusal
from syncengine.errors import InputRefused
from syncengine.model import (
    Account,
    Address,
    Company,
    Conflict,
    Contact,
    Cycle,
    Email,
    JournalEntry,
    Link,
    Opportunity,
    Outbox,
    Phone,
    SyncErrorState,
    Turnover,
)
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, batches, table_of
from syncengine.storage.journal import Journal

UNDONE: Final = "undone"
"""The code of the row that keeps a Company out which arrived with a cycle that was taken back."""


def undo_preview(session: Session, integration_id: int, cycle_id: int, *, lock: bool = False) -> UndoPlan:
    """What taking that cycle back would do now; locked, it stays so until the transaction ends.

    Raises InputRefused (cycle_unknown, cycle_running).
    """
    cycle = session.get(Cycle, cycle_id)
    if cycle is None or cycle.integration_id != integration_id:
        raise unknown_cycle(cycle_id)
    if cycle.ended_at is None:
        remedy = "Wait until it has ended: `syncengine status` shows its progress."
        raise InputRefused("the cycle has not ended yet", code="cycle_running", record=str(cycle_id), remedy=remedy)
    lines = list(_lines(session, cycle_id))
    return undo_plan(lines, _present(session, cycle_id, lines, lock=lock))


def apply_undo(
    session: Session,
    plan: UndoPlan,
    *,
    integration_id: int,
    cycle_id: int,
    at: datetime,
    by: str | None,
    include_changed: bool = False,
) -> Result:
    """Carry the plan out under the cycle that undoes, in the caller's transaction; what differs from the ERP then is marked.

    Values changed since are kept unless ``include_changed``. What the edit service refuses stays, and the others go on.
    """
    act = Act(at=at, by=by, rule=Rule.UNDONE, cycle_id=cycle_id)
    refused: list[Refusal] = []
    done = 0
    for edit in (*plan.edits, *(plan.changed_since if include_changed else ())):
        try:
            _go_back(session, edit, act)
        except InputRefused as problem:
            refused.append(refusal(edit.company_id, problem))
        else:
            done += 1
    journal = Journal(Bulk(session.connection()), integration_id=integration_id, cycle_id=cycle_id, now=at, by=by)
    for batch in batches(plan.removed):
        _remove(session, batch, journal)
    flow = Flow(session, integration_id, at=at, by=by, cycle_id=cycle_id)
    codes = [arrival.code for arrival in plan.removed]
    flow.aside(codes, SyncErrorState.TAKEN_OUT, code=UNDONE, message="cycle annulé : sorti de la synchronisation")
    flow.aside(
        plan.put_back, SyncErrorState.RETRY, code=UNDONE, message="annulation annulée : remis dans la synchronisation"
    )
    return Result(done=done + len(plan.removed) + len(plan.put_back), refused=tuple(refused))


def _go_back(session: Session, edit: UndoEdit, act: Act) -> None:
    if edit.account_id is not None:
        name, _, attr = split(edit.path)
        comes_back = bool(name) and not attr and edit.present is None
        # The ERP gives the number of a child that is gone to another one: what comes back is always a new row.
        path = join(name, new_key(0)) if comes_back else edit.path
        edit_path(session, edit.account_id, path, edit.value, act)
    else:
        edit_company(session, edit.company_id or 0, {edit.path: edit.value}, act)


def _lines(session: Session, cycle_id: int) -> Iterator[Written]:
    entry = JournalEntry
    names = tuple(Written.__dataclass_fields__)
    query = select(*(getattr(entry, name) for name in names)).where(entry.cycle_id == cycle_id).order_by(entry.id)
    for row in session.execute(query):
        told = dict(row._mapping)
        yield Written(**told | {"entity": Entity(told["entity"]), "field": told["field"] or ""})


def _present(session: Session, cycle_id: int, lines: Sequence[Written], *, lock: bool) -> Present:
    """What the CRM holds of the tiers and Companies that the lines are about, and the Companies that came with the cycle."""
    bulk = Bulk(session.connection())
    arrivals = tuple(_arrivals(session, cycle_id))
    arrived = {arrival.account_id for arrival in arrivals}
    company_ids = {line.record_id for line in lines if line.entity is Entity.COMPANY}
    tied = {row["id"] for row in bulk.rows(Account, "company_id", company_ids) if row["is_main"]}
    accounts = tied | {line.account_id for line in lines if line.account_id is not None}
    rows = load_rows(bulk, sorted(accounts - arrived), lock=lock)
    companies = {row["id"]: _columns(row) for row in bulk.rows(Company, "id", company_ids)}
    companies |= {found.company["id"]: _columns(found.company) for found in rows.values() if found.company is not None}
    tiers = {number: found.snapshot() for number, found in rows.items()}
    return Present(
        tiers=tiers,
        companies=companies,
        main={found.company["id"]: number for number, found in rows.items() if found.company is not None},
        codes={number: found.account["code"] for number, found in rows.items()},
        arrivals=arrivals,
        reborn=_reborn(session, lines, tiers),
    )


def _reborn(session: Session, lines: Sequence[Written], tiers: Mapping[int, Snapshot]) -> frozenset[tuple[str, int]]:
    """The children that came since under a number or a row that the lines name: both are given again once they are free."""
    found: set[tuple[str, int]] = set()
    last = max((line.id for line in lines), default=0)
    for name, entity in LISTS.items():
        rows = {line.record_id for line in lines if line.entity is entity}
        paths = ((line.account_id, split(line.field)) for line in lines if line.entity is Entity.ACCOUNT)
        numbers = {(account_id, path.key) for account_id, path in paths if path.name == name}
        rows |= {
            child["id"]
            for account_id, key in numbers
            for child in tiers.get(account_id or 0, {}).get(name, ())
            if child.get("key") == key
        }
        came = (JournalEntry.id > last, JournalEntry.entity == entity.value, JournalEntry.field == "")
        for batch in batches(sorted(rows)):
            query = select(JournalEntry.record_id).where(*came, JournalEntry.before.is_(None))
            found |= {(name, row) for row in session.scalars(query.where(JournalEntry.record_id.in_(batch)))}
    return frozenset(found)


def _columns(row: Values) -> Values:
    """The columns of a Company, and each of the CRM's own fields under its name."""
    return row | {f"custom.{name}": value for name, value in (row["custom"] or {}).items()}


def _arrivals(session: Session, cycle_id: int) -> Iterator[Arrival]:
    query = (
        select(Company.id.label("company_id"), Company.name, Account.id.label("account_id"), Link)
        .join(Account, and_(Account.company_id == Company.id, Account.is_main))
        .join(Link, and_(Link.local_id == Account.id, Link.entity == Entity.ACCOUNT.value))
        .where(Company.created_cycle_id == cycle_id)
        .order_by(Company.id)
    )
    found = session.execute(query).all()
    if not found:
        return
    held = _held(session, cycle_id)
    for row in found:
        yield Arrival(
            company_id=row.company_id,
            account_id=row.account_id,
            link_id=row.Link.id,
            code=row.Link.erp_key,
            name=row.name,
            held_by=held.get(row.company_id) or (None if row.Link.changed_at is None else "modifiée dans le CRM"),
        )


def _held(session: Session, cycle_id: int) -> dict[int, str]:
    """What hangs on the Companies that came with a cycle, by Company: the reason that weighs most."""
    mine = Company.created_cycle_id == cycle_id
    of_company = select(Company.id).where(mine)
    entry = JournalEntry
    tiers = select(entry.account_id).where(entry.cycle_id.is_(None), entry.field.is_distinct_from("link"))
    own = select(entry.record_id).where(entry.cycle_id.is_(None), entry.entity == Entity.COMPANY.value)
    of_accounts = of_company.join(Account, Account.company_id == Company.id)
    queries = {
        "envoyée à Sage 100": of_accounts.join(Outbox, Outbox.account_id == Account.id),
        "modifiée dans le CRM": of_accounts.where(or_(Account.id.in_(tiers), Company.id.in_(own))),
        "plusieurs tiers": of_accounts.group_by(Company.id).having(func.count(Account.id) > 1),
        "affaires en cours": of_company.join(Opportunity, Opportunity.company_id == Company.id),
    }
    return {company_id: why for why, query in queries.items() for company_id in session.scalars(query)}


def _remove(session: Session, arrivals: Sequence[Arrival], journal: Journal) -> None:
    """Companies as they came, with their tiers, children and links; what they held goes to the journal (G3)."""
    bulk = Bulk(session.connection())
    companies = [arrival.company_id for arrival in arrivals]
    accounts = [arrival.account_id for arrival in arrivals]
    links = [arrival.link_id for arrival in arrivals]
    rows = load_rows(bulk, accounts)
    for arrival in arrivals:
        journal.row(
            *(Entity.COMPANY, arrival.company_id, arrival.code),
            before=_told(rows[arrival.account_id]),
            after=None,
            rule=Rule.UNDONE,
            account_id=arrival.account_id,
        )
    journal.flush()
    turnover = table_of(Turnover)
    session.execute(update(turnover).where(turnover.c.account_id.in_(accounts)).values(account_id=None))
    for entity in (Phone, Email, Contact, Address):
        _delete(session, entity, "account_id", accounts)
        _delete(session, entity, "company_id", companies)
    _delete(session, Conflict, "link_id", links)
    bulk.delete(Link, links)
    bulk.delete(Account, accounts)
    bulk.delete(Company, companies)


def _told(rows: CrmRows) -> Values:
    company = rows.company or {}
    own = {name: company.get(name) for name in ("company_type", "manager_id", "territory_id") if company.get(name)}
    return rows.snapshot() | own


def _delete(session: Session, entity: type[Any], column: str, ids: Iterable[int]) -> None:
    table = table_of(entity)
    session.execute(table.delete().where(table.c[column].in_(list(ids))))
