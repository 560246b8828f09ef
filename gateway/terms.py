"""Payment terms in words, as the ERP prints them: `Virement 30 jours fin de mois le 10` (CRM-40)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

LENGTH = 255
_CONDITIONS = {0: "net", 1: "fin de mois civil", 2: "fin de mois"}
TERM_COLUMNS = ("N_Reglement", "RT_NbJour", "RT_Condition", "RT_TRepart", "RT_VRepart")
DAY_COLUMNS = tuple(f"RT_JourTb{number:02}" for number in range(1, 7))
PERCENT, BALANCE, AMOUNT = 0, 1, 2


class Term(NamedTuple):
    """One row of `F_REGLEMENTT`; `days` are the days of the month on which payments fall, 0 for none."""

    method: int
    delay: int
    condition: int
    days: tuple[int, ...]
    share_kind: int
    share: Decimal


def term_of(row: Sequence[Any]) -> Term:
    """A term from the columns `TERM_COLUMNS`, then those of `DAY_COLUMNS` the base has."""
    method, delay, condition, share_kind, share, *days = row
    return Term(
        method or 0,
        delay or 0,
        condition or 0,
        tuple(day for day in days if day),
        share_kind or 0,
        share or Decimal(0),
    )


def in_words(terms: Sequence[Term], methods: Mapping[int, str]) -> str:
    """All the terms of one tiers; how the total is shared is told only when there are several."""
    told = [_told(term, methods, shared=len(terms) > 1) for term in terms]
    return " ; ".join(told)[:LENGTH].rstrip()


def _told(term: Term, methods: Mapping[int, str], *, shared: bool) -> str:
    parts = (_share(term) if shared else "", methods.get(term.method, ""), _due(term))
    return " ".join(part for part in parts if part)


def _share(term: Term) -> str:
    if term.share_kind == BALANCE:
        return "solde"
    number = format(term.share.normalize(), "f").replace(".", ",")
    return f"{number} %" if term.share_kind == PERCENT else number


def _due(term: Term) -> str:
    delay = f"{term.delay} jour{'s' if term.delay > 1 else ''}" if term.delay else ""
    condition = _CONDITIONS.get(term.condition, "")
    if not delay and term.condition == 0:
        delay, condition = "comptant", ""
    on = f"le {' et le '.join(map(str, term.days))}" if term.days else ""
    return " ".join(part for part in (delay, condition, on) if part)
