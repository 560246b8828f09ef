"""How alike two Companies are, and why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.core.likeness import THRESHOLD, Profile, Reason, alike_contacts, compare, phone_digits, profile

NOTHING: dict[str, Any] = {"siret": None, "code": None, "name": None, "emails": [], "phones": [], "places": []}


def of(**values: Any) -> Profile:
    """A profile of these values."""
    return profile(**(NOTHING | values))


@pytest.mark.req("CRM-31")
@pytest.mark.parametrize(
    ("one", "other", "reasons"),
    [
        ({"siret": "73282932000074"}, {"siret": "732 829 320 00074"}, (Reason.SIRET,)),
        ({"siret": "73282932000074"}, {"siret": "73282932000082"}, (Reason.SIREN,)),
        ({"siret": "7328"}, {"siret": "73282932000082"}, ()),
        ({"code": "BIJOU"}, {"code": "bijou"}, (Reason.CODE,)),
        ({"code": "[ATTENTE]"}, {"code": "[ATTENTE]"}, ()),
        ({"code": "<AUTOERP>"}, {"code": "<AUTOERP>"}, ()),
        ({"name": "Société BIJOU S.A."}, {"name": "bijou sarl"}, (Reason.NAME,)),
        ({"name": "L'Œuvre d'Été"}, {"name": "OEUVRE D ETE"}, (Reason.NAME,)),
        ({"name": "Dupont Frères"}, {"name": "Frères Dupont"}, (Reason.NAME,)),
        ({"name": "Garage Martin"}, {"name": "Garage Durand"}, ()),
        ({"name": "Transports Martin et fils"}, {"name": "Transports Martin"}, (Reason.NAME_WORDS,)),
        ({"name": "SA"}, {"name": "SARL"}, ()),
        ({"emails": ["A@Bijou.fr "]}, {"emails": ["x@y.fr", "a@bijou.fr"]}, (Reason.EMAIL,)),
        ({"emails": ["rien"]}, {"emails": ["rien"]}, ()),
        ({"phones": ["01 42.68-53/00"]}, {"phones": ["+33 (0)142685300"]}, (Reason.PHONE,)),
        ({"phones": ["3900"]}, {"phones": ["3900"]}, ()),
        ({"places": [("75 009", "12, rue La Fayette")]}, {"places": [("75009", "12 RUE LA FAYETTE")]}, (Reason.PLACE,)),
        ({"places": [("75009", None)]}, {"places": [("75009", "")]}, ()),
    ],
)
def test_what_two_companies_have_in_common(one: Any, other: Any, reasons: tuple[Reason, ...]) -> None:
    assert compare(of(**one), of(**other))[1] == reasons
    assert compare(of(**other), of(**one))[1] == reasons


@pytest.mark.req("CRM-31")
def test_reasons_add_up_and_one_weak_one_is_not_enough() -> None:
    words = {"name": "Transports Martin"}, {"name": "Transports Martin et fils"}
    place = {"places": [("75009", "12 rue La Fayette")]}
    assert compare(of(**words[0]), of(**words[1]))[0] < THRESHOLD
    assert compare(of(**place), of(**place))[0] < THRESHOLD
    both = compare(of(**words[0], **place), of(**words[1], **place))
    assert both[0] >= THRESHOLD
    assert compare(of(siret="73282932000074"), of(siret="73282932000074"))[0] > both[0]


TEXTS = st.text("AB é.'-@12", max_size=8)


@pytest.mark.req("CRM-31")
@given(st.fixed_dictionaries({"siret": TEXTS, "code": TEXTS, "name": TEXTS}), st.lists(TEXTS, max_size=3))
def test_a_company_is_as_like_itself_as_its_values_allow(own: dict[str, str], texts: list[str]) -> None:
    made = of(**own, emails=texts, phones=texts, places=[(text, text) for text in texts])
    score, reasons = compare(made, made)
    assert 0 <= score <= 100
    assert (score > 0) == bool(reasons) == (made != Profile())


def test_a_number_too_short_to_tell_anybody_by_is_none() -> None:
    assert [phone_digits(number) for number in (None, "", "36 30", "01 02 03 04 05", "0033102030405")] == [
        "",
        "",
        "",
        "102030405",
        "102030405",
    ]


@pytest.mark.req("CRM-31")
def test_contacts_that_may_be_one_person_are_told_with_the_reason() -> None:
    contacts = [
        {"id": 1, "last_name": "Martin", "first_name": "Luc", "email": "luc@bijou.fr"},
        {"id": 2, "last_name": "Luc", "first_name": "Martin", "email": "LUC@bijou.fr"},
        {"id": 3, "last_name": "Roux", "mobile": "06 11 11 11 11"},
        {"id": 4, "last_name": "Blanc", "mobile": "+33611111111"},
        {"id": 5, "last_name": "Roux"},
    ]
    assert [(pair.one, pair.other, pair.reasons) for pair in alike_contacts(contacts)] == [
        (1, 2, ("email", "name")),
        (3, 4, ("mobile",)),
    ]
