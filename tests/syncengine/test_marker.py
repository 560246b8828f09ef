"""The marker of an empty phone or e-mail: shown, gone on entry, never sent (CRM-43)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncengine.core.marker import MARKER, entered, shown

PIECES = st.one_of(
    st.text(max_size=8), st.sampled_from([MARKER, MARKER[:7], MARKER[7:], " ", "\u00a0", "01 44 55 66 77"])
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)


@pytest.mark.req("CRM-43")
def test_an_empty_field_shows_the_marker_only_when_it_is_linked() -> None:
    assert MARKER == "{Lié à Sage 100}"
    for empty in (None, "", " ", "\u00a0"):
        assert shown(empty, linked=True) == MARKER
        assert shown(empty, linked=False) is None
    for linked in (True, False):
        assert shown("01 44 55 66 77", linked=linked) == "01 44 55 66 77"


@pytest.mark.req("CRM-43")
def test_the_marker_disappears_on_entry() -> None:
    assert entered(MARKER) is None
    assert entered(f" {MARKER}\n") is None
    assert entered(unicodedata.normalize("NFD", MARKER)) is None
    assert entered(f"{MARKER}01 44 55 66 77") == "01 44 55 66 77"


@pytest.mark.req("CRM-43")
@given(TEXTS)
@example(MARKER[:7] + MARKER + MARKER[7:])
def test_whatever_is_entered_the_marker_is_not_in_what_leaves(text: str) -> None:
    value = entered(text)
    assert value is None or (value.strip() == value != "" and MARKER not in value)
    assert entered(value) == value
    if MARKER not in unicodedata.normalize("NFC", text):
        assert (value or "") == unicodedata.normalize("NFC", text).strip()


@pytest.mark.req("CRM-43")
@given(TEXTS, st.booleans())
def test_what_is_shown_and_saved_untouched_changes_nothing(text: str, linked: bool) -> None:
    kept = entered(text)
    assert entered(shown(kept, linked=linked)) == kept
