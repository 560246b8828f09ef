"""One value by its path: undo, resolution of conflicts, repair of errors."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from syncengine.crm.edits import Act, add_contact, edit_company, edit_path, remove_contact
from syncengine.model import Account, Address, Company, Contact, JournalEntry, Phone
from syncengine.model.journal import Rule
from syncengine.storage.store import Store
from tests.syncengine.tied import ACT, LATER, Tied, count, get, lines, marked, pair, refusal, tied

UNDO = Act(at=LATER, by="claire", rule=Rule.UNDONE, cycle_id=7)


@pytest.fixture
def made(store: Store) -> Tied:
    """A linked Company."""
    with store.writing() as session:
        return tied(session)


@pytest.mark.req("NEW-03", "NEW-04")
def test_a_value_of_the_tiers_is_an_edit_of_its_company(store: Store, made: Tied) -> None:
    with store.writing() as session:
        done = edit_path(session, made.account, "name", "AUTRE", UNDO)

        assert [row.name for row in pair(session, made)] == ["AUTRE", "AUTRE"]
        assert (done.id, done.changed, done.marked) == (made.account, ("name",), True)
        assert lines(session) == [
            ("company", "name", "BIJOU SA", "AUTRE", "undone"),
            ("account", "name", "BIJOU SA", "AUTRE", "replicated"),
        ]
        assert {row.cycle_id for row in session.scalars(select(JournalEntry))} == {7}


@pytest.mark.req("CRM-32", "NEW-04")
def test_dormant_takes_a_flag_or_what_the_journal_keeps_of_it(store: Store, made: Tied) -> None:
    with store.writing() as session:
        for value, status in (("true", "inactive"), (None, "active"), (True, "inactive"), ("false", "active")):
            edit_path(session, made.account, "dormant", value, ACT)
            assert [row.status for row in pair(session, made)] == [status, status]


@pytest.mark.req("NEW-03")
def test_values_of_children_by_number_by_row_and_by_kind(store: Store, made: Tied) -> None:
    with store.writing() as session:
        new = add_contact(session, made.company, {"last_name": "Neuf"}, ACT).id
        edit_path(session, made.account, "contacts/5/mobile", "07", ACT)
        done = edit_path(session, made.account, f"contacts/+{new}/function", "Achats", ACT)
        edit_path(session, made.account, "addresses/billing/town", "Metz", ACT)
        edit_path(session, made.account, "addresses/3/town", "Nancy", ACT)

        assert session.scalar(select(Phone.number).where(Phone.contact_id == made.contact)) == "07"
        assert (done.id, get(session, Contact, new).function) == (new, "Achats")
        assert [get(session, Address, row).town for row in (made.billing, made.delivery)] == ["Metz", "Nancy"]
        get(session, Address, made.billing).erp_key = None
        edit_path(session, made.account, "addresses/billing/town", "Paris", ACT)
        assert get(session, Address, made.billing).town == "Paris"


@pytest.mark.req("NEW-04")
def test_a_child_goes_and_comes_back_from_what_the_journal_kept(store: Store, made: Tied) -> None:
    with store.writing() as session:
        removed = edit_path(session, made.account, "contacts/5", None, UNDO)
        assert removed.marked
        assert count(session, Contact) == 0
        assert edit_path(session, made.account, "contacts/5", None, UNDO).changed == ()
        kept = session.scalar(select(JournalEntry.before).where(JournalEntry.after.is_(None)))

        done = edit_path(session, made.account, "contacts/5", json.loads(kept or ""), UNDO)

        contact = get(session, Contact, done.id)
        assert (contact.last_name, contact.first_name, contact.erp_key, contact.is_default) == (
            "Martin",
            "Luc",
            None,
            True,
        )
        assert session.scalar(select(Phone.number).where(Phone.contact_id == done.id)) == "06"
        again = edit_path(
            session, made.account, f"contacts/+{done.id}", {"last_name": "Martin", "first_name": "Luc"}, UNDO
        )
        # What it does not say is emptied: it is the whole child.
        assert again.changed == ("mobile",)


@pytest.mark.req("NEW-04")
def test_an_address_goes_and_comes_back(store: Store, made: Tied) -> None:
    with store.writing() as session:
        edit_path(session, made.account, "addresses/3", None, UNDO)
        values = {"key": "3", "kind": "delivery", "main": True, "title": "Dépôt", "town": "Lyon"}
        done = edit_path(session, made.account, "addresses/3", values, UNDO)

        row = get(session, Address, done.id)
        assert (row.title, row.town, row.kind, row.is_default) == ("Dépôt", "Lyon", "delivery", False)


@pytest.mark.req("CRM-34", "NEW-04")
def test_an_account_that_is_nobodys_main_one_changes_itself(store: Store) -> None:
    with store.writing() as session:
        made = tied(session, account={"is_main": False})
        for path, value in (("name", "AUTRE"), ("phone", "02"), ("dormant", "true"), ("contacts/5/mobile", "07")):
            assert edit_path(session, made.account, path, value, UNDO).marked

        company, account = pair(session, made)
        assert (account.name, account.phone, account.status, account.dormant) == ("AUTRE", "02", "inactive", True)
        assert (company.name, company.status) == ("BIJOU SA", "active")
        assert session.scalar(select(Phone.number).where(Phone.contact_id.is_(None))) == "02"
        assert ("account", "name", "BIJOU SA", "AUTRE", "undone") in lines(session)
        assert {line[0] for line in lines(session)} == {"account", "contact"}


REFUSED: tuple[tuple[str, Any, str], ...] = (
    ("payer", "X", "read_only_field"),
    ("type", "supplier", "unknown_field"),
    ("code", "X", "code_locked"),
    ("free_fields", {}, "unknown_field"),
    ("nom", "X", "unknown_field"),
    ("contacts", None, "unknown_field"),
    ("contacts/5/town", "X", "unknown_field"),
    ("contacts/99/mobile", "X", "contact_unknown"),
    ("addresses/99/town", "X", "address_unknown"),
    ("addresses/billing", None, "billing_address"),
    ("addresses/3/key", "9", "unknown_field"),
    ("contacts/5", "Martin", "not_a_text"),
    ("name", "x" * 200, "too_long"),
)


@pytest.mark.req("NEW-03", "CRM-40")
def test_a_path_that_points_at_nothing_or_cannot_be_written_is_refused(store: Store, made: Tied) -> None:
    for path, value, code in REFUSED:
        problem = refusal(store, partial(edit_path, account_id=made.account, path=path, value=value, act=ACT))
        assert problem.problem_code == code, path
    for account_id in (99, 2**70):
        act = partial(edit_path, account_id=account_id, path="name", value="x", act=ACT)
        assert refusal(store, act).problem_code == "account_unknown"


@pytest.mark.req("CRM-28")
def test_what_others_wrote_in_bulk_in_the_same_transaction_is_seen(store: Store, made: Tied) -> None:
    with store.writing() as session:
        loaded = [*pair(session, made), get(session, Contact, made.contact)]
        for table, row_id, values in (
            (Company, made.company, {"name": "VRAC"}),
            (Account, made.account, {"name": "VRAC"}),
            (Contact, made.contact, {"function": "Vrac"}),
        ):
            session.connection().execute(table.__table__.update().where(table.id == row_id).values(values))  # type: ignore[attr-defined]

        assert not edit_company(session, made.company, {"name": "VRAC"}, ACT).changed
        assert not edit_path(session, made.account, "contacts/5/function", "Vrac", ACT).changed
        assert not marked(session, made)
        remove_contact(session, made.contact, ACT)
        assert '"function":"Vrac"' in str(lines(session)[-1][2])
        assert len(loaded) == 3
