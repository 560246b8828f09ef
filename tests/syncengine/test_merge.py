"""Three states of a tiers into one, case by case: values of the tiers, of its children, and children as a whole."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from syncengine.core.merge import Change, Merge, merge, sent
from syncengine.core.policies import Ages, Policies
from syncengine.core.snapshot import Snapshot, Values
from syncengine.model.journal import Rule

ASK = Policies(chosen={"": "ask"})
DUPONT = {"key": "7", "last_name": "Dupont", "phone": "01"}
BILLING = {"key": "billing", "kind": "billing", "title": "Facturation", "street": "1 rue A"}
DEPOT = {"key": "3", "kind": "delivery", "title": "Dépôt", "town": "Lyon"}


def merged(base: Snapshot, crm: Snapshot, erp: Snapshot, **options: Any) -> Merge:
    return merge(base, crm, erp, policies=options.pop("policies", Policies()), **options)


def contacts(*children: Values) -> Snapshot:
    return {"contacts": list(children)}


def addresses(*children: Values) -> Snapshot:
    return {"addresses": list(children)}


def row(child: Values, row_id: int = 12, **changed: Any) -> Values:
    """A child as the CRM has it; a value of None is taken out."""
    values = {**child, **changed, "id": row_id}
    return {attr: value for attr, value in values.items() if value is not None}


def came(path: str, values: Values, rule: Rule) -> Change:
    return Change(path=path, before=None, after=values, rule=rule)


def went(path: str, values: Values, rule: Rule) -> Change:
    return Change(path=path, before=values, after=None, rule=rule)


@pytest.mark.req("NEW-01")
@pytest.mark.guarantees
def test_two_people_who_change_two_fields_of_one_customer_both_keep_their_edit() -> None:
    base = {"name": "Bijou", "siret": "1"}

    result = merged(base, {"name": "Bijou SA", "siret": "1"}, {"name": "Bijou", "siret": "2"})

    assert result.erp == (Change(path="name", before="Bijou", after="Bijou SA", rule=Rule.CRM_CHANGED),)
    assert result.crm == (Change(path="siret", before="1", after="2", rule=Rule.ERP_CHANGED),)
    assert result.clashes == ()
    assert result.base == {"name": "Bijou", "siret": "2", "free_fields": {}}


@pytest.mark.req("NEW-01", "NEW-03")
@pytest.mark.parametrize(
    ("policy", "side", "rule"),
    [("erp_wins", "crm", Rule.ERP_WINS), ("crm_wins", "erp", Rule.CRM_WINS), ("most_recent", "crm", Rule.MOST_RECENT)],
)
def test_a_value_both_moved_apart_is_decided_by_its_policy(policy: str, side: str, rule: Rule) -> None:
    ages = Ages(crm=timedelta(hours=2), erp=timedelta(hours=1), tolerance=timedelta(minutes=5))

    result = merged(
        {"name": "A"}, {"name": "B"}, {"name": "C"}, policies=Policies(chosen={"account.name": policy}), ages=ages
    )

    [clash] = result.clashes
    assert (clash.path, clash.crm, clash.base, clash.erp, clash.rule) == ("name", "B", "A", "C", rule)
    [change] = result.crm + result.erp
    assert (change in getattr(result, side), change.rule) == (True, rule)
    assert result.base["name"] == "C"


@pytest.mark.req("NEW-03")
def test_a_value_that_must_be_asked_is_parked_and_the_rest_goes_on() -> None:
    base, crm, erp = {"name": "A", "siret": "1"}, {"name": "B", "siret": "2"}, {"name": "C", "siret": "1"}

    result = merged(base, crm, erp, policies=ASK)

    assert [clash.rule for clash in result.clashes] == [Rule.ASKED]
    assert [change.path for change in result.crm + result.erp] == ["siret"]
    assert result.base["name"] == "A"


@pytest.mark.req("NEW-01")
def test_the_same_edit_on_both_sides_is_agreement_and_a_tidied_value_is_no_change() -> None:
    base = {"name": "Bijou", "siret": "73282932000074"}

    result = merged(
        base,
        {"name": " Bijou\u00a0 SA ", "siret": "732 829 320 00074"},
        {"name": "Bijou SA", "siret": "73282932000074"},
        policies=ASK,
    )

    assert (result.crm, result.erp, result.clashes) == ((), (), ())
    assert result.base["name"] == "Bijou SA"


@pytest.mark.req("CRM-40", "CRM-35", "CRM-20")
@pytest.mark.parametrize("attr", ["type", "code", "payer", "collective_account", "statistic01", "risk_label"])
def test_what_only_the_erp_says_is_always_its_own(attr: str) -> None:
    result = merged({attr: "A"}, {attr: "B"}, {attr: "C"}, policies=Policies(chosen={"": "crm_wins"}))

    assert result.crm == (Change(path=attr, before="B", after="C", rule=Rule.ERP_CHANGED),)
    assert (result.erp, result.clashes) == ((), ())


@pytest.mark.req("CRM-46")
def test_free_fields_are_taken_from_the_erp_as_a_whole() -> None:
    mine, theirs = {"Zone": "Nord"}, {"Zone": "Sud", "Tri": "1"}

    result = merged({}, {"free_fields": mine}, {"free_fields": theirs})

    assert result.crm == (Change(path="free_fields", before=mine, after=theirs, rule=Rule.ERP_CHANGED),)
    assert merged({"free_fields": mine}, {"free_fields": mine}, {}).base["free_fields"] == mine


@pytest.mark.req("CRM-12")
def test_what_the_gateway_does_not_tell_is_neither_taken_nor_sent_and_stays_in_the_base() -> None:
    base = {"phone": "01", "contacts": [DUPONT], "addresses": [DEPOT]}
    crm = {"phone": "02", "contacts": [row(DUPONT, phone="02")], "addresses": [row(DEPOT, town="Nice")]}
    untold = frozenset({"phone", "addresses", "contacts/phone"})

    result = merged(base, crm, contacts({"key": "7", "last_name": "Durand"}), untold=untold)

    assert [change.path for change in result.crm] == ["contacts/7/last_name"]
    assert result.erp == ()
    assert result.base == {
        "phone": "01",
        "contacts": [{"key": "7", "last_name": "Durand", "phone": "01"}],
        "addresses": [DEPOT],
        "free_fields": {},
    }


@pytest.mark.req("CRM-12")
@pytest.mark.parametrize("side", ["crm", "erp"])
def test_a_list_that_a_side_never_told_is_left_alone(side: str) -> None:
    other = {"crm": ({}, contacts(DUPONT)), "erp": (contacts(row(DUPONT)), {})}[side]

    result = merged({}, *other)

    assert (result.crm, result.erp, "contacts" in result.base) == ((), (), False)


@pytest.mark.req("NEW-01", "CRM-45")
def test_fields_of_one_contact_changed_on_either_side_are_merged() -> None:
    result = merged(
        contacts(DUPONT),
        contacts(row(DUPONT, phone="02")),
        contacts({**DUPONT, "first_name": "Anne"}),
    )

    assert result.erp == (Change(path="contacts/7/phone", before="01", after="02", rule=Rule.CRM_CHANGED),)
    assert result.crm == (Change(path="contacts/7/first_name", before=None, after="Anne", rule=Rule.ERP_CHANGED),)


@pytest.mark.req("NEW-03", "CRM-39")
def test_a_parked_value_of_a_contact_keeps_its_former_base_and_leaves_the_inputs_alone() -> None:
    erp = contacts({**DUPONT, "phone": "03"})

    result = merged(contacts(DUPONT), contacts(row(DUPONT, phone="02")), erp, policies=ASK)

    assert [clash.path for clash in result.clashes] == ["contacts/7/phone"]
    assert result.base["contacts"] == [DUPONT]
    assert erp == contacts({**DUPONT, "phone": "03"})


@pytest.mark.req("CRM-45", "CRM-38")
def test_a_child_made_on_one_side_comes_to_the_other() -> None:
    new = {"id": 12, "kind": "delivery", "title": "Usine", "town": "Metz"}

    result = merged(
        addresses(BILLING) | contacts(),
        addresses(row(BILLING, 1), new) | contacts(),
        addresses(BILLING) | contacts(DUPONT),
    )

    sent_values = {"kind": "delivery", "title": "Usine", "town": "Metz"}
    assert result.erp == (came("addresses/+12", sent_values, Rule.CRM_CHANGED),)
    assert result.crm == (came("contacts/7", DUPONT, Rule.ERP_CHANGED),)
    assert (result.base["addresses"], result.base["contacts"]) == ([BILLING], [DUPONT])


@pytest.mark.req("CRM-45", "CRM-38")
def test_a_child_removed_on_one_side_goes_on_the_other_unless_that_changed_it() -> None:
    other = {"key": "8", "last_name": "Martin"}
    both, base = (row(DUPONT, 1), row(other, 2)), contacts(DUPONT, other)

    gone_in_erp = merged(base, contacts(*both), contacts(other))
    gone_in_crm = merged(base, contacts(row(other, 2)), contacts(DUPONT, other))

    assert gone_in_erp.crm == (went("contacts/7", DUPONT, Rule.ERP_CHANGED),)
    assert gone_in_crm.erp == (went("contacts/7", DUPONT, Rule.CRM_CHANGED),)
    assert gone_in_crm.base["contacts"] == [DUPONT, other]
    gone_on_both = merged(base, contacts(row(other, 2)), contacts(other))
    assert (gone_on_both.crm, gone_on_both.erp, gone_on_both.base["contacts"]) == ((), (), [other])


@pytest.mark.req("NEW-01")
@pytest.mark.guarantees
def test_an_edit_beats_a_delete_on_the_other_side() -> None:
    edited = {**DUPONT, "phone": "02"}

    kept = merged(contacts(DUPONT), contacts(row(DUPONT, phone="02")), contacts())
    back = merged(contacts(DUPONT), contacts(), contacts(edited))

    assert kept.crm == ()
    assert kept.erp == (came("contacts/+12", {"last_name": "Dupont", "phone": "02"}, Rule.EDIT_BEATS_DELETE),)
    assert (kept.keys, kept.base["contacts"]) == ({("contacts", 12): None}, [])
    assert back.crm == (came("contacts/7", edited, Rule.EDIT_BEATS_DELETE),)
    assert (back.erp, back.base["contacts"]) == ((), [edited])


@pytest.mark.req("CRM-38")
def test_a_tidied_value_or_a_flag_of_the_erp_is_no_edit_that_would_beat_a_delete() -> None:
    result = merged(addresses(DEPOT), addresses(row(DEPOT, town=" Lyon ")), addresses())
    flagged = merged(addresses(DEPOT), addresses(), addresses({**DEPOT, "main": True}))

    assert [(change.path, change.after) for change in result.crm] == [("addresses/3", None)]
    assert [(change.path, change.after) for change in flagged.erp] == [("addresses/3", None)]


@pytest.mark.req("CRM-38")
def test_the_billing_address_is_never_removed_and_a_missing_one_comes() -> None:
    base, none = addresses(BILLING), addresses()

    lost_in_crm = merged(base, none, base)
    lost_in_erp = [
        merged(agreed, addresses(mine), none)
        for agreed, mine in ((base, row(BILLING)), (base, row(BILLING, key=None)), (none, row(BILLING)))
    ]

    assert lost_in_crm.crm == (came("addresses/billing", BILLING, Rule.ERP_CHANGED),)
    assert lost_in_crm.erp == ()
    assert [(result.crm, result.erp) for result in lost_in_erp] == [((), ())] * 3
    assert [result.base["addresses"] for result in lost_in_erp] == [[BILLING], [BILLING], []]


@pytest.mark.req("CRM-26", "CRM-38")
def test_the_billing_address_of_a_new_tiers_is_the_erps_whatever_its_title() -> None:
    mine = {"id": 4, "kind": "billing", "title": "Siège", "street": "1 rue A"}

    result = merged({}, addresses(mine), addresses(BILLING))

    assert result.keys == {("addresses", 4): "billing"}
    assert [(c.path, c.after) for c in result.crm] == [("addresses/billing/title", "Facturation")]
    assert (result.erp, result.clashes) == ((), ())


@pytest.mark.req("CRM-42")
def test_the_delivery_copy_of_the_billing_address_comes_beside_it() -> None:
    copy = {**BILLING, "key": "1", "kind": "delivery"}

    result = merged(addresses(BILLING), addresses(row(BILLING)), addresses(BILLING, copy))

    assert result.crm == (came("addresses/1", copy, Rule.ERP_CHANGED),)
    assert (result.erp, result.keys) == ((), {})


@pytest.mark.req("CRM-41")
def test_an_erp_title_comes_back_and_that_of_the_billing_address_is_the_erps() -> None:
    renamed = {**DEPOT, "title": "Dépôt 2"}
    crm = addresses(row(BILLING, 1, title="Siège"), row(DEPOT, 2, title="Entrepôt"))

    result = merged(addresses(BILLING, DEPOT), crm, addresses(BILLING, renamed))

    assert [(c.path, c.after, c.rule) for c in result.crm] == [
        ("addresses/billing/title", "Facturation", Rule.ERP_CHANGED),
        ("addresses/3/title", "Dépôt 2", Rule.ERP_WINS),
    ]


@pytest.mark.req("CRM-44")
def test_the_order_of_children_is_no_change_and_the_base_has_that_of_the_erp() -> None:
    first, second = DUPONT, {"key": "8", "last_name": "Martin"}

    result = merged(contacts(first, second), contacts(row(first, 1), row(second, 2)), contacts(second, first))

    assert (result.crm, result.erp) == ((), ())
    assert result.base["contacts"] == [second, first]


@pytest.mark.req("NEW-05")
@pytest.mark.guarantees
def test_a_contact_that_was_sent_is_known_again_under_its_new_number() -> None:
    crm = contacts({"id": 12, "last_name": "Dupont", "phone": "01"})
    first = merged(contacts(), crm, contacts())
    wire = json.loads(json.dumps([[c.path, c.before, c.after, c.rule] for c in first.erp]))
    changes = [Change(path=path, before=before, after=after, rule=Rule(rule)) for path, before, after, rule in wire]

    agreed = sent(first.base, changes)
    read_back = merged(agreed, contacts({"id": 12, "last_name": "Dupont", "phone": "02"}), contacts(DUPONT))
    removed = merged(agreed, crm, contacts())

    assert agreed["contacts"] == [{"key": "+12", "last_name": "Dupont", "phone": "01"}]
    assert read_back.keys == {("contacts", 12): "7"}
    assert [change.path for change in read_back.erp] == ["contacts/7/phone"]
    assert [(change.path, change.after) for change in removed.crm] == [("contacts/+12", None)]


def test_what_was_sent_but_never_read_back_is_agreed_under_its_row() -> None:
    agreed = contacts({"key": "+12", "last_name": "Dupont", "phone": "01"})
    mine = {"id": 12, "last_name": "Dupont", "phone": "02"}

    result = merged(agreed, contacts(mine), agreed)

    assert [(change.path, change.before, change.after) for change in result.erp] == [("contacts/+12/phone", "01", "02")]
    assert result.keys == {}
    assert sent(agreed, result.erp) == contacts({"key": "+12", "last_name": "Dupont", "phone": "02"})


def test_what_was_sent_changes_the_base_and_leaves_the_former_one_as_it_was() -> None:
    base = {"name": "A", "siret": "1", "contacts": [DUPONT, {"key": "8", "last_name": "Martin"}]}
    before = json.loads(json.dumps(base))
    changes = [
        Change(path="name", before="A", after="B", rule=Rule.CRM_CHANGED),
        Change(path="siret", before="1", after=None, rule=Rule.CRM_CHANGED),
        Change(path="contacts/7/phone", before="01", after=None, rule=Rule.CRM_CHANGED),
        Change(path="contacts/99/phone", before="01", after="02", rule=Rule.CRM_CHANGED),
        went("contacts/8", {"key": "8", "last_name": "Martin"}, Rule.CRM_CHANGED),
        came("addresses/+3", {"kind": "delivery", "town": "Metz"}, Rule.CRM_CHANGED),
    ]

    agreed = sent(base, changes)

    assert agreed == {
        "name": "B",
        "contacts": [{"key": "7", "last_name": "Dupont"}],
        "addresses": [{"key": "+3", "kind": "delivery", "town": "Metz"}],
    }
    assert sent(agreed, changes) == agreed
    assert base == before
