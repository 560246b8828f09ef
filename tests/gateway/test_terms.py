"""Payment terms in words (CRM-40)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.terms import AMOUNT, BALANCE, LENGTH, PERCENT, Term, in_words, term_of

pytestmark = pytest.mark.req("CRM-40")
METHODS = {1: "Virement", 2: "Chèque"}


def _term(
    method: int, delay: int, condition: int, days: tuple[int, ...] = (), kind: int = BALANCE, share: str = "0"
) -> Term:
    return Term(method, delay, condition, days, kind, Decimal(share))


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ([], ""),
        ([_term(1, 30, 2, (10,))], "Virement 30 jours fin de mois le 10"),
        ([_term(2, 0, 0)], "Chèque comptant"),
        ([_term(2, 1, 0)], "Chèque 1 jour net"),
        ([_term(1, 0, 1, (10, 25))], "Virement fin de mois civil le 10 et le 25"),
        ([_term(9, 60, 0)], "60 jours net"),
        (
            [_term(2, 0, 0, (), PERCENT, "30.500000"), _term(1, 30, 2)],
            "30,5 % Chèque comptant ; solde Virement 30 jours fin de mois",
        ),
        ([_term(2, 0, 0, (), AMOUNT, "100"), _term(1, 45, 0)], "100 Chèque comptant ; solde Virement 45 jours net"),
    ],
)
def test_terms_in_words(terms: list[Term], words: str) -> None:
    assert in_words(terms, METHODS) == words


def test_many_terms_are_cut_to_what_the_field_holds() -> None:
    assert len(in_words([_term(1, 30, 2, (10,))] * 20, METHODS)) <= LENGTH


def test_a_row_of_nulls_is_a_term_without_anything() -> None:
    assert term_of([None, None, None, None, None, None, 0]) == _term(0, 0, 0, (), PERCENT)
