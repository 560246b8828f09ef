"""A cycle is taken back on both sides, and taking it back is itself a cycle that can be taken back (NEW-04)."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.tables import ADDRESS, CONTACT, TIERS
from syncengine.core.replicate import Rules
from syncengine.core.snapshot import Snapshot, Values
from syncengine.core.undo import undo_plan
from syncengine.core.undo_plan import Arrival, Present, UndoPlan, Written
from syncengine.crm.edits import add_contact, edit_company, edit_path, remove_contact
from syncengine.cycle.arrivals import Arrivals
from syncengine.desk.undoing import apply_undo, undo_preview
from syncengine.errors import InputRefused
from syncengine.model import (
    Account,
    Address,
    Company,
    Contact,
    CycleKind,
    CycleStatus,
    Email,
    JournalEntry,
    Link,
    Opportunity,
    Phone,
    Side,
    SyncError,
    Turnover,
)
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, table_of
from syncengine.storage.store import Store
from syncengine.storage.sync_errors import asked_again, taken_out
from tests.syncengine.conftest import NOW
from tests.syncengine.inbox import agreed, cycle, journal
from tests.syncengine.tied import ACT, LATER, Tied, count, get, marked, pair

_numbers = itertools.count(1)
TIERS_NOW: Snapshot = {
    "name": "B",
    "addresses": [{"id": 31, "key": "billing", "kind": "billing", "title": "Siège", "town": "Paris"}],
    "contacts": [{"id": 12, "key": "7", "last_name": "Martin", "phone": "2"}],
}


def line(
    field: str,
    before: str | Values | None,
    after: str | Values | None,
    *,
    entity: Entity = Entity.ACCOUNT,
    record_id: int = 1,
    rule: Rule = Rule.ERP_CHANGED,
    side: Side = Side.CRM,
    erp_key: str | None = "C1",
) -> Written:
    told = (value if value is None or isinstance(value, str) else json.dumps(value) for value in (before, after))
    old, new = told
    return Written(
        id=next(_numbers),
        side=side,
        entity=entity,
        record_id=record_id,
        account_id=record_id if entity is Entity.ACCOUNT else 1,
        erp_key=erp_key,
        field=field,
        before=old,
        after=new,
        rule=rule.value,
    )


def plan(*lines: Written, tiers: Snapshot | None = None, **present: Any) -> UndoPlan:
    known: dict[str, Any] = {"tiers": {1: TIERS_NOW if tiers is None else tiers}, "codes": {1: "C1"}}
    return undo_plan(lines, Present(**(known | present)))


def edits(found: UndoPlan) -> list[tuple[str, Any]]:
    return [(edit.path, edit.value) for edit in found.edits]


def reasons(found: UndoPlan) -> list[tuple[str | None, str]]:
    return [(left.path, left.reason) for left in found.left]


@pytest.mark.req("NEW-04")
def test_of_a_value_written_several_times_the_first_before_and_the_last_after_count() -> None:
    contact: dict[str, Any] = {"entity": Entity.CONTACT, "record_id": 12, "erp_key": "7"}
    found = plan(
        line("name", "A", "B "),
        line("name", "B ", "B", side=Side.ERP, rule=Rule.CRM_CHANGED),
        line("name", "A", "B", entity=Entity.COMPANY, record_id=9, rule=Rule.REPLICATED),
        line("siret", "1", "2"),
        line("phone", "1", "2", **contact),
        line("contacts/7/last_name", "Dupont", "Martin", side=Side.ERP, rule=Rule.CRM_CHANGED),
    )
    assert edits(found) == [("name", "A"), ("contacts/7/phone", "1"), ("contacts/7/last_name", "Dupont")]
    assert [(edit.path, edit.value, edit.written, edit.present) for edit in found.changed_since] == [
        ("siret", "1", "2", None)
    ]
    assert (found.edits[0].written, found.edits[0].present, found.edits[0].code) == ("B", "B", "C1")
    assert found.edits[1].label == "Contact n° 7 – Téléphone"


@pytest.mark.req("NEW-04")
def test_a_value_that_is_back_already_is_left_alone() -> None:
    found = plan(line("name", "B", "C"), line("web_site", None, "www"), line("dormant", "false", "true"))
    assert (found.edits, [edit.path for edit in found.changed_since]) == ((), [])
    assert not found


@pytest.mark.req("NEW-04")
def test_children_that_came_go_and_those_that_went_come_back() -> None:
    martin, parti = {"key": "7", "last_name": "Martin", "phone": "1"}, {"key": "9", "last_name": "Parti"}
    mine: dict[str, Any] = {"entity": Entity.CONTACT, "record_id": 12, "erp_key": "7"}
    other: dict[str, Any] = {"entity": Entity.CONTACT, "record_id": 40, "erp_key": "9"}
    found = plan(
        line("", None, martin, **mine),
        line("phone", "1", "2", **mine),
        line("last_name", "Avant", "Parti", **other),
        line("", parti, None, **other),
        line("contacts/9", parti, None, side=Side.ERP, rule=Rule.CRM_CHANGED),
        line("", None, {"key": "11"}, entity=Entity.CONTACT, record_id=41, erp_key="11"),
        line("", {"key": "11"}, None, entity=Entity.CONTACT, record_id=41, erp_key="11"),
    )
    assert edits(found) == [("contacts/7", None), ("contacts/9", {"key": "9", "last_name": "Avant"})]
    assert (found.changed_since, found.left) == ((), ())

    edited = {**TIERS_NOW, "contacts": [{**TIERS_NOW["contacts"][0], "phone": "edited since"}]}
    since = plan(line("", None, martin, **mine), line("phone", "1", "2", **mine), tiers=edited)
    assert (since.edits, [edit.path for edit in since.changed_since]) == ((), ["contacts/7"])
    back = plan(line("", {**martin, "phone": "2"}, None, **mine))
    assert (back.edits, back.changed_since) == ((), ())


@pytest.mark.req("NEW-04")
def test_a_contact_of_the_crm_made_in_the_erp_is_found_under_the_number_it_was_given() -> None:
    made = line("contacts/+12", None, {"last_name": "Martin", "phone": "2"}, side=Side.ERP, rule=Rule.CRM_CHANGED)
    assert edits(plan(made)) == [("contacts/7", None)]
    removed = line("contacts/+99", None, {"last_name": "X"}, side=Side.ERP, rule=Rule.CRM_CHANGED)
    assert not plan(removed)


@pytest.mark.req("NEW-04")
def test_a_number_or_row_that_was_given_again_is_another_child() -> None:
    other: dict[str, Any] = {"entity": Entity.CONTACT, "record_id": 11, "erp_key": "7"}
    parti = {"key": "7", "last_name": "Parti"}
    went = (
        line("", parti, None, **other),
        line("contacts/7", parti, None, side=Side.ERP, rule=Rule.CRM_CHANGED),
        line("contacts/+12", None, {"last_name": "Martin", "phone": "2"}, side=Side.ERP, rule=Rule.CRM_CHANGED),
    )
    assert edits(plan(*went)) == [("contacts/7", None), ("contacts/7", parti)]
    # Removed by a person before the cycle: the ERP's lines are all there is, in either order.
    assert edits(plan(*went[1:])) == edits(plan(*went))
    came_first = line("contacts/+12", None, {"last_name": "Martin", "phone": "2"}, side=Side.ERP)
    assert edits(plan(came_first, line("contacts/7", parti, None, side=Side.ERP))) == edits(plan(*went))
    again = {**TIERS_NOW, "contacts": [{"id": 11, "key": "8", "last_name": "Un autre"}]}
    found = plan(*went[:2], tiers=again, reborn=frozenset({("contacts", 11)}))
    assert (edits(found), found.changed_since, found.edits[0].present) == ([("contacts/7", parti)], (), None)


@pytest.mark.req("NEW-04")
def test_what_cannot_be_taken_back_is_listed_with_its_reason() -> None:
    billing: dict[str, Any] = {"entity": Entity.ADDRESS, "record_id": 31, "erp_key": "billing"}
    found = plan(
        line("payer", "P1", "P2"),
        line("Classement", "a", "b"),
        line("title", "Ancien", "Siège", **billing),  # follows the name
        line("main", "true", None, **billing),
        line("status", "active", "inactive", rule=Rule.VANISHED),
        line("erp_state", "present", "deleted", rule=Rule.VANISHED),
        line("status", "active", "inactive", entity=Entity.COMPANY, record_id=9, rule=Rule.VANISHED),
        line("contacts/+12", None, {"last_name": "Martin"}, side=Side.ERP, rule=Rule.EDIT_BEATS_DELETE),
        line("phone", "1", "2", entity=Entity.CONTACT, record_id=50, erp_key="50"),
        line("name", None, "Neuf", record_id=2, side=Side.ERP, rule=Rule.CREATED, erp_key="NEUF"),
        companies={9: {"status": "inactive"}},
    )
    assert not found
    assert reasons(found) == [
        (None, "vanished"),
        ("payer", "from_erp"),
        ("Classement", "from_erp"),
        ("addresses/billing/main", "from_erp"),
        ("contacts/7", "edit_beats_delete"),
        ("contacts/+50/phone", "record_gone"),
        (None, "created_in_erp"),
    ]
    assert found.left[-1].code == "NEUF"
    assert all(left.message.endswith(".") for left in found.left)
    assert reasons(plan(line("name", "A", "B"), tiers={}, codes={})) == []
    assert reasons(undo_plan([line("name", "A", "B")], Present())) == [("name", "record_gone")]


@pytest.mark.req("NEW-04", "CRM-17")
def test_a_manager_goes_back_with_its_representative_and_never_alone() -> None:
    followed = line("manager_id", "4", "5", entity=Entity.COMPANY, record_id=9, rule=Rule.MANAGER)
    known: dict[str, Any] = {"companies": {9: {"manager_id": 5, "code": "C1"}}, "main": {9: 1}}
    alone = plan(followed, **known)
    both = plan(line("representative", "1", "2"), followed, tiers={"representative": "2"}, **known)
    assert not alone
    assert [(edit.account_id, edit.company_id, edit.path, edit.value) for edit in both.edits] == [
        (None, 9, "manager_id", 4),
        (1, None, "representative", "1"),
    ]


@pytest.mark.req("NEW-04")
def test_lines_of_an_undo_are_taken_back_as_any_others_and_what_it_removed_comes_back() -> None:
    undone: dict[str, Any] = {"rule": Rule.UNDONE, "entity": Entity.COMPANY, "record_id": 9}
    found = plan(
        line("name", "A", "B", **undone),
        line("name", "A", "B", rule=Rule.REPLICATED),
        line("status", "active", "inactive", **undone),
        line("", {"name": "Arrivée"}, None, rule=Rule.UNDONE, entity=Entity.COMPANY, record_id=8, erp_key="C8"),
        tiers={"name": "B", "dormant": True},
        companies={9: {"name": "B"}},
        main={9: 1},
    )
    assert edits(found) == [("name", "A"), ("dormant", None)]
    assert found.put_back == ("C8",)


@pytest.mark.req("NEW-04")
def test_companies_that_came_with_the_cycle_go_unless_something_hangs_on_them() -> None:
    came = Arrival(company_id=9, account_id=1, link_id=3, code="C1", name="Un")
    held = Arrival(company_id=10, account_id=2, link_id=4, code="C2", name="Deux", held_by="affaires en cours")
    found = plan(line("name", "A", "B"), line("name", "A", "B", record_id=2), arrivals=(came, held))
    assert (found.edits, found.removed) == ((), (came,))
    assert [(left.code, left.reason) for left in found.left] == [("C2", "in_use")]
    assert "affaires en cours" in found.left[0].message


def day(session: Session, made: Tied) -> int:
    """A cycle that took a name, a contact's mobile, a new contact, and lost an address; and what it made of the CRM."""
    number = cycle(session, made)
    log = journal(session, made, number)
    values = ("name", "Avant", "BIJOU SA")
    log.value(Entity.ACCOUNT, made.account, "BIJOU", *values, Rule.ERP_CHANGED)
    log.value(Entity.COMPANY, made.company, "BIJOU", *values, Rule.REPLICATED, account_id=made.account)
    log.value(Entity.CONTACT, made.contact, "5", "mobile", None, "06", Rule.ERP_CHANGED, account_id=made.account)
    new = Contact(company_id=made.company, account_id=made.account, erp_key="6", last_name="Neuf", position=1)
    session.add(new)
    session.flush()
    log.row(Entity.CONTACT, new.id, "6", before=None, after={"key": "6", "last_name": "Neuf"}, account_id=made.account)
    lost = {"key": "8", "kind": "delivery", "title": "Quai", "town": "Brest"}
    log.row(Entity.ADDRESS, 99, "8", before=lost, after=None, account_id=made.account)
    log.value(
        *(Entity.ACCOUNT, made.account, "BIJOU", "siret", None, "73282932000074", Rule.CRM_CHANGED), side=Side.ERP
    )
    log.flush()
    return number


def told(session: Session, made: Tied) -> dict[str, Any]:
    """What people see of the tiers."""
    company, account = pair(session, made)
    contacts = session.scalars(select(Contact).where(Contact.account_id == made.account).order_by(Contact.id))
    addresses = session.scalars(select(Address).where(Address.account_id == made.account).order_by(Address.id))
    return {
        "names": (company.name, account.name),
        "siret": company.siret,
        "contacts": [contact.last_name for contact in contacts],
        "addresses": [(address.title, address.town) for address in addresses],
        "mobiles": list(session.scalars(select(Phone.number).where(Phone.contact_id.is_not(None)))),
    }


BEFORE = {
    "names": ("Avant", "Avant"),
    "siret": None,
    "contacts": ["Martin"],
    "addresses": [(None, "Paris"), ("Dépôt", "Lyon"), ("Quai", "Brest")],
    "mobiles": [],
}
AFTER = {
    "names": ("BIJOU SA", "BIJOU SA"),
    "siret": "73282932000074",
    "contacts": ["Martin", "Neuf"],
    "addresses": [(None, "Paris"), ("Dépôt", "Lyon")],
    "mobiles": ["06"],
}


def take_back(session: Session, made: Tied, number: int, *, also_changed: bool = False) -> tuple[UndoPlan, int, int]:
    """The plan, the number of the cycle that undid, and how many values it set."""
    found = undo_preview(session, made.integration, number)
    undo = cycle(session, made, kind=CycleKind.UNDO, undoes_id=number)
    ids: dict[str, Any] = {"integration_id": made.integration, "cycle_id": undo}
    done = apply_undo(session, found, **ids, at=LATER, by="claire", include_changed=also_changed)
    assert done.refused == ()
    return found, undo, done.done


@pytest.mark.req("NEW-04")
def test_a_cycle_is_taken_back_and_that_is_taken_back_in_turn(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = day(session, made)
        assert told(session, made) == AFTER

    with store.writing() as session:
        found, undo, done = take_back(session, made, number)
        assert (len(found.edits), found.changed_since, found.left, done) == (5, (), (), 5)
        assert told(session, made) == BEFORE
        assert marked(session, made)
        written = session.scalars(select(JournalEntry).where(JournalEntry.cycle_id == undo)).all()
        assert {(row.rule, row.by, row.account_id) for row in written} == {
            ("undone", "claire", made.account),
            ("replicated", "claire", made.account),
        }

    with store.writing() as session:
        again, redo, _ = take_back(session, made, undo)
        assert (len(again.edits), again.changed_since, again.left) == (5, (), ())
        assert told(session, made) == AFTER

    with store.writing() as session:
        take_back(session, made, redo)
        assert told(session, made) == BEFORE
        nothing, _, done = take_back(session, made, number)
        assert (bool(nothing), nothing.changed_since, done) == (False, (), 0)


@pytest.mark.req("NEW-04")
def test_what_somebody_changed_since_is_kept_unless_it_is_asked_for(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = day(session, made)
        edit_company(session, made.company, {"name": "Depuis"}, ACT)
        remove_contact(session, made.contact, ACT)

    with store.writing() as session:
        found, _, done = take_back(session, made, number)
        assert [(edit.path, edit.value, edit.present) for edit in found.changed_since] == [("name", "Avant", "Depuis")]
        assert [(left.path, left.reason) for left in found.left] == [
            (f"contacts/+{made.contact}/mobile", "record_gone")
        ]
        assert (done, told(session, made)["names"]) == (3, ("Depuis", "Depuis"))
    with store.writing() as session:
        take_back(session, made, number, also_changed=True)
        assert told(session, made)["names"] == ("Avant", "Avant")


@pytest.mark.req("NEW-04")
def test_a_contact_comes_back_beside_the_one_that_took_its_place(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = cycle(session, made)
        log = journal(session, made, number)
        lost = {"key": "6", "last_name": "Parti", "phone": "09"}
        log.row(Entity.CONTACT, made.contact + 1, "6", before=lost, after=None, account_id=made.account)
        log.flush()
        # SQLite gives the row's number again, the ERP its own.
        new = add_contact(session, made.company, {"last_name": "Nouvelle"}, ACT).id
        get(session, Contact, new).erp_key = "6"

    with store.writing() as session:
        found, _, done = take_back(session, made, number)
        assert (done, found.changed_since) == (1, ())
        assert told(session, made)["contacts"] == ["Martin", "Nouvelle", "Parti"]


@pytest.mark.req("NEW-04")
def test_what_the_edit_service_refuses_stays_and_the_others_go_on(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = cycle(session, made)
        log = journal(session, made, number)
        log.value(Entity.ACCOUNT, made.account, "BIJOU", "name", None, "BIJOU SA", Rule.ERP_CHANGED)
        log.value(Entity.ACCOUNT, made.account, "BIJOU", "email", "b@bijou.fr", "a@bijou.fr", Rule.ERP_CHANGED)
        log.flush()
        found = undo_preview(session, made.integration, number)
        ids: dict[str, Any] = {"integration_id": made.integration, "cycle_id": cycle(session, made)}
        done = apply_undo(session, found, **ids, at=LATER, by=None)

        assert (done.done, [(one.code, one.field) for one in done.refused]) == (1, [("field_required", "name")])
        assert pair(session, made)[0].name == "BIJOU SA"
        assert session.scalars(select(Email.address)).all() == ["b@bijou.fr"]


def arrive(session: Session, made: Tied, number: int, codes: list[str]) -> None:
    """New tiers that a cycle took."""
    own: dict[str, Any] = {"version": "1", "type": "client", "phone": "01", "email": "a@b.fr"}
    children: dict[str, Any] = {
        "addresses": [ADDRESS.record(key="billing", kind="billing", town="Nice")],
        "contacts": [CONTACT.record(key="1", last_name="Un", phone="02")],
        "free_fields": [],
    }
    rules = Rules(integration_id=made.integration, cycle_id=number, client_type="client", supplier_type="supplier")
    records = [TIERS.record(code=code, name=f"Tiers {code}", **own, **children) for code in codes]
    Arrivals(Bulk(session.connection()), rules, NOW).insert(records)


@pytest.mark.req("NEW-04")
def test_companies_that_came_with_a_cycle_are_removed_and_kept_out_until_that_is_undone(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        tables = (Company, Account, Link, Contact, Address, Phone, Email)
        before = [count(session, entity) for entity in tables]
        number = cycle(session, made)
        arrive(session, made, number, ["N1", "N2", "N3", "N4", "N5"])
        companies = {
            row.code: row for row in session.scalars(select(Company).where(Company.created_cycle_id == number))
        }
        accounts = {row.code: row.id for row in session.scalars(select(Account))}
        edit_path(session, accounts["N2"], "contacts/1/phone", "03", ACT)
        stamps: dict[str, Any] = {"created_at": NOW, "updated_at": NOW}
        session.add(Opportunity(company_id=companies["N3"].id, title="Affaire", stage="new", **stamps))
        session.add(Account(integration_id=made.integration, company_id=companies["N4"].id, type="client", **stamps))
        figure: dict[str, Any] = {"current_year": Decimal(1), "previous_year": Decimal(1), "updated_at": NOW}
        session.add(Turnover(integration_id=made.integration, erp_key="N1", account_id=accounts["N1"], **figure))

    with store.writing() as session:
        found, undo, done = take_back(session, made, number)
        assert [arrival.code for arrival in found.removed] == ["N1", "N5"]
        assert {left.code: left.message.partition(" : ")[2] for left in found.left} == {
            "N2": "modifiée dans le CRM.",
            "N3": "affaires en cours.",
            "N4": "plusieurs tiers.",
        }
        assert done == 2
        # Three stay, one of them with a second tiers.
        after = [count(session, entity) for entity in tables]
        assert after == [number + more for number, more in zip(before, (3, 4, 3, 3, 3, 6, 3), strict=True)]
        kept_out = taken_out(
            Bulk(session.connection()), Entity.ACCOUNT, ["N1", "N2", "N5"], integration_id=made.integration
        )
        assert kept_out == {"N1", "N5"}
        turnover = table_of(Turnover)
        assert session.scalars(select(turnover.c.account_id)).all() == [None]
        gone = session.scalars(
            select(JournalEntry).where(JournalEntry.cycle_id == undo).order_by(JournalEntry.id)
        ).first()
        assert gone is not None
        assert (gone.entity, gone.erp_key, gone.after, gone.rule) == ("company", "N1", None, "undone")
        held = json.loads(gone.before or "")
        assert (held["name"], held["contacts"][0]["last_name"], held["addresses"][0]["town"]) == (
            "Tiers N1",
            "Un",
            "Nice",
        )

    with store.writing() as session:
        again, _, done = take_back(session, made, undo)
        assert (again.put_back, done) == (("N1", "N5"), 2)
        assert asked_again(Bulk(session.connection()), integration_id=made.integration) == {
            Entity.ACCOUNT: ["N1", "N5"]
        }
        assert {row.code for row in session.scalars(select(SyncError))} == {"undone"}


@pytest.mark.req("NEW-04")
def test_a_cycle_that_is_not_there_runs_still_or_is_another_integration_s_is_refused(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        running = cycle(session, made, ended_at=None, status=CycleStatus.RUNNING)
        ended = cycle(session, made)
        found = []
        for integration_id, number in (
            (made.integration, 999),
            (made.integration, running),
            (made.integration + 1, ended),
        ):
            with pytest.raises(InputRefused) as refused:
                undo_preview(session, integration_id, number)
            found.append(refused.value.problem_code)
        assert not undo_preview(session, made.integration, ended)

    assert found == ["cycle_unknown", "cycle_running", "cycle_unknown"]
    with store.reading() as session:
        assert get(session, Company, made.company).name == "BIJOU SA"
