"""What the audits found: how far both sides agree, what differs, and the order to bring it into step.

An order writes no value: it makes the next cycle look at these tiers as at any that changed, base, CRM and ERP, by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from syncengine.core.labels import label_of
from syncengine.cycle.gateway_options import UNREAD
from syncengine.desk.error_desk import Flow
from syncengine.desk.result import Refusal, Result, refusal
from syncengine.errors import InputRefused
from syncengine.model import (
    Account,
    Audit,
    Conflict,
    Difference,
    Drift,
    Integration,
    Link,
    LinkState,
    Outbox,
    SyncErrorState,
)
from syncengine.model.link import Entity
from syncengine.storage.bulk import batches

LIMIT: Final = 100
_CODE: Final = "drift"
_WORDS: Final = "les deux côtés diffèrent sans que rien n'attende"
_HUNDREDTH: Final = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far both sides agree: ``share`` in per cent, rounded down, of the ``compared`` tiers; None before any comparison.

    ``measured_at`` is the end of the last complete pass, None while there was none: then ``compared`` is that of the pass under
    way, which began at ``since`` and is at ``done`` of ``total``. ``differing`` is as of the last portion, ``first_found_at`` the
    oldest of what differs.
    """

    share: Decimal | None
    compared: int
    differing: int
    measured_at: datetime | None
    first_found_at: datetime | None
    since: datetime | None
    done: int
    total: int
    next_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class FieldDifference:
    """One value that differs."""

    path: str
    label: str
    crm: Any
    erp: Any


@dataclass(frozen=True, kw_only=True)
class DifferenceView:
    """One tiers that differs, or did."""

    id: int
    code: str
    name: str | None
    account_id: int | None
    drift: Drift
    fields: tuple[FieldDifference, ...]
    found_at: datetime
    settled_at: datetime | None


def agreement(session: Session, integration_id: int) -> Agreement:
    """How far both sides of an integration agree, as its audits measured it."""
    last = session.scalar(_audits(integration_id).where(Audit.ended_at.is_not(None)).limit(1))
    current = session.scalar(_audits(integration_id).limit(1))
    if current is not None and current.ended_at is not None:
        current = None
    differing, first = session.execute(
        select(func.count(Difference.id), func.min(Difference.found_at)).where(*_standing(integration_id))
    ).one()
    measured = last or current
    compared = 0 if measured is None else measured.compared
    return Agreement(
        share=_share(compared, differing),
        compared=compared,
        differing=differing,
        measured_at=None if last is None else last.ended_at,
        first_found_at=first,
        since=None if current is None else current.started_at,
        done=0 if current is None else current.compared,
        total=0 if current is None else current.total,
        next_at=session.scalar(select(Integration.audit_due_at).where(Integration.id == integration_id)),
    )


def differences(
    session: Session, integration_id: int, *, settled: bool = False, limit: int = LIMIT, after: int = 0
) -> list[DifferenceView]:
    """What differs, in the order it was found; with ``settled``, what did."""
    which = Difference.settled_at.is_not(None) if settled else Difference.settled_at.is_(None)
    query = (
        select(Difference, Account.name)
        .outerjoin(Account, Account.id == Difference.account_id)
        .where(Difference.integration_id == integration_id, which, Difference.id > after)
        .order_by(Difference.id)
        .limit(limit)
    )
    return [_view(row, name) for row, name in session.execute(query)]


def repair(
    session: Session,
    integration_id: int,
    ids: Sequence[int] = (),
    *,
    at: datetime,
    by: str | None = None,
    everything: bool = False,
) -> Result:
    """Have the next cycle reconcile these differences, by number, or all of them; they are settled once found equal."""
    query = select(Difference).where(*_standing(integration_id))
    rows = list(session.scalars(query if everything else query.where(Difference.id.in_(ids))))
    known = {row.id for row in rows}
    refused = [_not_standing(number) for number in ids if number not in known]
    _ask_again(session, integration_id, [row.erp_key for row in rows], at=at, by=by)
    return Result(done=len(rows), refused=tuple(refused))


def _ask_again(session: Session, integration_id: int, keys: Iterable[str], *, at: datetime, by: str | None) -> None:
    """Linked tiers do not count as read any more; those that are not linked, or gone, are asked for by name."""
    flow = Flow(session, integration_id, at=at, by=by)
    for batch in batches(sorted(keys)):
        links = list(session.scalars(_links(integration_id, batch)))
        there = set(session.scalars(select(Account.id).where(Account.id.in_([link.local_id for link in links]))))
        _forget(session, [link for link in links if link.local_id not in there])
        standing = [link for link in links if link.local_id in there and link.state is LinkState.LINKED]
        session.execute(update(Link).where(Link.id.in_([link.id for link in standing])).values(erp_version=UNREAD))
        read = {link.erp_key for link in standing}
        flow.aside([key for key in batch if key not in read], SyncErrorState.RETRY, code=_CODE, message=_WORDS)


def _forget(session: Session, links: Sequence[Link]) -> None:
    """A link whose Account is gone stands in the way of its tiers: without it the tiers arrives like a new one."""
    ids = [link.id for link in links]
    session.execute(delete(Conflict).where(Conflict.link_id.in_(ids)))
    session.execute(update(Outbox).where(Outbox.link_id.in_(ids)).values(link_id=None))
    session.execute(delete(Link).where(Link.id.in_(ids)))


def _links(integration_id: int, keys: Sequence[str]) -> Any:
    mine = (Link.integration_id == integration_id, Link.entity == Entity.ACCOUNT.value)
    return select(Link).where(*mine, Link.erp_key.in_(keys))


def _audits(integration_id: int) -> Any:
    return select(Audit).where(Audit.integration_id == integration_id).order_by(Audit.id.desc())


def _standing(integration_id: int) -> tuple[Any, ...]:
    return Difference.integration_id == integration_id, Difference.settled_at.is_(None)


def _share(compared: int, differing: int) -> Decimal | None:
    """Rounded down: what differs at all is never told as 100 %."""
    if not compared:
        return None
    equal = max(compared - differing, 0)
    return (Decimal(100) * equal / compared).quantize(_HUNDREDTH, ROUND_FLOOR)


def _view(row: Difference, name: str | None) -> DifferenceView:
    fields = (row.fields or {}).items()
    return DifferenceView(
        id=row.id,
        code=row.erp_key,
        name=name,
        account_id=row.account_id,
        drift=row.drift,
        fields=tuple(FieldDifference(path=path, label=label_of(path), crm=crm, erp=erp) for path, (crm, erp) in fields),
        found_at=row.found_at,
        settled_at=row.settled_at,
    )


def _not_standing(number: int) -> Refusal:
    return refusal(
        number,
        InputRefused(
            "there is no difference of that number, or it is settled",
            code="difference_unknown",
            remedy="See what differs: `syncengine audit list`.",
        ),
    )
