"""Fields of the CRM's own, and the pairs of them that are replicated (CRM-47)."""

from __future__ import annotations

from functools import partial

import pytest

from syncengine.crm.custom_fields import add_pair, custom_fields, define, remove_pair
from syncengine.crm.edits import create_company, edit_company
from syncengine.crm.field_mapping import custom_mappings, field_mappings
from syncengine.model import Company, Integration
from syncengine.storage.store import Store
from tests.syncengine import records
from tests.syncengine.tied import ACT, Tied, get, lines, marked, pair, refusal, tied


@pytest.fixture
def made(store: Store) -> Tied:
    """A linked Company, and a field that is not replicated yet."""
    with store.writing() as session:
        found = tied(session)
        define(session, "comp_budget", " Budget  annuel ")
        return found


@pytest.mark.req("CRM-47")
def test_a_field_that_is_not_replicated_stays_with_the_company(store: Store, made: Tied) -> None:
    with store.writing() as session:
        assert [(row.name, row.label, row.replicated) for row in custom_fields(session)] == [
            ("budget", "Budget annuel", False)
        ]
        done = edit_company(session, made.company, {"custom.budget": " 10  k€ "}, ACT)

        company, account = pair(session, made)
        assert (company.custom, account.custom) == ({"budget": "10 k€"}, None)
        assert (done.changed, done.marked) == (("custom",), False)
        assert lines(session) == [("company", "custom.budget", None, "10 k€", "edited")]
        assert edit_company(session, made.company, {"custom.budget": "10 k€"}, ACT).changed == ()


@pytest.mark.req("CRM-47")
def test_a_new_pair_takes_the_values_there_are_and_every_edit_from_then_on(store: Store, made: Tied) -> None:
    with store.writing() as session:
        edit_company(session, made.company, {"custom.budget": "10"}, ACT)
        integration = get(session, Integration, made.integration)
        for own, theirs in ((None, "kept"), ("same", "same"), ("new", "old")):
            company = records.company(session, custom={"budget": own} if own else None)
            records.account(
                session, integration, company_id=company.id, is_main=True, custom={"budget": theirs, "b": "1"}
            )
        before = len(lines(session))

        assert add_pair(session, "acc_budget", ACT) == 2

        assert [row.custom for row in pair(session, made)] == [{"budget": "10"}] * 2
        told = [line[1:] for line in lines(session)[before:]]
        assert told == [("custom.budget", None, "10", "replicated"), ("custom.budget", "old", "new", "replicated")]
        assert not marked(session, made)

        done = edit_company(session, made.company, {"custom.budget": "20", "name": "AUTRE"}, ACT)
        assert [row.custom for row in pair(session, made)] == [{"budget": "20"}] * 2
        assert done.marked
        edit_company(session, made.company, {"custom.budget": ""}, ACT)
        assert [row.custom for row in pair(session, made)] == [None, None]


@pytest.mark.req("CRM-47")
def test_a_pair_taken_away_keeps_its_values_and_is_replicated_no_longer(store: Store, made: Tied) -> None:
    with store.writing() as session:
        add_pair(session, "budget", ACT)
        edit_company(session, made.company, {"custom.budget": "10"}, ACT)
        remove_pair(session, "comp_budget")
        edit_company(session, made.company, {"custom.budget": "20"}, ACT)

        assert [row.custom for row in pair(session, made)] == [{"budget": "20"}, {"budget": "10"}]


@pytest.mark.req("CRM-47")
def test_what_cannot_be_paired_or_defined_is_refused(store: Store, made: Tied) -> None:
    with store.writing() as session:
        define(session, "twice", "Deux")
        add_pair(session, "twice", ACT)
    for act, code in (
        (partial(add_pair, name="inconnu", act=ACT), "unknown_field"),
        (partial(add_pair, name="comp_twice", act=ACT), "pair_known"),
        (partial(remove_pair, name="budget"), "pair_unknown"),
        (partial(remove_pair, name="inconnu"), "unknown_field"),
        (partial(define, name="budget", label="x"), "custom_field_known"),
        (partial(define, name="comp_name", label="x"), "custom_field_invalid"),
        (partial(define, name="Été", label="x"), "custom_field_invalid"),
        (partial(define, name="9x", label="x"), "custom_field_invalid"),
        (partial(define, name="", label="x"), "custom_field_invalid"),
        (partial(define, name="x" * 41, label="x"), "custom_field_invalid"),
        (partial(define, name="x", label=" "), "custom_field_invalid"),
        (partial(edit_company, company_id=made.company, values={"custom.inconnu": "1"}, act=ACT), "unknown_field"),
        (partial(edit_company, company_id=made.company, values={"custom.budget": "x" * 256}, act=ACT), "too_long"),
        (
            partial(edit_company, company_id=made.company, values={"custom.budget": "\x00"}, act=ACT),
            "control_character",
        ),
    ):
        assert refusal(store, act).problem_code == code


@pytest.mark.req("CRM-47")
def test_a_new_company_may_have_values_at_once(store: Store, made: Tied) -> None:
    with store.writing() as session:
        values = {"name": "NEUVE", "company_type": "client", "custom.budget": "5"}
        done = create_company(session, values, ACT)

        assert get(session, Company, done.id).custom == {"budget": "5"}


@pytest.mark.req("CRM-47")
def test_the_utility_tells_which_fields_are_replicated_and_which_are_not(store: Store, made: Tied) -> None:
    with store.writing() as session:
        define(session, "contact", "Contact principal")
        add_pair(session, "contact", ACT)
    with store.reading() as session:
        own = {item.field: item for item in custom_mappings(session)}
    assert {name: item.replicated for name, item in own.items()} == {"budget": False, "contact": True}
    assert (own["contact"].account, own["contact"].company) == (
        *("accounts.custom (acc_contact)", "companies.custom (comp_contact)"),
    )
    assert own["contact"].flow is None
    listed = {(item.record, item.field): item.replicated for item in field_mappings()}
    assert listed["Tiers", "Name"]
    assert not listed["Tiers", "Version"]
