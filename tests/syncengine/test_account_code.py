"""The code comptable: what may be entered, what it becomes, what is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.core.account_code import (
    AUTO_ERP,
    CODE_LENGTH,
    WAITING,
    entered_code,
    initial_code,
    numbered_code,
    sent_code,
    with_suffix,
)
from syncengine.errors import InputRefused
from syncengine.model import CodeMode


@pytest.mark.req("CRM-21", "CRM-22", "CRM-23")
def test_a_company_without_tiers_shows_what_the_mode_gives_it() -> None:
    assert [initial_code(mode) for mode in (CodeMode.FREE, CodeMode.ERP, CodeMode.CRM)] == [
        "[ATTENTE]",
        "<AUTOERP>",
        None,
    ]


@pytest.mark.req("CRM-23")
def test_a_marker_is_never_sent() -> None:
    assert [sent_code(code) for code in (WAITING, AUTO_ERP, None, "", "BIJOU")] == ["", "", "", "", "BIJOU"]


@pytest.mark.req("CRM-20", "CRM-22")
@pytest.mark.parametrize(
    ("typed", "suffix", "code"),
    [
        ("bijou", "", "BIJOU"),
        ("  BIJOU\t", "", "BIJOU"),
        ("411BIJOU", "FR", "411BIJOUFR"),
        ("411BIJOUFR", "FR", "411BIJOUFR"),
        ("fr", "FR", "FRFR"),
        ("A" * 17, "", "A" * 17),
        ("A" * 15, "fr", "A" * 15 + "FR"),
        ("A" * 15 + "FR", "FR", "A" * 15 + "FR"),
    ],
)
def test_an_entry_becomes_capitals_with_the_suffix_once(typed: str, suffix: str, code: str) -> None:
    assert entered_code(typed, suffix) == code
    assert entered_code(code, suffix) == code


@pytest.mark.req("CRM-20", "CRM-21", "CRM-22")
@pytest.mark.parametrize(
    ("typed", "suffix", "reason"),
    [
        ("", "", "code_missing"),
        ("   ", "", "code_missing"),
        (None, "", "code_missing"),
        ("[ATTENTE]", "", "code_missing"),
        ("[attente]", "", "code_missing"),
        ("<AUTOERP>", "", "code_missing"),
        ("BI JOU", "", "code_invalid"),
        ("BI-JOU", "", "code_invalid"),
        ("BIJOUX\u00c9", "", "code_invalid"),
        ("\u0663\u0663", "", "code_invalid"),
        ("BIJOU\n1", "", "code_invalid"),
        ("A" * 18, "", "code_too_long"),
        ("A" * 16, "FR", "code_too_long"),
        ("A" * 17, "FR", "code_too_long"),
    ],
)
def test_what_is_no_code_is_refused_with_what_to_do(typed: str | None, suffix: str, reason: str) -> None:
    with pytest.raises(InputRefused) as refused:
        entered_code(typed, suffix)
    assert (refused.value.problem_code, refused.value.field, bool(refused.value.remedy)) == (reason, "code", True)


@pytest.mark.req("CRM-22")
def test_the_number_of_the_account_with_the_suffix_is_its_code() -> None:
    assert (numbered_code(4711), numbered_code(4711, "fr")) == ("4711", "4711FR")
    with pytest.raises(InputRefused) as refused:
        numbered_code(12345678, "ABCDEFGHIJ")
    assert refused.value.problem_code == "code_too_long"


@pytest.mark.req("CRM-20", "CRM-22")
@given(st.text("AB1", min_size=1, max_size=17), st.text("AB1", max_size=10))
def test_a_code_that_is_shown_and_saved_again_stays_as_it_is(typed: str, suffix: str) -> None:
    try:
        code = entered_code(typed, suffix)
    except InputRefused:
        assert len(with_suffix(typed, suffix)) > CODE_LENGTH
        return
    assert entered_code(code, suffix) == code
    assert code.endswith(suffix)
    assert len(code) <= CODE_LENGTH
