"""Contacts as people add, change and remove them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from syncengine.core.marker import MARKER
from syncengine.crm.edits import (
    add_contact,
    edit_contact,
    remove_contact,
    set_contact_address,
    set_default_contact,
    share_main_address,
)
from syncengine.model import Address, Contact, Email, Link, Phone
from syncengine.storage.store import Store
from tests.syncengine import records
from tests.syncengine.tied import ACT, Tied, count, get, lines, marked, refusal, tied


@pytest.fixture
def made(store: Store) -> Tied:
    """A linked Company."""
    with store.writing() as session:
        return tied(session)


def numbers(session: Any, contact_id: int) -> dict[str, tuple[str, Any, Any]]:
    phones = session.scalars(select(Phone).where(Phone.contact_id == contact_id))
    emails = session.scalars(select(Email).where(Email.contact_id == contact_id))
    found = {row.kind.value: (row.number, row.company_id, row.account_id) for row in phones}
    return found | {row.kind.value: (row.address, row.company_id, row.account_id) for row in emails}


@pytest.mark.req("CRM-28", "CRM-39", "CRM-44", "CRM-45")
def test_a_new_contact_belongs_to_both_and_is_sent(store: Store, made: Tied) -> None:
    values = {
        "civility": "MME",
        "last_name": " Durand ",
        "first_name": "Ève",
        "function": "Achats",
        "service": "2",
        "phone": "01 02",
        "mobile": f"{MARKER}06 07",
        "fax": MARKER,
        "email": "e@bijou.fr",
    }
    with store.writing() as session:
        done = add_contact(session, made.company, values, ACT)

        contact = get(session, Contact, done.id)
        owner = (made.company, made.account)
        assert (contact.company_id, contact.account_id, contact.erp_key) == (*owner, None)
        assert (contact.civility, contact.last_name, contact.function, contact.service) == (
            "MME",
            "Durand",
            "Achats",
            "2",
        )
        # The last of the list; the default one stays, and its address is the Company's billing address.
        assert (contact.position, contact.is_default, contact.default_address_id) == (1, False, made.billing)
        assert numbers(session, done.id) == {
            "phone": ("01 02", *owner),
            "mobile": ("06 07", *owner),
            "email": ("e@bijou.fr", *owner),
        }
        assert (done.marked, marked(session, made)) == (True, True)
        ((entity, field, before, after, rule),) = lines(session)
        assert (entity, field, before, rule) == ("contact", "", None, "edited")
        assert '"mobile":"06 07"' in str(after)


@pytest.mark.req("CRM-39", "CRM-43", "CRM-45")
def test_a_contact_changes_field_by_field(store: Store, made: Tied) -> None:
    with store.writing() as session:
        values = {"function": "Achats", "mobile": MARKER, "email": "l@bijou.fr", "last_name": "Martin"}
        done = edit_contact(session, made.contact, values, ACT)

        assert get(session, Contact, made.contact).function == "Achats"
        assert {kind: value for kind, (value, *_) in numbers(session, made.contact).items()} == {"email": "l@bijou.fr"}
        assert set(done.changed) == {"function", "mobile", "email"}
        assert marked(session, made)
        assert sorted(lines(session)) == [
            ("contact", "email", None, "l@bijou.fr", "edited"),
            ("contact", "function", None, "Achats", "edited"),
            ("contact", "mobile", "06", None, "edited"),
        ]


@pytest.mark.req("CRM-28")
def test_a_contact_left_as_it_was_is_no_change(store: Store, made: Tied) -> None:
    with store.writing() as session:
        values = {"last_name": " Martin", "mobile": "06", "email": MARKER, "service": ""}
        done = edit_contact(session, made.contact, values, ACT)

        assert (done.changed, done.marked, marked(session, made), lines(session)) == ((), False, False, [])


REFUSED: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"last_name": ""}, "field_required", "last_name"),
    ({"last_name": "x" * 36}, "too_long", "last_name"),
    ({"email": "x" * 300}, "too_long", "email"),
    ({"mobile": "0" * 22}, "too_long", "mobile"),
    ({"civility": "DR"}, "unknown_value", "civility"),
    ({"service": "9"}, "unknown_value", "service"),
    ({"function": "a\x00"}, "control_character", "function"),
    ({"key": "9"}, "unknown_field", "key"),
    ({"erp_key": "9"}, "unknown_field", "erp_key"),
)


@pytest.mark.req("CRM-39", "CRM-45")
def test_what_breaks_a_rule_is_refused(store: Store, made: Tied) -> None:
    for values, code, field in REFUSED:
        for act in (
            partial(edit_contact, contact_id=made.contact, values={"first_name": "x"} | values, act=ACT),
            partial(add_contact, company_id=made.company, values={"last_name": "x"} | values, act=ACT),
        ):
            problem = refusal(store, act)
            assert (problem.problem_code, problem.field, problem.record) == (code, field, "BIJOU")


@pytest.mark.req("CRM-45")
def test_a_contact_of_the_same_name_is_refused_as_the_erp_would(store: Store, made: Tied) -> None:
    same = {"last_name": "MARTIN", "first_name": "luc"}
    assert refusal(store, partial(add_contact, company_id=made.company, values=same, act=ACT)).problem_code == (
        "contact_in_use"
    )
    with store.writing() as session:
        other = add_contact(session, made.company, same | {"first_name": "Léa"}, ACT).id
        # Its own name does not stand in its way.
        edit_contact(session, other, {"last_name": "Martin"}, ACT)
    problem = refusal(store, partial(edit_contact, contact_id=other, values={"first_name": "Luc"}, act=ACT))
    assert (problem.problem_code, problem.field) == ("contact_in_use", "last_name")


@pytest.mark.req("CRM-44")
def test_when_the_default_contact_goes_the_next_one_takes_its_place(store: Store, made: Tied) -> None:
    with store.writing() as session:
        second = add_contact(session, made.company, {"last_name": "Deux"}, ACT).id
        third = add_contact(session, made.company, {"last_name": "Trois", "phone": "03"}, ACT).id
        before = len(lines(session))
        done = remove_contact(session, made.contact, ACT)

        assert session.get(Contact, made.contact) is None
        assert numbers(session, made.contact) == {}
        assert get(session, Contact, second).is_default
        assert not get(session, Contact, third).is_default
        assert done.marked
        told = lines(session)[before:]
        assert ("contact", "is_default", "false", "true", "edited") in told
        (gone,) = [line for line in told if line[3] is None]
        assert '"mobile":"06"' in str(gone[2])
        assert '"last_name":"Martin"' in str(gone[2])


@pytest.mark.req("CRM-44")
def test_the_default_contact_can_be_changed_and_that_stays_in_the_crm(store: Store, made: Tied) -> None:
    with store.writing() as session:
        second = add_contact(session, made.company, {"last_name": "Deux"}, ACT).id
    with store.writing() as session:
        get(session, Link, made.link).changed_at = None
        done = set_default_contact(session, second, ACT)

        defaults = {row.id: row.is_default for row in session.scalars(select(Contact))}
        assert defaults == {made.contact: False, second: True}
        assert (done.changed, done.marked, marked(session, made)) == (("is_default",), False, False)
        assert set_default_contact(session, second, ACT).changed == ()


@pytest.mark.req("CRM-44")
def test_a_contact_has_the_billing_address_until_another_is_chosen_and_the_main_one_can_be_shared(
    store: Store, made: Tied
) -> None:
    with store.writing() as session:
        done = set_contact_address(session, made.contact, made.delivery, ACT)
        assert get(session, Contact, made.contact).default_address_id == made.delivery
        assert (done.changed, done.marked) == (("default_address_id",), False)

        share_main_address(session, made.contact, ACT)
        assert get(session, Contact, made.contact).default_address_id == made.billing
        assert [line[1:4] for line in lines(session)] == [
            ("default_address_id", str(made.billing), str(made.delivery)),
            ("default_address_id", str(made.delivery), str(made.billing)),
        ]


@pytest.mark.req("CRM-44")
def test_the_address_of_another_company_is_no_choice(store: Store, made: Tied) -> None:
    with store.writing() as session:
        other = records.company(session, name="AUTRE").id
        address = Address(company_id=other, kind="billing", is_default=True, town="Metz")
        contact = Contact(company_id=other, last_name="Seul")
        session.add_all((address, contact))
    for address_id in (address.id, 99, 2**70):
        problem = refusal(store, partial(set_contact_address, contact_id=made.contact, address_id=address_id, act=ACT))
        assert problem.problem_code == "address_unknown"
    with store.writing() as session:
        session.delete(get(session, Address, address.id))
    problem = refusal(store, partial(share_main_address, contact_id=contact.id, act=ACT))
    assert problem.problem_code == "address_unknown"


def test_a_contact_that_does_not_exist_is_refused(store: Store, made: Tied) -> None:
    for contact_id in (99, 0, 2**70):
        for act in (
            partial(edit_contact, contact_id=contact_id, values={}, act=ACT),
            partial(remove_contact, contact_id=contact_id, act=ACT),
            partial(set_default_contact, contact_id=contact_id, act=ACT),
        ):
            assert refusal(store, act).problem_code == "contact_unknown"


@pytest.mark.req("CRM-28")
def test_a_company_without_tiers_keeps_its_contacts_to_itself(store: Store) -> None:
    with store.writing() as session:
        company = records.company(session, name="SEULE")
        done = add_contact(session, company.id, {"last_name": "Un", "phone": "01"}, ACT)

        contact = get(session, Contact, done.id)
        assert (contact.company_id, contact.account_id, contact.is_default) == (company.id, None, True)
        assert numbers(session, done.id) == {"phone": ("01", company.id, None)}
        assert not done.marked
        remove_contact(session, done.id, ACT)
        assert count(session, Contact) == count(session, Phone) == 0


@pytest.mark.req("CRM-30")
def test_after_the_link_is_broken_a_new_contact_is_the_companys_alone(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        session.delete(get(session, Link, made.link))
        session.flush()
        done = add_contact(session, made.company, {"last_name": "Un"}, ACT)

        assert get(session, Contact, done.id).account_id is None
        assert not done.marked
