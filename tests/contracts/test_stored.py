"""A value as Sage 100 stores it: the one function both sides compare with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.fields import ABSENT, Field, Value
from contracts.stored import clean, in_cp1252, stored
from contracts.tables import ADDRESS, CONTACT, TIERS
from tests.contracts.strategies import values

FIELDS = [*TIERS.fields, *ADDRESS.fields, *CONTACT.fields]
CODE, SIRET, NAME = (TIERS.field(attr) for attr in ("code", "siret", "name"))


@pytest.mark.req("CRM-37")
@given(st.sampled_from(FIELDS).flatmap(lambda field: st.tuples(st.just(field), values(field) | st.text())))
def test_a_stored_value_stays_as_it_is_and_fits_the_code_page(case: tuple[Field, Value]) -> None:
    field, value = case

    kept = stored(field, value)

    assert stored(field, kept) == kept
    assert kept != ""
    assert not isinstance(kept, str) or (in_cp1252(kept) and clean(kept) == kept)


@pytest.mark.req("CRM-37")
@pytest.mark.parametrize("nothing", [None, ABSENT, "", False, " \u00a0\t", "\u200b"])
def test_whatever_says_nothing_is_none(nothing: Any) -> None:
    assert stored(NAME, nothing) is None


@pytest.mark.req("CRM-20", "CRM-37", "CRM-45")
@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (NAME, "  Société\u202fŁódź \n & fils ", "Société Lódz & fils"),
        (NAME, "01 2-3.4", "01 2-3.4"),
        (SIRET, "732 829 320\u00a0000.74", "73282932000074"),
        (SIRET, " - . ", None),
        (CODE, "dupont2", "DUPONT2"),
        (CODE, "straße", "STRASSE"),
        (CODE, "1µ", "1?"),  # the capital of 'µ' is no letter of cp1252
        (TIERS.field("payer"), "dupont", "dupont"),
        (ADDRESS.field("key"), "billing", "billing"),
        (TIERS.field("price_category"), "02", "2"),
        (TIERS.field("representative"), "0012", "12"),
        (TIERS.field("currency"), "0", "0"),
        (CONTACT.field("service"), "3x", "3x"),
        (TIERS.field("dormant"), True, True),
    ],
)
def test_each_field_is_kept_as_its_column_has_it(field: Field, value: Any, expected: Any) -> None:
    assert stored(field, value) == expected
