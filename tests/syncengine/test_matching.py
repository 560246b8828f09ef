"""Children of both sides brought together: by number, then by content."""

from __future__ import annotations

import pytest

from syncengine.core.matching import match
from syncengine.core.snapshot import Values

MARTIN = {"key": "8", "last_name": "Martin", "first_name": "Éloïse", "email": "e@x.fr"}


def pairs(name: str, base: list[Values], crm: list[Values], erp: list[Values]) -> set[tuple[int | None, str | None]]:
    """(row, number) of every child."""
    return {
        (trio.crm["id"] if trio.crm else None, trio.erp["key"] if trio.erp else None)
        for trio in match(name, base, crm, erp)
    }


@pytest.mark.req("NEW-01")
def test_the_number_decides_whatever_the_names() -> None:
    crm = [{"id": 1, "key": "8", "last_name": "Durand"}, {"id": 2, "last_name": "Martin", "first_name": "Éloïse"}]

    assert pairs("contacts", [MARTIN], crm, [MARTIN]) == {(1, "8"), (2, None)}


@pytest.mark.req("NEW-05", "CRM-45")
@pytest.mark.parametrize(
    "mine",
    [
        {"last_name": "MARTIN", "first_name": " Eloise "},
        {"last_name": "Martin", "first_name": "Éloïse", "email": "other@x.fr"},
        {"email": "E@X.FR"},
    ],
    ids=["case and accents", "name before e-mail", "e-mail without a name"],
)
def test_a_contact_made_on_both_sides_is_one(mine: Values) -> None:
    assert pairs("contacts", [], [{"id": 1, **mine}], [MARTIN]) == {(1, "8")}


def test_two_people_with_one_e_mail_address_are_two() -> None:
    mine = {"id": 1, "last_name": "Durand", "email": "e@x.fr"}

    assert pairs("contacts", [], [mine], [MARTIN]) == {(1, None), (None, "8")}


@pytest.mark.req("CRM-41", "CRM-38")
def test_an_address_is_known_by_its_title_else_by_where_it_is() -> None:
    told = {
        "key": "3",
        "kind": "delivery",
        "title": "Usine 2",
        "street": "1 rue A",
        "postcode": "57000",
        "town": "Metz",
    }
    place = {attr: told[attr] for attr in ("street", "postcode", "town")}

    assert pairs("addresses", [], [{"id": 1, "title": "usine 2", "town": "Nancy"}], [told]) == {(1, "3")}
    assert pairs("addresses", [], [{"id": 1, **place}], [told]) == {(1, "3")}
    assert pairs("addresses", [], [{"id": 1, **place, "title": "Bureau"}], [told]) == {(1, None), (None, "3")}


def test_the_billing_address_is_matched_as_such_only() -> None:
    place = {"street": "1 rue A", "town": "Metz"}
    billing = {"key": "billing", "kind": "billing", **place}
    copy = {"key": "1", "kind": "delivery", **place}
    crm = [{"id": 5, "kind": "delivery", **place}, {"id": 6, "kind": "billing", **place}]

    assert pairs("addresses", [], crm, [billing, copy]) == {(6, "billing"), (5, "1")}
    assert pairs("addresses", [], crm[:1], [billing]) == {(5, None), (None, "billing")}
    assert pairs("addresses", [], crm[1:], [copy]) == {(6, None), (None, "1")}


@pytest.mark.req("NEW-05")
def test_a_contact_deleted_and_made_again_under_a_new_number_is_the_same() -> None:
    again = {**MARTIN, "key": "9", "phone": "01"}

    edited_here = [{**MARTIN, "id": 1, "last_name": "Martin-Roy"}]
    [trio] = match("contacts", [MARTIN], edited_here, [again])

    assert (trio.base, trio.crm, trio.erp) == (MARTIN, edited_here[0], again)


def test_a_row_deleted_and_made_again_in_the_crm_keeps_its_number() -> None:
    row = {"id": 2, "last_name": "martin", "first_name": "éloïse"}

    [trio] = match("contacts", [MARTIN], [row], [MARTIN])

    assert (trio.base, trio.crm, trio.erp) == (MARTIN, row, MARTIN)


def test_namesakes_each_removed_on_another_side_are_not_one() -> None:
    twin = {**MARTIN, "key": "9"}

    assert pairs("contacts", [MARTIN, twin], [{**MARTIN, "id": 1}], [twin]) == {(1, None), (None, "9")}


def test_two_rows_like_one_child_take_it_once_in_the_order_of_the_list() -> None:
    crm = [{"id": 1, "last_name": "Martin"}, {"id": 2, "last_name": "Martin"}]
    namesakes = [{"key": "8", "last_name": "MARTIN"}, {"key": "9", "last_name": "Martin", "phone": "02"}]

    assert pairs("contacts", [], crm, namesakes[:1]) == {(1, "8"), (2, None)}
    assert pairs("contacts", [], crm, namesakes) == {(1, "8"), (2, "9")}


def test_the_surest_likeness_comes_first() -> None:
    crm = [{"id": 1, "last_name": "Martin"}, {"id": 2, "last_name": "Martin", "phone": "02"}]
    namesakes = [{"key": "8", "last_name": "Martin", "phone": "02"}, {"key": "9", "last_name": "Martin", "phone": "03"}]

    assert pairs("contacts", [], crm, namesakes) == {(2, "8"), (1, "9")}


def test_children_without_content_are_like_nobody() -> None:
    assert pairs("contacts", [], [{"id": 1}, {"id": 2, "last_name": " "}], [{"key": "8"}]) == {
        (1, None),
        (2, None),
        (None, "8"),
    }


def test_children_come_in_the_order_of_the_erp_then_of_the_crm_and_those_gone_on_both_do_not() -> None:
    base = [{"key": "1", "last_name": "A"}, {"key": "2", "last_name": "B"}, {"key": "3", "last_name": "C"}]
    crm = [{"id": 10, "last_name": "Z"}, {"id": 1, **base[0]}, {"id": 2, **base[1]}]

    found = [
        (trio.erp or {}).get("key") or (trio.crm or {}).get("id") for trio in match("contacts", base, crm, base[1::-1])
    ]

    assert found == ["2", "1", 10]


SENT = {"key": "+7", "kind": "delivery", "complement": "Bâtiment C"}
MADE = {"key": "9", "kind": "delivery", "title": "Acme 2", "complement": "Bâtiment C"}


@pytest.mark.req("NEW-05", "CRM-41")
def test_a_child_that_was_sent_is_what_holds_all_of_it_and_least_else() -> None:
    others = [{**MADE, "key": "5", "town": "Metz"}, {"key": "6", "kind": "delivery", "title": "Acme 3"}]
    row = {**SENT, "id": 7}
    del row["key"]

    found = list(match("addresses", [SENT], [row], [*others, MADE]))

    assert [(trio.base, trio.crm) for trio in found] == [(None, None), (None, None), (SENT, row)]
    assert pairs("addresses", [SENT], [row], others[1:]) == {(None, "6"), (7, None)}


@pytest.mark.req("NEW-05", "CRM-41")
@pytest.mark.parametrize(
    ("name", "sent", "made", "filled"),
    [
        ("addresses", SENT, MADE, {"title": "Acme 2"}),
        ("contacts", {**MARTIN, "key": "+7"}, {**MARTIN, "civility": "M."}, {"civility": "M."}),
        ("contacts", {**MARTIN, "key": "+7"}, {**MARTIN, "phone": "01"}, {}),
        ("addresses", {**SENT, "title": "B"}, {**MADE, "title": "B", "town": "Metz"}, {}),
    ],
)
def test_a_child_that_was_sent_and_has_no_row_any_more_is_known_to_the_erp(
    name: str, sent: Values, made: Values, filled: Values
) -> None:
    [trio] = match(name, [sent], [], [made])

    # What the ERP fills in is nobody's edit; anything else it says beyond what was sent is one.
    assert trio == ({**sent, **filled, "key": made["key"]}, None, made)


@pytest.mark.req("NEW-05")
def test_a_child_that_was_sent_and_made_again_in_the_crm_is_one() -> None:
    row = {"id": 8, "last_name": "martin", "first_name": "éloïse"}
    sent = {**MARTIN, "key": "+7"}

    assert list(match("contacts", [sent], [row], [MARTIN])) == [(sent, row, MARTIN)]


@pytest.mark.req("NEW-05")
def test_what_was_sent_is_paired_before_what_is_only_alike() -> None:
    # Row 7 was renamed since, row 8 came: the ERP has made row 7, and knows nobody of the new name but its own.
    crm = [{"id": 7, "last_name": "Durand"}, {"id": 8, "last_name": "Martin"}]
    erp = [{"key": "1", "last_name": "Durand"}, {"key": "2", "last_name": "Martin"}]

    assert pairs("contacts", [{"key": "+7", "last_name": "Martin"}], crm, erp) == {(7, "2"), (8, None), (None, "1")}


@pytest.mark.req("CRM-38")
def test_the_billing_address_and_a_child_not_read_back_yet_are_no_echo() -> None:
    billing = {"key": "+7", "kind": "billing", "complement": "Bâtiment C"}

    assert next(iter(match("addresses", [billing], [], [MADE]))).base is None
    assert [trio.base for trio in match("addresses", [SENT], [], [SENT, MADE])] == [SENT, None]
