"""Companies found by text, status and free fields, page by page (CRM-46)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.tables import BILLING
from syncengine.core.fold import ACCENTED, PLAIN, fold
from syncengine.crm.company_search import CompanyPage, search_companies
from syncengine.errors import InputRefused
from syncengine.model import Address, FreeFieldDefinition, FreeFieldState, RecordStatus
from syncengine.storage.store import Store
from tests.syncengine import records

COMPANIES: tuple[dict[str, Any], ...] = (
    {"code": "CARAT", "name": "Carat S.à r.l.", "siret": "73282932000074", "town": "Reims"},
    {"code": "ETOILE", "name": "L’ÉTOILE d’Or", "siret": "40483304800022", "town": "SAINT-ÉTIENNE"},
    {"code": "ECLAIR", "name": "Éclair & Fils 100%", "town": "Nîmes", "status": RecordStatus.INACTIVE},
    {"code": "ZEBRE", "name": "Zèbre_Bleu", "town": "Reims"},
    {"code": "EBENE", "name": "Ebène", "town": None},
    {"code": None, "name": None, "company_type": "prospect", "town": None},
)
FREE = (
    ("Origine", "list", FreeFieldState.REPLICATED),
    ("GRATUIT OU ECHANGE", "list", FreeFieldState.REPLICATED),
    ("Effectif", "value", FreeFieldState.REPLICATED),
    ("Effectif", "text", FreeFieldState.NO_LONGER_REPLICATED),
    ("Dernière visite", "datetime", FreeFieldState.REPLICATED),
    ("Ancien code", "text", FreeFieldState.NO_LONGER_REPLICATED),
)
VALUES: dict[str, dict[str, Any]] = {
    "CARAT": {"Origine": "Salon", "Effectif": "12.5", "Dernière visite": "2026-03-01T10:30:00"},
    "ETOILE": {"Origine": "Prospection", "GRATUIT OU ECHANGE": "Échange", "Effectif": "120"},
    "ECLAIR": {"Origine": "Salon", "Ancien code": "A.17", "Dernière visite": "2026-11-02T08:00:00"},
}


@pytest.fixture
def filled(store: Store) -> Store:
    """Six Companies with the dirt that names have."""
    with store.writing() as session:
        integration = records.integration(session)
        for name, kind, state in FREE:
            session.add(FreeFieldDefinition(integration_id=integration.id, name=name, type=kind, state=state))
        for given_values in COMPANIES:
            row = {name: value for name, value in given_values.items() if name != "town"}
            made = records.company(session, **row, free_values=VALUES.get(given_values["code"] or ""))
            town = given_values["town"]
            session.add(Address(company_id=made.id, kind=BILLING, is_default=True, town=town))
    return store


def search(store: Store, **criteria: Any) -> CompanyPage:
    with store.reading() as session:
        return search_companies(session, **criteria)


def codes(store: Store, **criteria: Any) -> list[str | None]:
    return [item.code for item in search(store, **criteria).items]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [None, "CARAT", "EBENE", "ECLAIR", "ETOILE", "ZEBRE"]),
        ("etoile", ["ETOILE"]),
        ("ÉTOILE D’OR", ["ETOILE"]),
        ("zèbre", ["ZEBRE"]),
        ("ecl", ["ECLAIR"]),
        ("73282932", ["CARAT"]),
        ("reims", ["CARAT", "ZEBRE"]),
        ("NIMES", ["ECLAIR"]),
        ("bleu REIMS", ["ZEBRE"]),
        ("bleu nîmes", []),
        ("100%", ["ECLAIR"]),
        ("e_b", ["ZEBRE"]),
        ("/", []),
        ("'; DROP TABLE companies; --", []),
    ],
)
def test_text_is_searched_in_name_code_siret_and_town_without_case_and_accents(
    filled: Store, text: str, found: list[str | None]
) -> None:
    assert codes(filled, text=text) == found


@pytest.mark.req("CRM-46")
@pytest.mark.parametrize(
    ("free", "found"),
    [
        ({"Origine": "salon"}, ["CARAT", "ECLAIR"]),
        ({"GRATUIT OU ECHANGE": "echan"}, ["ETOILE"]),
        ({"Effectif": "12,50"}, ["CARAT"]),
        ({"Effectif": "12"}, []),
        ({"Effectif": "1 20"}, ["ETOILE"]),
        ({"Dernière visite": "2026-03"}, ["CARAT"]),
        ({"Dernière visite": "2026"}, ["CARAT", "ECLAIR"]),
        ({"Dernière visite": "03"}, []),
        ({"Ancien code": "a.1"}, ["ECLAIR"]),
        ({"Origine": "Salon", "Effectif": ""}, ["ECLAIR"]),
        ({"Origine": " "}, [None, "EBENE", "ZEBRE"]),
    ],
)
def test_free_fields_are_search_criteria(filled: Store, free: dict[str, str], found: list[str | None]) -> None:
    assert codes(filled, free=free) == found


def test_criteria_combine_and_a_line_tells_what_a_list_needs(filled: Store) -> None:
    (line,) = search(filled, text="e", free={"Origine": "Salon"}, status=RecordStatus.INACTIVE).items

    assert (line.code, line.town, line.status) == ("ECLAIR", "Nîmes", RecordStatus.INACTIVE)
    assert (line.link_state, line.erp_state) == (None, None)


@pytest.mark.parametrize("limit", [1, 2, 4, 6])
def test_pages_follow_each_other_and_hold_each_company_once(filled: Store, limit: int) -> None:
    seen: list[str | None] = []
    after: str | None = None
    while True:
        page = search(filled, limit=limit, after=after)
        assert 0 < len(page.items) <= limit
        seen += [item.code for item in page.items]
        after = page.after
        if after is None:
            break
    assert seen == [None, "CARAT", "EBENE", "ECLAIR", "ETOILE", "ZEBRE"]


def test_a_company_that_comes_or_goes_between_two_pages_moves_no_other(filled: Store) -> None:
    first = search(filled, limit=3)
    with filled.writing() as session:
        records.company(session, code="AAA", name="Avant")
    rest = codes(filled, limit=10, after=first.after)

    assert rest == ["ECLAIR", "ETOILE", "ZEBRE"]


@pytest.mark.req("CRM-46")
@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({"free": {"Inconnu": "x"}}, "free_field_unknown"),
        ({"free": {'x" || 1': "x"}}, "free_field_unknown"),
        ({"free": {"x\0": "x"}}, "input_refused"),
        ({"free": {"Effectif": "douze"}}, "input_refused"),
        ({"free": {"Effectif": "1e999999"}}, "input_refused"),
        ({"text": "a\0b"}, "input_refused"),
        ({"text": "a\udce9b"}, "input_refused"),
        ({"limit": 0}, "input_refused"),
        ({"limit": 1_001}, "input_refused"),
        ({"after": "not a cursor"}, "input_refused"),
        ({"after": "é"}, "input_refused"),
        ({"after": "WyJhIiwgMTIzNDU2Nzg5MDEyMzQ1Njc4OTBd"}, "input_refused"),
        ({"after": "WyJhXHUwMDAwIiwgMV0"}, "input_refused"),
    ],
)
def test_criteria_that_are_none_are_refused_with_what_to_do(filled: Store, criteria: dict[str, Any], code: str) -> None:
    with pytest.raises(InputRefused) as refused:
        search(filled, **criteria)
    assert (refused.value.problem_code, bool(refused.value.remedy)) == (code, True)


@given(st.text())
def test_folding_forgets_case_and_accents_and_nothing_else(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert len(ACCENTED) == len(PLAIN)
    plain = "".join(letter for letter in text if letter.isascii() and not letter.isupper())
    assert fold(plain) == plain
