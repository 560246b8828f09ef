"""Addresses as people add, change and remove them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from contracts.tables import BILLING, DELIVERY
from syncengine.crm.edits import (
    add_address,
    add_contact,
    edit_address,
    remove_address,
    set_contact_address,
    set_default_address,
)
from syncengine.model import Address, Contact
from syncengine.storage.store import Store
from tests.syncengine import records
from tests.syncengine.tied import ACT, Tied, get, lines, marked, refusal, tied


@pytest.fixture
def made(store: Store) -> Tied:
    """A linked Company."""
    with store.writing() as session:
        return tied(session)


@pytest.mark.req("CRM-38", "CRM-41")
def test_a_new_address_of_a_linked_company_is_for_delivery_and_needs_no_title(store: Store, made: Tied) -> None:
    with store.writing() as session:
        done = add_address(session, made.company, {"street": "1 rue  Haute", "postcode": "57000", "town": "Metz"}, ACT)

        row = get(session, Address, done.id)
        assert (row.kind, row.is_default, row.main, row.title, row.erp_key, row.position) == (
            *(DELIVERY, False, False, None, None, 2),
        )
        assert (row.company_id, row.account_id, row.street) == (made.company, made.account, "1 rue Haute")
        assert (done.marked, marked(session, made)) == (True, True)
        ((entity, field, before, _, rule),) = lines(session)
        assert (entity, field, before, rule) == ("address", "", None, "edited")


@pytest.mark.req("CRM-38")
def test_an_address_changes_field_by_field(store: Store, made: Tied) -> None:
    with store.writing() as session:
        done = edit_address(session, made.billing, {"town": "Paris", "postcode": "75001", "country": ""}, ACT)

        assert get(session, Address, made.billing).postcode == "75001"
        assert (done.id, done.changed, done.marked) == (made.billing, ("postcode",), True)
        assert lines(session) == [("address", "postcode", None, "75001", "edited")]
        assert not edit_address(session, made.billing, {"town": " Paris "}, ACT).changed


@pytest.mark.req("CRM-41")
def test_a_title_that_exists_already_is_refused_with_a_remedy(store: Store, made: Tied) -> None:
    with store.writing() as session:
        other = add_address(session, made.company, {"title": "Quai", "town": "Metz"}, ACT).id
        # The same letters in another case are its own title still.
        edit_address(session, made.delivery, {"title": "DÉPÔT"}, ACT)
    for act in (
        partial(add_address, company_id=made.company, values={"title": "dépôt", "town": "Metz"}, act=ACT),
        partial(edit_address, address_id=other, values={"title": "Dépôt "}, act=ACT),
    ):
        problem = refusal(store, act)
        assert (problem.problem_code, problem.field) == ("title_in_use", "title")
        assert "leave it empty" in problem.remedy


REFUSED: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"postcode": "x" * 10}, "too_long", "postcode"),
    ({"street": "a\x1b"}, "control_character", "street"),
    ({"kind": "billing"}, "unknown_field", "kind"),
    ({"key": "4"}, "unknown_field", "key"),
    ({"main": True}, "read_only_field", "main"),
    ({"latitude": "1"}, "unknown_field", "latitude"),
)


@pytest.mark.req("CRM-38", "CRM-40")
def test_what_breaks_a_rule_is_refused(store: Store, made: Tied) -> None:
    for values, code, field in REFUSED:
        for act in (
            partial(edit_address, address_id=made.delivery, values={"region": "x"} | values, act=ACT),
            partial(add_address, company_id=made.company, values={"town": "x"} | values, act=ACT),
        ):
            if values.get("main") is True and act.func is edit_address:
                continue  # it is the main one already
            problem = refusal(store, act)
            assert (problem.problem_code, problem.field, problem.record) == (code, field, "BIJOU")


@pytest.mark.req("CRM-38")
def test_an_empty_address_is_refused(store: Store, made: Tied) -> None:
    problem = refusal(store, partial(add_address, company_id=made.company, values={"town": " "}, act=ACT))

    assert problem.problem_code == "field_required"


@pytest.mark.req("CRM-38")
def test_the_billing_address_of_a_linked_company_stays_what_it_is(store: Store, made: Tied) -> None:
    for act in (
        partial(remove_address, address_id=made.billing, act=ACT),
        partial(set_default_address, address_id=made.delivery, act=ACT),
    ):
        assert refusal(store, act).problem_code == "billing_address"
    problem = refusal(store, partial(edit_address, address_id=made.billing, values={"title": "Siège"}, act=ACT))
    assert problem.problem_code == "billing_title"
    for address_id in (99, 0, 2**70):
        act = partial(remove_address, address_id=address_id, act=ACT)
        assert refusal(store, act).problem_code == "address_unknown"


@pytest.mark.req("CRM-44")
def test_contacts_of_an_address_that_goes_take_the_billing_address(store: Store, made: Tied) -> None:
    with store.writing() as session:
        set_contact_address(session, made.contact, made.delivery, ACT)
        done = remove_address(session, made.delivery, ACT)

        assert session.get(Address, made.delivery) is None
        assert get(session, Contact, made.contact).default_address_id == made.billing
        assert done.marked
        (gone,) = [line for line in lines(session) if line[0] == "address"]
        assert '"town":"Lyon"' in str(gone[2])
        assert '"title":"Dépôt"' in str(gone[2])


@pytest.mark.req("CRM-26", "CRM-44")
def test_of_a_company_without_tiers_the_first_address_is_for_billing_until_another_is_chosen(store: Store) -> None:
    with store.writing() as session:
        company = records.company(session, name="SEULE").id
        first = add_address(session, company, {"town": "Paris", "title": "Siège"}, ACT).id
        second = add_address(session, company, {"town": "Lyon"}, ACT).id
        contact = add_contact(session, company, {"last_name": "Un"}, ACT).id
        assert kinds(session) == {first: (BILLING, True), second: (DELIVERY, False)}

        assert not set_default_address(session, second, ACT).marked
        assert kinds(session) == {first: (DELIVERY, False), second: (BILLING, True)}
        assert get(session, Contact, contact).default_address_id == second

        remove_address(session, second, ACT)
        assert kinds(session) == {first: (BILLING, True)}
        assert get(session, Contact, contact).default_address_id == first

        remove_address(session, first, ACT)
        assert get(session, Contact, contact).default_address_id is None


def kinds(session: Any) -> dict[int, tuple[str, bool]]:
    return {row.id: (row.kind, row.is_default) for row in session.scalars(select(Address))}
