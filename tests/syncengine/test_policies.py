"""Who wins a clash, what may be chosen, and the paths that choices and conflicts are about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncengine.core.paths import field_of, is_new, join, new_key, place, row_id, split
from syncengine.core.policies import Ages, Policies, Policy, check, decide
from syncengine.errors import InputRefused
from syncengine.model.journal import Rule, Side

HOUR, TOLERANCE = timedelta(hours=1), timedelta(minutes=5)


@pytest.mark.req("NEW-03")
def test_the_most_specific_policy_chosen_is_the_one() -> None:
    chosen = Policies(chosen={"": "crm_wins", "contact": "ask", "contact.phone": "most_recent"})

    assert chosen.of("name") is Policy.CRM_WINS
    assert chosen.of("addresses/billing/town") is Policy.CRM_WINS
    assert chosen.of("contacts/7/last_name") is Policy.ASK
    assert chosen.of("contacts/+12/phone") is Policy.MOST_RECENT
    assert Policies(chosen={"contact": "ask"}).of("phone") is Policy.ERP_WINS
    assert Policies().of("name") is Policy.ERP_WINS


@pytest.mark.req("NEW-03")
def test_every_policy_has_a_name_of_its_own_for_the_user() -> None:
    assert len({policy.label for policy in Policy}) == len(Policy) == 4
    assert Policy.ERP_WINS.label == "Sage 100 l'emporte"


@pytest.mark.req("NEW-03")
def test_policies_of_fields_that_both_sides_change_are_accepted() -> None:
    check(
        {
            "": "ask",
            "account": "crm_wins",
            "account.name": "most_recent",
            "address.title": "ask",
            "contact.email": "ask",
        }
    )


@pytest.mark.req("NEW-03", "CRM-40")
@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({"company": "ask"}, "unknown_field"),
        ({"account.": "ask"}, "unknown_field"),
        ({"contact.siret": "ask"}, "unknown_field"),
        ({"name": "ask"}, "unknown_field"),
        ({"account.payer": "crm_wins"}, "field_from_erp"),
        ({"account.code": "crm_wins"}, "field_from_erp"),
        ({"account.free_fields": "crm_wins"}, "field_from_erp"),
        ({"account.contacts": "crm_wins"}, "field_from_erp"),
        ({"address.main": "crm_wins"}, "field_from_erp"),
        ({"account.name": "newest"}, "unknown_policy"),
        ({"": None}, "unknown_policy"),
        ({"": ["ask"]}, "unknown_policy"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(chosen: dict[str, Any], code: str) -> None:
    with pytest.raises(InputRefused) as refused:
        check(chosen)

    assert refused.value.problem_code == code
    assert refused.value.remedy


@pytest.mark.req("NEW-01", "NEW-03")
@pytest.mark.parametrize(
    ("crm", "erp", "winner"),
    [
        (HOUR, 3 * HOUR, Side.CRM),
        (3 * HOUR, HOUR, Side.ERP),
        (timedelta(0), TOLERANCE, None),
        (TOLERANCE, timedelta(0), None),
        (timedelta(0), TOLERANCE + timedelta(seconds=1), Side.CRM),
        (None, HOUR, None),
        (HOUR, None, None),
        (-24 * HOUR, HOUR, None),
        (HOUR, -24 * HOUR, None),
        (-timedelta(seconds=2), HOUR, Side.CRM),
    ],
)
def test_most_recent_asks_where_the_clocks_cannot_tell(
    crm: timedelta | None, erp: timedelta | None, winner: Side | None
) -> None:
    ages = Ages(crm=crm, erp=erp, tolerance=TOLERANCE)

    side, rule = decide(Policy.MOST_RECENT, ages)

    assert side is winner
    assert rule is (Rule.ASKED if winner is None else Rule.MOST_RECENT)


def test_the_other_policies_need_no_clock() -> None:
    assert decide(Policy.ERP_WINS, None) == (Side.ERP, Rule.ERP_WINS)
    assert decide(Policy.CRM_WINS, None) == (Side.CRM, Rule.CRM_WINS)
    assert decide(Policy.ASK, Ages(crm=HOUR, erp=3 * HOUR, tolerance=TOLERANCE)) == (None, Rule.ASKED)
    assert decide(Policy.MOST_RECENT, None) == (None, Rule.ASKED)


@pytest.mark.parametrize(
    ("path", "entity", "key", "attr"),
    [
        ("name", "account", None, "name"),
        ("free_fields", "account", None, "free_fields"),
        ("contacts/7/phone", "contact", "7", "phone"),
        ("contacts/+12/phone", "contact", "+12", "phone"),
        ("contacts/7", "contact", "7", ""),
        ("addresses/billing/town", "address", "billing", "town"),
    ],
)
def test_a_path_says_where_a_value_is(path: str, entity: str, key: str | None, attr: str) -> None:
    assert place(path) == (entity, key, attr)
    name, number, leaf = split(path)
    assert (join(name, number, leaf) if name else leaf) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nom",
        "version",
        "contacts",
        "contacts/",
        "contacts//phone",
        "contacts/7/",
        "contacts/7/town",
        "phones/7/a",
        "/7/a",
    ],
)
def test_a_path_to_nowhere_is_refused(path: str) -> None:
    with pytest.raises(InputRefused) as refused:
        place(path)

    assert (refused.value.problem_code, refused.value.field) == ("unknown_field", path)


def test_the_field_of_a_path_is_that_of_the_contract() -> None:
    assert field_of("contacts/7/last_name").label == "Nom"
    assert field_of("siret").length == 15
    for path in ("contacts/7", "free_fields"):
        with pytest.raises(InputRefused):
            field_of(path)


def test_a_child_the_erp_does_not_have_goes_by_its_row() -> None:
    assert (new_key(12), row_id("+12"), is_new("+12")) == ("+12", 12, True)
    assert (row_id("7"), row_id("billing"), row_id("+x"), is_new("7")) == (None, None, None, False)
