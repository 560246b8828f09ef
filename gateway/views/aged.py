"""The aged balance: what is not lettered yet, by how long it has been due."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select

from gateway.sage import EMPTY_DATES
from gateway.views.look import Look
from gateway.views.postings import Postings, total

BUCKETS = ("not_due", "overdue30", "overdue60", "overdue90", "overdue_more")
LIMITS_DAYS = (0, 30, 60, 90)


def aged_balance(look: Look, postings: Postings, code: str) -> dict[str, Decimal]:
    """Debit − credit of the unlettered entries of the open years, by bucket; they add up to the unlettered balance.

    An entry is due on `EC_Echeance`, one without due date on its own date. Nothing where the base tells neither.
    """
    unlettered = postings.unlettered
    if unlettered is None or "EC_Echeance" not in postings.table.c:
        return {}
    dues = [_due_since(postings, look.today - dt.timedelta(days=limit)) for limit in LIMITS_DAYS]
    # Each sum holds the one before it: a row is in the first whose limit it keeps.
    sums = [total(case((due, postings.signed), else_=0)) for due in dues]
    query = select(*sums, total(postings.signed)).where(postings.of(code, look.company.fiscal_years), unlettered)
    row = look.connection.execute(query).one()
    amounts = (row[0], *(more - less for less, more in pairwise(row)))
    return dict(zip(BUCKETS, amounts, strict=True))


def _due_since(postings: Postings, day: dt.date) -> ColumnElement[bool]:
    due: Any = postings.table.c.EC_Echeance
    undated = or_(due.is_(None), due <= max(EMPTY_DATES))
    return or_(due >= day, and_(undated, postings.since(day)))
