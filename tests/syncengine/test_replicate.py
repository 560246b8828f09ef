"""Replication Account → Company and the rules of the integration, as pure functions."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.errors import InvalidRecord
from contracts.tables import ADDRESS, CLIENT, SUPPLIER, TIERS
from syncengine.core.replicate import Rules, status_of, to_company
from syncengine.model import AssignmentRule

LISTS = {
    "currency": ("0", "2"),
    "accounting_category": ("1", "2"),
    "price_category": ("3", "4"),
    "language": ("0",),
}


def rules(**changes: Any) -> Rules:
    given: dict[str, Any] = {
        "integration_id": 1,
        "cycle_id": 1,
        "client_type": "client",
        "supplier_type": "fournisseur",
        "parameters": LISTS,
        "representatives": {"7": 70, "8": None},
    }
    return Rules(**given | changes)


def tiers(**changes: Any) -> Any:
    return TIERS.record(**{"code": "C1", "type": CLIENT, "name": "Un"} | changes)


@pytest.mark.req("CRM-26")
def test_empty_listed_fields_take_the_first_of_the_list_and_given_ones_stay() -> None:
    record = rules().with_defaults(tiers(price_category="4", currency=None))

    assert record.text("currency") == "0"
    assert record.text("accounting_category") == "1"
    assert record.text("price_category") == "4"
    assert record.text("language") == "0"


@pytest.mark.req("CRM-35")
def test_a_new_tiers_gets_the_company_type_of_its_kind() -> None:
    assert rules().company_type(CLIENT) == "client"
    assert rules().company_type(SUPPLIER) == "fournisseur"


@pytest.mark.req("CRM-35")
def test_the_company_type_follows_a_tiers_that_changes_its_kind_unless_it_stands_for_it_already() -> None:
    mapped = rules(company_types={"client": CLIENT, "prospect": CLIENT, "fournisseur": SUPPLIER})

    assert mapped.following_type(SUPPLIER, "prospect") == "fournisseur"
    assert mapped.following_type(CLIENT, "prospect") == "prospect"
    assert mapped.following_type(CLIENT, "fournisseur") == "client"


@pytest.mark.req("CRM-16")
def test_suppliers_go_to_their_own_territory_when_there_is_one() -> None:
    assert rules(territory_id=1).territory(SUPPLIER) == 1
    assert rules(territory_id=1, supplier_territory_id=2).territory(SUPPLIER) == 2
    assert rules(territory_id=1, supplier_territory_id=2).territory(CLIENT) == 1


@pytest.mark.req("CRM-17")
@pytest.mark.parametrize(
    ("rule", "representative", "current", "expected"),
    [
        (AssignmentRule.AUTOMATIC, "7", 5, 70),
        (AssignmentRule.AUTOMATIC, "8", 5, 5),
        (AssignmentRule.AUTOMATIC, None, None, 9),
        (AssignmentRule.IF_EMPTY, "7", 5, 5),
        (AssignmentRule.IF_EMPTY, "7", None, 70),
        (AssignmentRule.NONE, "7", None, 9),
        (AssignmentRule.NONE, "7", 5, 5),
    ],
)
def test_the_manager_follows_the_representative_as_the_rule_says(
    rule: AssignmentRule, representative: str | None, current: int | None, expected: int
) -> None:
    assert rules(manager_rule=rule, manager_id=9).manager(representative, current) == expected


@pytest.mark.req("CRM-29")
def test_replication_takes_what_a_company_holds_and_leaves_the_rest() -> None:
    changed = {
        "name": "Deux",
        "status": "inactive",
        "free_values": {"A": "1"},
        "phone": "01",
        "type": SUPPLIER,
        "dormant": True,
    }

    assert to_company(changed) == {"name": "Deux", "status": "inactive", "free_values": {"A": "1"}}
    assert (status_of(True), status_of(False), status_of(None)) == ("inactive", "active", "active")


@pytest.mark.req("CRM-49")
@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"code": None}, "code_missing", "Code"),
        ({"name": None}, "name_missing", "Name"),
        ({"accounting_category": "9"}, "unknown_accounting_category", "AccountingCategory"),
        ({"price_category": "9"}, "unknown_price_category", "PriceCategory"),
        ({"currency": "9"}, "unknown_currency", "Currency"),
        ({"representative": "9"}, "unknown_representative", "Representative"),
        ({"addresses": [ADDRESS.record(key="1"), ADDRESS.record(key="1")]}, "duplicate_child", "Addresses"),
    ],
)
def test_a_tiers_that_names_what_does_not_exist_is_refused_with_its_field(
    changes: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(InvalidRecord) as refused:
        rules().check(tiers(**changes))

    assert (refused.value.problem_code, refused.value.field) == (code, field)
    assert refused.value.remedy
