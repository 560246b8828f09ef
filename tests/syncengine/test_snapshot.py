"""A tiers as plain values, and what a Link keeps of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.fields import ABSENT
from contracts.tables import ADDRESS, CONTACT, FREE_FIELD_VALUE, TIERS
from syncengine.core.snapshot import CHILDREN, LEAVES, base_text, compact, dump, load, snapshot

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


@given(tiers())
def test_what_a_link_keeps_of_a_record_is_the_record(record: Any) -> None:
    now = snapshot(record)

    assert load(dump(now)) == load(base_text(record, compact(now["free_fields"]))) == now


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
