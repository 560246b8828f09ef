"""The conflict inbox: listed side by side, resolved one by one and by the thousand (NEW-03)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.tables import CONTACT, TIERS
from syncengine.core.replicate import Rules
from syncengine.core.snapshot import load
from syncengine.crm.edits import edit_company, edit_path
from syncengine.cycle.act import Act
from syncengine.cycle.arrivals import Arrivals
from syncengine.desk.conflicts import ConflictFilter, conflict, conflicts, count_conflicts
from syncengine.desk.resolution import Own, Take, resolve, resolve_many
from syncengine.errors import InputRefused
from syncengine.model import Account, Company, Conflict, ConflictState, Link, Phone
from syncengine.storage.bulk import Bulk
from syncengine.storage.store import Store, open_store
from tests.syncengine.conftest import NOW
from tests.syncengine.inbox import agreed, link_of, parked
from tests.syncengine.records import integration
from tests.syncengine.tied import ACT, LATER, Tied, get, lines, marked, pair


def base_name(session: Session, made: Tied) -> Any:
    return load(link_of(session, made).base).get("name")


@pytest.mark.req("NEW-03")
def test_the_inbox_shows_the_three_values_with_company_and_french_label(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        name = parked(session, made, "name", "BIJOU SA", "BIJOU ERP")
        phone = parked(session, made, "contacts/5/mobile", "06", "07")
        parked(session, made, "siret", "1", "2", state=ConflictState.WITHDRAWN)

    with store.reading() as session:
        first, second = conflicts(session, made.integration)
        page = conflicts(session, made.integration, limit=1, after=name)
        shown = conflict(session, phone)
        counts = {
            field: count_conflicts(session, made.integration, ConflictFilter(field=field))
            for field in ("name", "account.name", "account", "contact", "contact.mobile", "contact.phone", "address")
        }
        everything = count_conflicts(session, made.integration, ConflictFilter(state=None))
        by_code = conflicts(session, made.integration, ConflictFilter(record="bijou", ids=(phone,)))
        with pytest.raises(InputRefused) as unknown:
            conflict(session, 999)
        with pytest.raises(InputRefused) as no_field:
            conflicts(session, made.integration, ConflictFilter(field="nobody.name"))

    assert (first.id, first.label, first.code, first.name) == (name, "Intitulé", "BIJOU", "BIJOU SA")
    assert (first.crm_value, first.base_value, first.erp_value) == ("BIJOU SA", "old", "BIJOU ERP")
    assert (first.company_id, first.opened_at, first.state) == (made.company, NOW, ConflictState.OPEN)
    assert second == shown == by_code[0]
    assert second.label == "Contact n° 5 – Portable"
    assert [one.id for one in page] == [phone]
    assert counts == {
        "name": 1,
        "account.name": 1,
        "account": 1,
        "contact": 1,
        "contact.mobile": 1,
        "contact.phone": 0,
        "address": 0,
    }
    assert everything == 3
    assert (unknown.value.problem_code, no_field.value.problem_code) == ("conflict_unknown", "unknown_field")


@pytest.mark.req("NEW-03")
@pytest.mark.parametrize(
    ("take", "wanted", "sent"),
    [
        (Take.CRM, "BIJOU SA", True),
        (Take.ERP, "BIJOU ERP", False),
        (Take.BASE, "old", True),
        (Own(value="Un troisième"), "Un troisième", True),
        (Own(value="BIJOU ERP"), "BIJOU ERP", False),
    ],
)
def test_a_decision_is_an_edit_of_the_crm_and_an_agreement_on_what_the_erp_holds(
    store: Store, take: Take | Own, wanted: str, *, sent: bool
) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = parked(session, made, "name", "BIJOU SA", "BIJOU ERP")

    with store.writing() as session:
        done = resolve(session, number, take, at=LATER, by="claire")

    with store.reading() as session:
        company, account = pair(session, made)
        assert (done.done, done.refused) == (1, ())
        assert company.name == account.name == wanted
        assert base_name(session, made) == "BIJOU ERP"
        # Of an edit by a person the mark is kept whatever the value: the next cycle finds nothing to send and takes it away.
        assert marked(session, made) or not sent
        if take is Take.ERP:
            assert not marked(session, made)
        closed = conflict(session, number)
        assert (closed.state, closed.rule, closed.closed_by, closed.closed_at) == (
            ConflictState.RESOLVED,
            "resolved",
            "claire",
            LATER,
        )
        assert (closed.crm_value, closed.base_value, closed.erp_value) == ("BIJOU SA", "old", "BIJOU ERP")
        told = {(line[1], line[2], line[3], line[4]) for line in lines(session)}
        expected = {("name", "BIJOU SA", wanted, "resolved"), ("name", "BIJOU SA", wanted, "replicated")}
        assert told == (set() if take is Take.CRM else expected)


@pytest.mark.req("NEW-03")
@pytest.mark.parametrize("take", [Take.ERP, Own(value="07")])
def test_a_value_of_a_contact_and_dormancy_are_decided_alike(store: Store, take: Take | Own) -> None:
    with store.writing() as session:
        made = agreed(session)
        phone = parked(session, made, "contacts/5/mobile", "06", "07")
        asleep = parked(session, made, "dormant", None, "true", base_value=None)

    with store.writing() as session:
        first = resolve(session, phone, take, at=LATER, by="claire")
        second = resolve(session, asleep, take if take is Take.ERP else Own(value="true"), at=LATER, by="claire")

    with store.reading() as session:
        assert (first.done, second.done) == (1, 1)
        mobile = session.scalars(select(Phone.number).where(Phone.contact_id == made.contact)).one()
        company, account = pair(session, made)
        assert (mobile, account.dormant, account.status, company.status) == ("07", True, "inactive", "inactive")
        base = load(link_of(session, made).base)
        assert (base["contacts"][0]["mobile"], base["dormant"]) == ("07", True)


@pytest.mark.req("NEW-03")
def test_a_conflict_whose_value_has_changed_is_brought_up_to_date_and_refused(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = parked(session, made, "name", "BIJOU SA", "BIJOU ERP")
        edit_company(session, made.company, {"name": "Entre-temps"}, ACT)

    with store.writing() as session:
        refused = resolve(session, number, Take.ERP, at=LATER, by="claire")
    with store.writing() as session:
        shown = conflict(session, number)
        again = resolve(session, number, Take.CRM, at=LATER, by="claire")

    assert (refused.done, refused.refused[0].code, refused.refused[0].field) == (0, "conflict_moved_on", "name")
    assert "Entre-temps" in refused.refused[0].message
    assert (shown.crm_value, shown.state) == ("Entre-temps", ConflictState.OPEN)
    assert again.done == 1
    with store.reading() as session:
        assert get(session, Company, made.company).name == "Entre-temps"


@pytest.mark.req("NEW-03")
def test_what_cannot_be_decided_is_refused_with_its_reason_and_nothing_is_written(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        closed = parked(session, made, "siret", "73282932000074", "2", state=ConflictState.RESOLVED)
        gone = parked(session, made, "contacts/5/mobile", "06", "07")
        empty = parked(session, made, "name", "BIJOU SA", "BIJOU ERP")
        edit_path(session, made.account, "contacts/5", None, ACT)
        base = link_of(session, made).base

    with store.writing() as session:
        refused = [
            *resolve(session, closed, Take.CRM, at=LATER, by=None).refused,
            *resolve(session, gone, Take.ERP, at=LATER, by=None).refused,
            *resolve(session, empty, Own(value="x" * 200), at=LATER, by=None).refused,
            *resolve(session, empty, Own(value=""), at=LATER, by=None).refused,
        ]
        with pytest.raises(InputRefused) as unknown:
            resolve(session, 999, Take.CRM, at=LATER, by=None)

    assert [one.code for one in refused] == ["conflict_closed", "child_gone", "too_long", "field_required"]
    assert all(one.message and one.remedy and one.record for one in refused)
    assert unknown.value.problem_code == "conflict_unknown"
    with store.writing() as session:
        assert link_of(session, made).base == base
        assert get(session, Company, made.company).name == "BIJOU SA"


def crowd(session: Session, count: int) -> int:
    """That many linked tiers, each with a conflict: half on the name, half on the phone of a contact."""
    made = integration(session)
    bulk = Bulk(session.connection())
    rules = Rules(integration_id=made.id, cycle_id=1, client_type="client", supplier_type="supplier")
    martin = CONTACT.record(key="1", last_name="Martin", phone="02")
    own: dict[str, Any] = {"version": "1", "type": "client", "addresses": [], "contacts": [martin], "free_fields": []}
    Arrivals(bulk, rules, NOW).insert(
        [TIERS.record(code=f"C{number:06}", name=f"N{number}", **own) for number in range(count)]
    )
    links = session.scalars(select(Link.id).order_by(Link.id)).all()
    columns = ("integration_id", "link_id", "field", "crm_value", "erp_value", "rule", "state", "opened_at")
    told = ("asked", "open", bulk.instant(NOW))
    bulk.insert(
        Conflict,
        columns,
        [
            (made.id, link, *(("name", f"N{n}", f"ERP {n}") if n % 2 else ("contacts/1/phone", "02", "03")), *told)
            for n, link in enumerate(links)
        ],
    )
    return made.id


@pytest.mark.req("NEW-03")
def test_many_are_resolved_at_once_and_the_ones_that_cannot_be_are_told(store: Store) -> None:
    with store.writing() as session:
        number = crowd(session, 1_200)
        first, second = session.scalars(select(Account.id).order_by(Account.id).limit(2))
        edit_path(session, first, "contacts/1", None, ACT)
        edit_path(session, second, "name", "Changé", ACT)

    with store.writing() as session:
        phones = resolve_many(session, number, ConflictFilter(field="contact.phone"), Take.ERP, at=LATER, by="claire")
        names = resolve_many(session, number, ConflictFilter(field="name"), Take.CRM, at=LATER, by="claire")

    assert (phones.done, [one.code for one in phones.refused]) == (599, ["child_gone"])
    assert (names.done, [one.code for one in names.refused]) == (599, ["conflict_moved_on"])
    with store.reading() as session:
        assert count_conflicts(session, number) == 2
        numbers = session.scalars(select(Phone.number)).all()
        assert sorted(set(numbers)) == ["02", "03"]
        assert (numbers.count("03"), numbers.count("02")) == (599, 600)
        bases = [load(base) for base in session.scalars(select(Link.base).order_by(Link.id))]
        assert [base["contacts"][0]["phone"] for base in bases[2:4]] == ["03", "02"]
        assert [base["name"] for base in bases[1:4]] == ["N1", "N2", "ERP 3"]
        waiting = session.scalars(select(Link.erp_key).where(Link.changed_at.is_not(None)).order_by(Link.id)).all()
        # The two that were edited, and the names decided for the CRM.
        assert waiting == ["C000000", "C000001", *(f"C{n:06}" for n in range(3, 1_200, 2))]


@pytest.mark.req("NEW-03")
def test_ten_thousand_are_a_matter_of_seconds(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    with store.writing() as session:
        number = crowd(session, 10_000)
    with store.writing() as session:
        begun = time.monotonic()
        done = resolve_many(session, number, ConflictFilter(), Take.ERP, at=LATER, by=None)
        spent = time.monotonic() - begun
    store.close()

    assert (done.done, done.refused) == (10_000, ())
    assert spent < 20  # 1.5 s on two idle cores


@pytest.mark.req("NEW-03")
def test_a_conflict_survives_later_edits_of_other_fields(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = parked(session, made, "name", "BIJOU SA", "BIJOU ERP")
        edit_company(session, made.company, {"web_site": "www.bijou.fr"}, Act(at=LATER, by="paul"))

    with store.writing() as session:
        done = resolve(session, number, Take.ERP, at=LATER, by="claire")

    with store.reading() as session:
        company, account = pair(session, made)
        assert done.done == 1
        assert (company.name, account.name, company.web_site) == ("BIJOU ERP", "BIJOU ERP", "www.bijou.fr")
        assert marked(session, made)
