"""Every value written is explained: which cycle, which rule, who, the value before, and what is still to happen (NEW-04)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy.orm import Session

from syncengine.core.reasons import WORDS, why
from syncengine.crm.edits import add_contact, edit_company, edit_path
from syncengine.cycle.act import Act
from syncengine.desk.explanation import Explanation, Standing, explain
from syncengine.desk.history import lines_of_cycle, lines_of_record
from syncengine.errors import InputRefused
from syncengine.model import Conflict, ConflictState, Link, LinkState, Outbox, OutboxState, Side
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.store import Store
from tests.syncengine.conftest import NOW
from tests.syncengine.inbox import agreed, cycle, error, journal, link_of, parked
from tests.syncengine.records import company
from tests.syncengine.tied import ACT, LATER, Tied


def written(session: Session, made: Tied, number: int) -> None:
    """A cycle took a name, a number of a contact and a contact from the ERP, and sent a short name."""
    log = journal(session, made, number)
    log.value(Entity.ACCOUNT, made.account, "BIJOU", "name", "Avant", "BIJOU SA", Rule.ERP_WINS)
    log.value(
        Entity.COMPANY, made.company, "BIJOU", "name", "Avant", "BIJOU SA", Rule.REPLICATED, account_id=made.account
    )
    log.value(Entity.CONTACT, made.contact, "5", "mobile", "05", "06", Rule.ERP_CHANGED, account_id=made.account)
    gone = {"key": "9", "last_name": "Parti"}
    log.row(Entity.CONTACT, 99, "9", before=gone, after=None, rule=Rule.ERP_CHANGED, account_id=made.account)
    sent = ("short_name", None, "BIJOU", Rule.CRM_CHANGED)
    log.value(Entity.ACCOUNT, made.account, "BIJOU", *sent, side=Side.ERP)
    log.flush()


@pytest.mark.req("NEW-04")
def test_the_lines_of_a_cycle_say_where_what_and_why(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = cycle(session, made)
        written(session, made, number)
        written(session, made, cycle(session, made))

    with store.reading() as session:
        found = lines_of_cycle(session, number)
        page = lines_of_cycle(session, number, limit=2, after=found[1].id)
        with pytest.raises(InputRefused) as unknown:
            lines_of_cycle(session, 999)

    assert [(line.side.value, line.entity, line.path, line.label) for line in found] == [
        ("crm", "account", "name", "Intitulé"),
        ("crm", "company", "name", "Intitulé"),
        ("crm", "contact", "contacts/5/mobile", "Contact n° 5 – Portable"),
        ("crm", "contact", "contacts/9", "Contact n° 9"),
        ("erp", "account", "short_name", "Abrégé"),
    ]
    assert (found[0].before, found[0].after, found[0].lost) == ("Avant", "BIJOU SA", True)
    assert found[0].why.endswith("la règle du champ donne raison à Sage 100.")
    assert [line.lost for line in found[1:]] == [False] * 4
    assert (json.loads(found[3].before or ""), found[3].after) == ({"key": "9", "last_name": "Parti"}, None)
    assert {line.account_id for line in found} == {made.account}
    assert page == found[2:4]
    assert unknown.value.problem_code == "cycle_unknown"


@pytest.mark.req("NEW-04")
def test_the_lines_of_a_record_are_those_of_its_tiers_and_children_gone_ones_included(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        written(session, made, cycle(session, made))
        edit_company(session, made.company, {"name": "Nouveau"}, ACT)
        other = company(session, name="Autre")
        edit_company(session, other.id, {"name": "Une autre"}, ACT)

    with store.reading() as session:
        found = lines_of_record(session, made.company)
        pages, before = [], None
        while page := lines_of_record(session, made.company, limit=3, before=before):
            pages += page
            before = page[-1].id
        others = lines_of_record(session, other.id)
        with pytest.raises(InputRefused) as unknown:
            lines_of_record(session, 999)

    assert pages == found
    assert [(line.path, line.entity, line.by) for line in found[:3]] == [
        ("name", "account", "claire"),
        ("name", "company", "claire"),
        ("short_name", "account", None),
    ]
    assert {line.path for line in found} == {"name", "short_name", "contacts/5/mobile", "contacts/9"}
    assert [(line.path, line.after) for line in others] == [("name", "Une autre")]
    assert unknown.value.problem_code == "company_unknown"


@pytest.mark.req("NEW-04")
def test_every_rule_has_its_sentence() -> None:
    assert set(WORDS) == set(Rule)
    assert len(set(WORDS.values())) == len(WORDS)
    assert why("edited", "claire") == "Saisi dans le CRM. (claire)"
    assert why("of_a_newer_program") == "Règle « of_a_newer_program »."


def standing(store: Store, made: Tied, path: str) -> Explanation:
    with store.reading() as session:
        return explain(session, made.company, path)


@pytest.mark.req("NEW-04")
def test_a_field_is_explained_with_its_values_its_writes_and_who_lost(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        written(session, made, cycle(session, made))

    found = standing(store, made, "name")
    sent = standing(store, made, "short_name")
    mobile = standing(store, made, "contacts/5/mobile")
    gone = standing(store, made, "contacts/9/last_name")

    values = (found.company_value, found.account_value, found.base_value, found.erp_value)
    assert values == ("BIJOU SA", "BIJOU SA", "BIJOU SA", "BIJOU SA")
    assert (found.standing, found.standing.label) == (Standing.AGREED, "Identique des deux côtés")
    assert [(line.entity, line.rule, line.before) for line in found.writes] == [
        ("company", "replicated", "Avant"),
        ("account", "erp_wins", "Avant"),
    ]
    assert [(line.side, line.rule) for line in sent.writes] == [(Side.ERP, "crm_changed")]
    assert (mobile.label, mobile.account_value, mobile.base_value) == ("Contact n° 5 – Portable", "06", "06")
    assert [(line.path, line.before, line.after) for line in mobile.writes] == [("contacts/5/mobile", "05", "06")]
    assert [(line.path, line.after) for line in gone.writes] == [("contacts/9", None)]


@pytest.mark.req("NEW-04")
def test_an_explanation_says_what_is_still_to_happen(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        edit_company(session, made.company, {"name": "Nouveau", "status": "inactive"}, ACT)
        new = add_contact(session, made.company, {"last_name": "Neuf"}, ACT).id

    waiting = standing(store, made, "name")
    assert (waiting.standing, waiting.waiting_since, waiting.base_value) == (Standing.WAITING, LATER, "BIJOU SA")
    assert [(line.rule, line.by) for line in waiting.writes] == [("replicated", "claire"), ("edited", "claire")]
    assert standing(store, made, "email").standing is Standing.AGREED
    asleep = standing(store, made, "status")
    assert (asleep.path, asleep.company_value, asleep.account_value) == ("dormant", "inactive", "true")
    assert (asleep.standing, len(asleep.writes)) == (Standing.WAITING, 2)
    assert standing(store, made, f"contacts/+{new}/last_name").standing is Standing.WAITING

    def set_link(**values: Any) -> None:
        with store.writing() as session:
            for name, value in values.items():
                setattr(link_of(session, made), name, value)

    with store.writing() as session:
        changes = json.dumps(
            [["name", "BIJOU SA", "Nouveau", "crm_changed"], [f"contacts/+{new}", None, {}, "crm_changed"]]
        )
        write: dict[str, Any] = {"integration_id": made.integration, "account_id": made.account, "payload": "<Tiers/>"}
        session.add(
            Outbox(
                **write, transaction_id="t", action="update", changes=changes, created_at=NOW, state=OutboxState.SENT
            )
        )
    assert standing(store, made, "name").standing is Standing.UNDER_WAY
    assert standing(store, made, f"contacts/+{new}/last_name").standing is Standing.UNDER_WAY
    assert standing(store, made, "dormant").standing is Standing.WAITING
    with store.writing() as session:
        number = error(session, made.integration, "BIJOU", side=Side.ERP, local_id=made.account, field="Name")
    refused = standing(store, made, "name")
    assert (refused.standing, refused.error and refused.error.id) == (Standing.ERROR, number)
    with store.writing() as session:
        parked(session, made, "name", "Nouveau", "ERP")
    asked = standing(store, made, "name")
    assert (asked.standing, asked.erp_value, asked.base_value) == (Standing.CONFLICT, "ERP", "BIJOU SA")
    assert asked.conflict is not None
    assert asked.conflict.crm_value == "Nouveau"
    set_link(state=LinkState.TAKEN_OUT)
    assert standing(store, made, "name").standing is Standing.TAKEN_OUT
    set_link(state=LinkState.VANISHED)
    assert standing(store, made, "name").standing is Standing.GONE
    with store.writing() as session:
        for conflict in session.query(Conflict):
            session.delete(conflict)
        session.flush()
        session.delete(session.get_one(Link, made.link))
    assert standing(store, made, "name").standing is Standing.ERROR


@pytest.mark.req("NEW-04")
def test_fields_of_the_crm_alone_are_explained_and_others_refused(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        edit_company(session, made.company, {"manager_id": made.other_manager}, Act(at=LATER, by="paul"))
        prospect = company(session, name="Prospect").id
        edit_path(session, made.account, "contacts/5", None, ACT)

    manager = standing(store, made, "manager_id")
    assert (manager.company_value, manager.standing) == (str(made.other_manager), Standing.CRM_ONLY)
    assert [(line.rule, line.by) for line in manager.writes] == [("edited", "paul")]
    with store.reading() as session:
        alone = explain(session, prospect, "name")
        assert (alone.standing, alone.company_value, alone.account_value) == (Standing.CRM_ONLY, "Prospect", None)
        refused = []
        for company_id, path in ((999, "name"), (made.company, "nothing"), (made.company, "contacts/5")):
            with pytest.raises(InputRefused) as problem:
                explain(session, company_id, path)
            refused.append(problem.value.problem_code)
    assert refused == ["company_unknown", "unknown_field", "unknown_field"]
    removed = standing(store, made, "contacts/5/last_name")
    assert (removed.account_value, removed.base_value, removed.standing) == (None, "Martin", Standing.WAITING)
    assert [line.after for line in removed.writes] == [None]


@pytest.mark.req("NEW-04")
def test_a_decision_is_told_with_who_made_it(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        parked(session, made, "name", "BIJOU SA", "ERP", state=ConflictState.RESOLVED, rule="resolved")
        log = journal(session, made, None)
        log.value(Entity.ACCOUNT, made.account, "BIJOU", "name", "Perdu", "BIJOU SA", Rule.RESOLVED)
        log.flush()

    (line,) = standing(store, made, "name").writes
    assert (line.before, line.lost, line.why) == (
        "Perdu",
        True,
        "Les deux côtés avaient changé cette valeur ; le conflit a été tranché.",
    )
