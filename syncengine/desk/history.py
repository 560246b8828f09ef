"""What was written, when, by which cycle or person and why: the lines of a cycle and of a record (NEW-04)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from syncengine.core.labels import label_of
from syncengine.core.paths import LISTS, join, new_key
from syncengine.core.reasons import CLASHES, why
from syncengine.errors import InputRefused
from syncengine.model import Account, Address, Company, Contact, Cycle, JournalEntry, Side
from syncengine.model.link import Entity


@dataclass(frozen=True, kw_only=True)
class HistoryLine:
    """One value written; ``path`` is where in the tiers, a whole child when it came (``before`` None) or went (``after`` None).

    ``code`` is the tiers' code comptable at the time; ``lost`` says that ``before`` lost against the other side's value.
    """

    id: int
    at: datetime
    cycle_id: int | None
    side: Side
    entity: str
    record_id: int
    account_id: int | None
    code: str | None
    path: str
    label: str
    before: str | None
    after: str | None
    rule: str
    why: str
    by: str | None
    lost: bool


_LIST_OF: Final = {entity.value: name for name, entity in LISTS.items()}


def lines_of_cycle(session: Session, cycle_id: int, *, limit: int = 100, after: int = 0) -> list[HistoryLine]:
    """What a cycle wrote, in that order; ``after`` is the id that ended the last page. Raises InputRefused (cycle_unknown)."""
    if session.get(Cycle, cycle_id) is None:
        raise unknown_cycle(cycle_id)
    query = select(JournalEntry).where(JournalEntry.cycle_id == cycle_id, JournalEntry.id > after)
    return _told(session, session.scalars(query.order_by(JournalEntry.id).limit(limit)).all())


def lines_of_record(
    session: Session, company_id: int, *, limit: int = 100, before: int | None = None
) -> list[HistoryLine]:
    """What was written to a Company, its tiers and their children, the newest first; ``before`` ended the last page.

    Raises InputRefused (company_unknown) unless the journal knows the Company, which may be gone.
    """
    query = select(JournalEntry).where(or_(*_places(session, company_id)))
    known = session.get(Company, company_id) is not None or session.scalar(query.limit(1)) is not None
    if not known:
        raise unknown_company(company_id)
    if before is not None:
        query = query.where(JournalEntry.id < before)
    return _told(session, session.scalars(query.order_by(JournalEntry.id.desc()).limit(limit)).all())


def _places(session: Session, company_id: int) -> list[ColumnElement[bool]]:
    """Where the lines of a Company are: its own, those of its tiers, and those of children that no tiers has."""
    accounts = session.scalars(select(Account.id).where(Account.company_id == company_id)).all()
    places = [and_(JournalEntry.entity == Entity.COMPANY.value, JournalEntry.record_id == company_id)]
    if accounts:
        places.append(JournalEntry.account_id.in_(accounts))
    for model, entity in ((Address, Entity.ADDRESS), (Contact, Entity.CONTACT)):
        mine = session.scalars(select(model.id).where(model.company_id == company_id)).all()
        if mine:
            places.append(and_(JournalEntry.entity == entity.value, JournalEntry.record_id.in_(mine)))
    return places


def _told(session: Session, entries: Iterable[JournalEntry]) -> list[HistoryLine]:
    found = list(entries)
    keys = _present_keys(session, found)
    return [line_of(entry, keys.get((entry.entity, entry.record_id))) for entry in found]


def _present_keys(session: Session, entries: Iterable[JournalEntry]) -> dict[tuple[str, int], str]:
    """The numbers in the ERP of children that had none when their line was written."""
    wanted: dict[str, set[int]] = {}
    for entry in entries:
        if entry.entity in _LIST_OF and not entry.erp_key:
            wanted.setdefault(entry.entity, set()).add(entry.record_id)
    found: dict[tuple[str, int], str] = {}
    for model, entity in ((Address, Entity.ADDRESS.value), (Contact, Entity.CONTACT.value)):
        if entity in wanted:
            rows = session.execute(select(model.id, model.erp_key).where(model.id.in_(wanted[entity])))
            found |= {(entity, row.id): row.erp_key for row in rows if row.erp_key}
    return found


def path_of(entry: JournalEntry, present_key: str | None = None) -> str:
    """Where a line's value is in its tiers; '' for a Company or Account as a whole."""
    name = _LIST_OF.get(entry.entity)
    if name is None:
        return entry.field or ""
    return join(name, present_key or entry.erp_key or new_key(entry.record_id), entry.field or "")


def line_of(entry: JournalEntry, present_key: str | None = None) -> HistoryLine:
    """A line of the journal in words."""
    path = path_of(entry, present_key)
    child = entry.entity in _LIST_OF
    return HistoryLine(
        id=entry.id,
        at=entry.at,
        cycle_id=entry.cycle_id,
        side=entry.side,
        entity=entry.entity,
        record_id=entry.record_id,
        account_id=entry.account_id,
        code=None if child else entry.erp_key,
        path=path,
        label=label_of(path) if path else _WHOLE[entry.entity],
        before=entry.before,
        after=entry.after,
        rule=entry.rule,
        why=why(entry.rule, entry.by),
        by=entry.by,
        lost=entry.rule in CLASHES and bool(entry.before),
    )


_WHOLE: Final = {Entity.COMPANY.value: "Société", Entity.ACCOUNT.value: "Tiers"}


def unknown_cycle(cycle_id: int) -> InputRefused:
    """The refusal of an order about a cycle that is not there."""
    return InputRefused(
        "there is no such cycle", code="cycle_unknown", record=str(cycle_id), remedy="See `syncengine status`."
    )


def unknown_company(company_id: int) -> InputRefused:
    """The refusal of an order about a Company that is not there."""
    return InputRefused(
        "there is no such company",
        code="company_unknown",
        record=str(company_id),
        remedy="Look for it by name, code, SIRET or town: `syncengine company list TEXT`.",
    )
