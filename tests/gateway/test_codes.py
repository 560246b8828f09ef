"""Codes, SIRET numbers and texts fitted to Sage 100's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.siret import is_siret, with_check_digit
from contracts.stored import clean, in_cp1252
from gateway.codes import CodeBook, code_of, is_code
from gateway.text import fit


@pytest.mark.req("CRM-20")
@given(st.lists(st.text(max_size=40), max_size=60))
def test_codes_keep_to_the_rules_and_are_unique_whatever_the_names(names: list[str]) -> None:
    book = CodeBook(["DUPONT", "dupont2 "])
    codes = [book.next_code(name) for name in names]
    assert all(is_code(code) for code in codes)
    assert len({*codes, "DUPONT", "DUPONT2"}) == len(codes) + 2


@pytest.mark.req("CRM-20")
def test_a_code_comes_from_the_name_and_is_numbered_when_taken() -> None:
    assert code_of("Œuvre d'été & Cie") == "OEUVREDETECIE"
    assert code_of("Établissements Ségolène et fils") == "ETABLISSEMENTSSEG"
    assert code_of("日本") == "TIERS"
    book = CodeBook(["dupont"])
    assert [book.next_code(name) for name in ("Dupont", "DUPONT", "Établissements Ségur", "Établissements Ségala")] == [
        "DUPONT2",
        "DUPONT3",
        "ETABLISSEMENTSSEG",
        "ETABLISSEMENTSSE2",
    ]


def test_sirets_are_told_apart() -> None:
    assert is_siret("73282932000074")
    assert not is_siret("73282932000075")
    assert not is_siret("7328293200007")
    assert not is_siret("7328293200007４")
    assert is_siret("35600000049837")  # La Poste's establishments have a rule of their own


@given(st.integers(min_value=0, max_value=10**13 - 1))
def test_a_check_digit_makes_a_siret(number: int) -> None:
    assert is_siret(with_check_digit(f"{number:013}"))


def test_a_text_is_cut_between_words_where_it_can() -> None:
    assert fit("434 Rue du Colonel Ornano", 20).value == "434 Rue du Colonel"
    assert fit("434 Rue du Colonel Ornano", 20).cut == "Ornano"
    assert fit("x" * 30, 20).value == "x" * 20
    assert fit("court", 20).cut == ""


@given(st.text(max_size=60))
def test_a_cleaned_text_can_be_stored_and_stays_as_it_is(text: str) -> None:
    cleaned = clean(text)
    assert in_cp1252(cleaned)
    assert cleaned == cleaned.strip()
    assert not any(ord(character) < 32 for character in cleaned)
    assert clean(cleaned) == cleaned


def test_accents_dashes_and_quotes_are_kept_and_the_rest_is_likened() -> None:
    assert clean("Chantiers de l’Atlantique – Œuvre à 100 €") == "Chantiers de l’Atlantique – Œuvre à 100 €"
    assert clean("e\u0301te\u0301\u00a0\u202f1\tan") == "été 1 an"
    assert clean("Łódź Handel\u200b 漢") == "Lódz Handel ?"
