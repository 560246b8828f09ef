"""Companies that are likely the same: found by what they have in common, scored, told with reasons."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from contracts.tables import BILLING
from syncengine.core.likeness import Reason
from syncengine.crm.duplicates import CANDIDATES_MAX, likely_duplicates
from syncengine.errors import InputRefused
from syncengine.model import Address, Company, Contact, Email, EmailKind, Phone, PhoneKind
from syncengine.storage.store import Store
from tests.syncengine import records


def company(
    session: Session, name: str, *, email: str = "", phone: str = "", street: str = "", **values: Any
) -> Company:
    """A Company whose contact has that e-mail and mobile, at 75009."""
    made = records.company(session, name=name, **values)
    contact = Contact(company_id=made.id, last_name="Martin")
    session.add(contact)
    session.flush()
    owner = {"company_id": made.id, "contact_id": contact.id}
    if email:
        session.add(Email(**owner, kind=EmailKind.EMAIL, address=email))
    if phone:
        session.add(Phone(**owner, kind=PhoneKind.MOBILE, number=phone))
    if street:
        session.add(Address(company_id=made.id, kind=BILLING, postcode="75009", street=street))
    session.flush()
    return made


@pytest.mark.req("CRM-31")
@pytest.mark.parametrize(
    ("own", "other", "reasons"),
    [
        ({"siret": "73282932000074"}, {"siret": "732829320 00074"}, (Reason.SIRET,)),
        ({"siret": "73282932000074"}, {"siret": "73282932000082"}, (Reason.SIREN,)),
        ({"code": "BIJOU"}, {"code": "bijou"}, (Reason.CODE,)),
        ({"email": "luc@bijou.fr"}, {"email": "LUC@Bijou.FR"}, (Reason.EMAIL,)),
        ({"phone": "06 12 34 56 78"}, {"phone": "+33.6.12-34/5678"}, (Reason.PHONE,)),
    ],
)
def test_each_thing_in_common_finds_the_company(
    store: Store, own: dict[str, str], other: dict[str, str], reasons: tuple[Reason, ...]
) -> None:
    with store.writing() as session:
        mine, twin = company(session, "Une", **own), company(session, "Autre", **other)
        company(
            session, "Sans rapport", email="x@y.fr", phone="06 99 99 99 78", street="1 quai", siret="11111111100011"
        )
    with store.reading() as session:
        (found,) = likely_duplicates(session, company_id=mine.id)
    assert (found.company_id, found.account_id, found.name, found.reasons) == (twin.id, None, "Autre", reasons)


@pytest.mark.req("CRM-31")
def test_names_without_case_accents_and_legal_form_and_a_common_place(store: Store) -> None:
    with store.writing() as session:
        mine = company(session, "Société Générale d'Électricité SARL", street="12, rue La Fayette")
        same = company(session, "GENERALE D ELECTRICITE")
        near = company(session, "Générale d'électricité et de plomberie", street="12 RUE LA FAYETTE")
        company(session, "Électricité du Nord", street="12 rue La Fayette bis")
    with store.reading() as session:
        found = likely_duplicates(session, company_id=mine.id)
    assert [(one.company_id, one.reasons) for one in found] == [
        (same.id, (Reason.NAME,)),
        (near.id, (Reason.PLACE, Reason.NAME_WORDS)),
    ]
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@pytest.mark.req("CRM-31", "CRM-34")
def test_the_company_of_an_orphan_is_found_with_its_tiers_if_it_has_one(store: Store) -> None:
    with store.writing() as session:
        integration = records.integration(session)
        twin = company(session, "Bijou", siret="73282932000074")
        tiers = records.account(session, integration, company_id=twin.id, is_main=True, code="AUTRE")
        orphan = records.account(session, integration, code="BIJOU", name="Bijou SA", siret="73282932000074")
        session.add(Phone(account_id=orphan.id, kind=PhoneKind.STANDARD, number="0612345678"))
        ringing = company(session, "Téléphone", phone="06.12.34.56.78")
    with store.reading() as session:
        found = likely_duplicates(session, account_id=orphan.id)
        assert [(one.company_id, one.account_id) for one in found] == [(twin.id, tiers.id), (ringing.id, None)]
        assert likely_duplicates(session, account_id=tiers.id) == ()
        assert len(likely_duplicates(session, account_id=orphan.id, limit=1)) == 1


@pytest.mark.req("CRM-31")
def test_of_many_with_a_frequent_word_the_same_name_is_found(store: Store) -> None:
    with store.writing() as session:
        mine = company(session, "Boulangerie Dupain")
        for number in range(CANDIDATES_MAX + 50):
            records.company(session, name=f"Boulangerie du quartier {number}")
        twin = company(session, "BOULANGERIE DUPAIN")
    with store.reading() as session:
        assert [one.company_id for one in likely_duplicates(session, company_id=mine.id)] == [twin.id]


@pytest.mark.req("CRM-31")
def test_a_company_that_says_nothing_is_like_no_other(store: Store) -> None:
    with store.writing() as session:
        mine = records.company(session, name=None)
        records.company(session, name=None)
        records.company(session, name="%")
        percent = records.company(session, name="100 % coton_bio")
    with store.reading() as session:
        assert likely_duplicates(session, company_id=mine.id) == ()
        assert likely_duplicates(session, company_id=percent.id) == ()
        for wrong in ({"company_id": 999}, {"account_id": 999}):
            with pytest.raises(InputRefused) as refused:
                likely_duplicates(session, **wrong)
            assert refused.value.problem_code.endswith("_unknown")
