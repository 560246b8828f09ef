"""The pure part of a change: snapshots, and the difference between two of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.fields import ABSENT
from contracts.tables import ADDRESS, CONTACT, FREE_FIELD_VALUE, TIERS
from syncengine.snapshot import CHILDREN, LEAVES, Snapshot, difference, dump, load, snapshot

words = st.none() | st.text(max_size=8)
texts = st.fixed_dictionaries({attr: words for attr in LEAVES if attr != "dormant"} | {"dormant": st.booleans()})


def children(of: Any) -> st.SearchStrategy[list[Any]]:
    """Lists of children with distinct keys."""
    attrs = [attr for attr in of.index if attr not in {"key", "main"}]
    child = st.fixed_dictionaries(dict.fromkeys(attrs, words))
    keyed = st.lists(st.tuples(st.integers(1, 6), child), max_size=4, unique_by=lambda pair: pair[0])
    return keyed.map(lambda pairs: [of.record(key=str(key), **values) for key, values in pairs])


@st.composite
def tiers(draw: st.DrawFn) -> Any:
    free = draw(st.dictionaries(st.sampled_from("ABC"), words))
    return TIERS.record(
        **draw(texts),
        free_fields=[FREE_FIELD_VALUE.record(name=name, value=value) for name, value in free.items()],
        addresses=draw(children(ADDRESS)),
        contacts=draw(children(CONTACT)),
    )


def patched(base: Snapshot, now: Snapshot) -> Snapshot:
    """What the base becomes when the difference is applied: written from the outside, not with the code under test."""
    change = difference(base, now)
    result = {**base, **change.fields}
    result = {attr: value for attr, value in result.items() if value}
    if change.free_fields is not None:
        result["free_fields"] = change.free_fields
    for name in CHILDREN:
        kept = {child["key"]: child for child in base.get(name, [])}
        for child in change.children[name]:
            kept.pop(child.key, None)
            if child.after is not None:
                kept[child.key] = child.after
        result[name] = kept
    return result


@given(tiers(), tiers())
def test_the_difference_leads_from_the_base_to_what_the_erp_has_now(before: Any, after: Any) -> None:
    base, now = snapshot(before), snapshot(after)

    result = patched(base, now)

    for attr in LEAVES:
        assert result.get(attr) == now.get(attr)
    assert result.get("free_fields", {}) == now["free_fields"]
    for name in CHILDREN:
        assert result[name] == {child["key"]: child for child in now[name]}


@given(tiers())
def test_a_record_does_not_differ_from_itself_nor_from_what_a_link_keeps_of_it(record: Any) -> None:
    now = snapshot(record)

    assert not difference(now, now)
    assert not difference(load(dump(now)), snapshot(record))


@pytest.mark.req("CRM-12")
@given(tiers(), tiers())
def test_what_a_record_does_not_say_stays_as_it_was(before: Any, after: Any) -> None:
    base = snapshot(before)
    silent = TIERS.record(
        **{
            attr: value
            for attr, value in after.items()
            if attr not in {"phone", "fax", "email", "contacts", "addresses"}
        }
    )

    now = snapshot(silent, base)

    assert silent["contacts"] is ABSENT
    for name in ("phone", "fax", "email", *CHILDREN):
        assert now.get(name) == base.get(name)


def test_a_child_that_only_moved_is_a_change_of_position() -> None:
    first, second = ({"key": "1", "last_name": "A"}, {"key": "2", "last_name": "B"})

    change = difference({"contacts": [first, second]}, {"contacts": [second, first]})

    assert [(child.key, child.position) for child in change.children["contacts"]] == [("2", 0), ("1", 1)]
    assert all(child.before == child.after for child in change.children["contacts"])
