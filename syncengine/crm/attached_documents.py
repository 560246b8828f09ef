"""Documents of the ERP attached to an opportunity: which count, what they add up to, and what follows from that (CRM-56).

The document itself stays in the ERP: its date and total are kept as they were when they were last read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.core.document_types import DOCUMENT_TYPES
from syncengine.core.refusals import refused
from syncengine.crm.opportunities import opened
from syncengine.model import AttachedDocument, Integration, Opportunity

QUOTES: Final = frozenset({"DE"})
ORDERS: Final = frozenset(DOCUMENT_TYPES) - QUOTES
"""An order keeps to be one when it is delivered and invoiced: Sage 100 turns the document into one of the next type."""
_TAKEN_OFF: Final = frozenset({"BR", "BA"})
"""What was returned or credited was ordered no longer."""
WON: Final = "won"


@dataclass(frozen=True, kw_only=True)
class SalesDocument:
    """A document as the ERP tells it; ``total`` before tax."""

    type: str
    number: str
    tiers: str
    date: date | None
    total: Decimal | None
    currency: str | None


@dataclass(frozen=True, kw_only=True)
class TypeTotal:
    """The documents of one type: how many are shown, how many count, and what these add up to before tax."""

    type: str
    label: str
    documents: int
    counted: int
    total: Decimal


@dataclass(frozen=True, kw_only=True)
class OpportunityTotals:
    """What the documents of an opportunity add up to; None where none counts."""

    types: tuple[TypeTotal, ...]
    quote_total: Decimal | None
    order_total: Decimal | None
    currency: str | None


@dataclass(frozen=True, kw_only=True)
class Attaching:
    """What documents are attached to and by whom: the integration they are read in, the code of the tiers there."""

    opportunity_id: int
    integration_id: int
    tiers: str
    at: datetime
    by: str | None


def attached(session: Session, opportunity_id: int, *, hidden_too: bool = False) -> list[AttachedDocument]:
    """The documents of an opportunity, the newest first. Raises nothing for an opportunity that is not there."""
    query = select(AttachedDocument).where(AttachedDocument.opportunity_id == opportunity_id)
    if not hidden_too:
        query = query.where(~AttachedDocument.hidden)
    rows = session.scalars(query).all()
    return sorted(rows, key=lambda one: (one.date or date.min, one.id), reverse=True)


def attach(
    session: Session, to: Attaching, documents: Iterable[SalesDocument], *, counted: bool = True
) -> list[AttachedDocument]:
    """Attach documents; one that is attached already takes what was read, and is shown again if it was hidden.

    Raises InputRefused (opportunity_unknown, document_of_another, other_currency).
    """
    opportunity = opened(session, to.opportunity_id)
    known = {(one.type, one.number): one for one in attached(session, to.opportunity_id, hidden_too=True)}
    found = []
    for document in documents:
        _refuse_other_tiers(to, document)
        row = known.get((document.type, document.number))
        if row is None:
            row = AttachedDocument(
                opportunity_id=to.opportunity_id, type=document.type, number=document.number, attached_by=to.by
            )
            session.add(row)
        _take(row, to, document)
        row.counted, row.hidden = counted, False
        _refuse_other_currency(opportunity, row)
        found.append(row)
    session.flush()
    recount(session, opportunity, at=to.at)
    return found


def refresh(session: Session, to: Attaching, documents: Iterable[SalesDocument]) -> list[AttachedDocument]:
    """Take what was read again of documents that are attached; the others stay as they were read last."""
    opportunity = opened(session, to.opportunity_id)
    known = {(one.type, one.number): one for one in attached(session, to.opportunity_id, hidden_too=True)}
    for document in documents:
        if (row := known.get((document.type, document.number))) is not None:
            _take(row, to, document)
    session.flush()
    recount(session, opportunity, at=to.at)
    return list(known.values())


def choose(
    session: Session,
    opportunity_id: int,
    document_id: int,
    *,
    counted: bool | None = None,
    hidden: bool | None = None,
    at: datetime,
) -> AttachedDocument:
    """Say whether a document counts, or is shown; one that is hidden does not count. Raises InputRefused."""
    opportunity = opened(session, opportunity_id)
    row = _of(session, opportunity_id, document_id)
    row.hidden = row.hidden if hidden is None else hidden
    row.counted = (row.counted if counted is None else counted) and not row.hidden
    _refuse_other_currency(opportunity, row)
    session.flush()
    recount(session, opportunity, at=at)
    return row


def hide_old(session: Session, opportunity_id: int, *, before: date, at: datetime) -> int:
    """Hide the documents dated before a day that do not count; how many. Raises InputRefused (opportunity_unknown)."""
    opportunity = opened(session, opportunity_id)
    old = [
        row
        for row in attached(session, opportunity_id)
        if not row.counted and row.date is not None and row.date < before
    ]
    for row in old:
        row.hidden = True
    session.flush()
    recount(session, opportunity, at=at)
    return len(old)


def detach(session: Session, opportunity_id: int, document_id: int, *, at: datetime) -> AttachedDocument:
    """Let go of a document. Raises InputRefused (opportunity_unknown, document_not_attached)."""
    opportunity = opened(session, opportunity_id)
    row = _of(session, opportunity_id, document_id)
    session.delete(row)
    session.flush()
    recount(session, opportunity, at=at)
    return row


def totals(session: Session, opportunity: Opportunity) -> OpportunityTotals:
    """What the documents of an opportunity add up to, per type and in the whole."""
    rows = attached(session, opportunity.id)
    kinds = tuple(_of_type(kind, [row for row in rows if row.type == kind]) for kind in DOCUMENT_TYPES)
    return OpportunityTotals(
        types=tuple(kind for kind in kinds if kind.documents),
        quote_total=_sum(kinds, QUOTES),
        order_total=_sum(kinds, ORDERS),
        currency=opportunity.currency,
    )


def recount(session: Session, opportunity: Opportunity, *, at: datetime) -> None:
    """OpportunityTotals into the opportunity; its forecast and stage follow where the integration says so."""
    rows = attached(session, opportunity.id)
    if opportunity.currency is None:
        opportunity.currency = next((row.currency for row in rows if row.counted and row.currency), None)
    found = totals(session, opportunity)
    wanted: dict[str, Any] = {"quote_total": found.quote_total, "order_total": found.order_total}
    rules = [session.get_one(Integration, number) for number in {row.integration_id for row in rows}]
    total = found.order_total if found.order_total is not None else found.quote_total
    if total is not None and any(rule.forecast_from_documents for rule in rules):
        wanted["forecast"] = total
    if (found.order_total or 0) > 0 and any(rule.won_from_order for rule in rules):
        wanted["stage"] = WON
    changed = {name: value for name, value in wanted.items() if getattr(opportunity, name) != value}
    for name, value in changed.items():
        setattr(opportunity, name, value)
    if changed:
        opportunity.updated_at = at
    session.flush()


def first_day(integration: Integration, today: date) -> date:
    """The first day of the period that documents are looked for in, some years back."""
    year = max(1, today.year - integration.document_years)
    # The 29th of February is not in every year.
    return today.replace(year=year, day=min(today.day, 28))


def _take(row: AttachedDocument, to: Attaching, document: SalesDocument) -> None:
    row.integration_id, row.tiers, row.date = to.integration_id, document.tiers, document.date
    row.total_before_tax, row.currency, row.read_at = document.total, document.currency, to.at


def _refuse_other_tiers(to: Attaching, document: SalesDocument) -> None:
    if document.tiers != to.tiers:
        raise refused(
            "document_of_another",
            "the document is that of another tiers",
            record=document.number,
            remedy="Choose a document of the tiers of the opportunity's Company.",
        )


def _refuse_other_currency(opportunity: Opportunity, row: AttachedDocument) -> None:
    if row.counted and opportunity.currency and row.currency and row.currency != opportunity.currency:
        raise refused(
            "other_currency",
            f"the document is in {row.currency}, the opportunity in {opportunity.currency}",
            record=row.number,
            field="currency",
            remedy="Attach it without counting it, or change the currency of the opportunity.",
        )


def _of(session: Session, opportunity_id: int, document_id: int) -> AttachedDocument:
    row = session.get(AttachedDocument, document_id)
    if row is None or row.opportunity_id != opportunity_id:
        raise refused(
            "document_not_attached",
            "the opportunity has no such document",
            record=str(document_id),
            remedy="Take the number of a document of the opportunity.",
        )
    return row


def _of_type(kind: str, rows: Sequence[AttachedDocument]) -> TypeTotal:
    counted = [row.total_before_tax or Decimal() for row in rows if row.counted]
    total = round(sum(counted, Decimal()), 2)
    return TypeTotal(
        type=kind,
        label=DOCUMENT_TYPES[kind],
        documents=len(rows),
        counted=len(counted),
        total=-abs(total) if kind in _TAKEN_OFF else total,
    )


def _sum(kinds: Iterable[TypeTotal], wanted: frozenset[str]) -> Decimal | None:
    counted = [kind for kind in kinds if kind.type in wanted and kind.counted]
    return sum((kind.total for kind in counted), Decimal()) if counted else None
