"""How much a cycle may do before somebody must agree (NEW-06)."""

from __future__ import annotations

from typing import Any

import pytest

from syncengine.core.guards import DEFAULTS, Counts, Guards, Limit, Totals, breach, check
from syncengine.errors import InputRefused

OFF = dict.fromkeys(DEFAULTS)


@pytest.mark.req("NEW-06")
def test_a_plan_that_goes_too_far_is_told_in_words() -> None:
    totals = Totals(crm=Counts(changed=600), erp=Counts(deactivated=60))

    said = breach(totals, 1000, Guards())

    assert said == [
        "CRM: 600 tiers would be changed (60.0 % of the 1000 linked); the limit is 500 tiers and 25 %",
        "Sage 100: 60 tiers would be deactivated (6.0 % of the 1000 linked); the limit is 25 tiers and 5 %",
    ]


@pytest.mark.req("NEW-06")
@pytest.mark.parametrize(
    ("limit", "tiers", "linked", "stops"),
    [
        (Limit(count=10, percent=5), 11, 200, True),
        (Limit(count=10, percent=5), 10, 100, False),  # the count is not exceeded
        (Limit(count=10, percent=5), 11, 220, False),  # the share is not
        (Limit(count=10), 11, 1_000_000, True),
        (Limit(count=10), 10, 10, False),
        (Limit(percent=5), 1, 10, True),
        (Limit(percent=5), 5, 100, False),
        (Limit(percent=2.5), 26, 1000, True),
        (Limit(), 1, 1_000_000, True),
        (Limit(), 0, 0, False),
        (None, 10, 10, False),
    ],
)
@pytest.mark.parametrize("name", DEFAULTS)
def test_a_limit_stops_when_count_and_share_are_both_exceeded(
    name: str, limit: Limit | None, tiers: int, linked: int, stops: bool
) -> None:
    side, _, action = name.partition(".")
    figure = {"create": "created", "change": "changed", "deactivate": "deactivated"}[action]
    setting = None if limit is None else {"count": limit.count, "percent": limit.percent}
    check({name: setting})
    guards = Guards.read({**OFF, name: setting})
    totals = Totals(**{side: Counts(**{figure: tiers})})

    assert bool(breach(totals, linked, guards)) is stops


@pytest.mark.req("NEW-06", "CRM-13")
def test_the_first_synchronisation_is_not_stopped_for_creating_everything() -> None:
    totals = Totals(crm=Counts(created=100_000))
    strict = Guards.read({"crm.create": {"count": 10}})

    assert breach(totals, 0, strict) == []
    assert breach(totals, 5, Guards()) == []
    assert len(breach(totals, 5, strict)) == 1


@pytest.mark.req("NEW-06")
def test_what_is_not_set_has_the_default() -> None:
    guards = Guards.read({"crm.change": {"count": 3, "percent": 0}})

    assert guards.limits == {**DEFAULTS, "crm.change": Limit(count=3)}


@pytest.mark.req("NEW-06")
def test_a_limit_reads_as_it_was_set() -> None:
    limits = (Limit(count=3, percent=2.5), Limit(count=3), Limit(percent=5), Limit())

    assert [str(limit) for limit in limits] == ["3 tiers and 2.5 %", "3 tiers", "5 %", "none at all"]


@pytest.mark.req("NEW-06")
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"crm.delete": None}, "unknown_guard"),
        ({"": {"count": 1}}, "unknown_guard"),
        ({"crm.change": {}}, "guard_invalid"),
        ({"crm.change": 5}, "guard_invalid"),
        ({"crm.change": {"count": 1, "share": 2}}, "guard_invalid"),
        ({"crm.change": {"count": -1}}, "guard_invalid"),
        ({"crm.change": {"count": 1.5}}, "guard_invalid"),
        ({"crm.change": {"count": True}}, "guard_invalid"),
        ({"crm.change": {"count": "10"}}, "guard_invalid"),
        ({"crm.change": {"percent": 101}}, "guard_invalid"),
        ({"crm.change": {"percent": -0.1}}, "guard_invalid"),
        ({"crm.change": {"percent": float("nan")}}, "guard_invalid"),
        ({"crm.change": {"percent": "5 %"}}, "guard_invalid"),
        ({"crm.change": {"percent": False}}, "guard_invalid"),
    ],
)
def test_a_guard_that_cannot_be_is_refused(settings: dict[str, Any], code: str) -> None:
    with pytest.raises(InputRefused) as refused:
        check(settings)

    assert (refused.value.problem_code, refused.value.field) == (code, next(iter(settings)))
    assert refused.value.remedy
