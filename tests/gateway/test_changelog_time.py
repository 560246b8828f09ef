"""Change detection against clocks: rounding to the minute, late commits, rows dated in the future, the hour put back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from threading import Event

import pytest
from sqlalchemy import Engine, update

from gateway.database import writing
from gateway.demo.edits import delete_tiers, edit_tiers, insert_tiers
from gateway.sage import F_COMPTET
from tests.gateway.base import START, Caller, Clock, make_base

pytestmark = pytest.mark.req("CRM-01")


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """Five clients, written long ago."""
    engine = make_base(database_url)
    yield engine
    engine.dispose()


def _edit(base: Engine, code: str, town: str, at: dt.datetime) -> None:
    with writing(base) as connection:
        edit_tiers(connection, code, at=at, CT_Ville=town)


def _minute(moment: dt.datetime) -> dt.datetime:
    """As a `smalldatetime` keeps it: to the nearest minute, up to 30 s ahead."""
    return (moment + dt.timedelta(seconds=30)).replace(second=0)


def test_two_edits_in_one_minute_are_both_told(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    caller.clock.advance(seconds=5)
    _edit(base, "T001", "Dijon", _minute(caller.clock.wall()))
    assert caller.pull().tiers["T001"].many("addresses")[0].text("town") == "Dijon"

    caller.clock.advance(seconds=10)
    _edit(base, "T001", "Reims", _minute(caller.clock.wall()))
    assert caller.pull().tiers["T001"].many("addresses")[0].text("town") == "Reims"
    assert caller.pull().nothing


def test_a_mark_rounded_ahead_is_not_passed_over(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    caller.clock.advance(seconds=45)
    _edit(base, "T002", "Dijon", _minute(caller.clock.wall()))

    assert list(caller.pull().tiers) == ["T002"]


def test_an_edit_that_commits_late_is_found(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()
    stamped = caller.clock.wall()

    caller.clock.advance(seconds=90)
    assert caller.pull().nothing
    _edit(base, "T003", "Dijon", stamped)

    assert list(caller.pull().tiers) == ["T003"]


def test_a_row_dated_in_the_future_hides_nothing(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()

    _edit(base, "T001", "Dijon", dt.datetime(2099, 1, 1))  # noqa: DTZ001 - the database server's wall clock
    assert list(caller.pull().tiers) == ["T001"]
    caller.clock.advance(hours=1)
    _edit(base, "T002", "Reims", caller.clock.wall())

    assert list(caller.pull().tiers) == ["T002"]
    _edit(base, "T001", "Lille", dt.datetime(2099, 1, 1))  # noqa: DTZ001
    assert list(caller.pull().tiers) == ["T001"]


@pytest.mark.parametrize(
    "before",
    [dt.datetime(2026, 10, 25, 0, 59, tzinfo=dt.UTC), dt.datetime(2026, 3, 29, 0, 59, tzinfo=dt.UTC)],
    ids=["put back", "put forward"],
)
def test_an_edit_around_the_change_of_the_hour_is_found(base: Engine, before: dt.datetime) -> None:
    caller = Caller(base, clock=Clock(before))
    caller.pull()

    caller.clock.advance(seconds=30)
    _edit(base, "T001", "Dijon", caller.clock.wall())
    caller.clock.advance(minutes=3)
    _edit(base, "T002", "Reims", caller.clock.wall())
    caller.clock.advance(minutes=30)

    assert sorted(caller.pull().tiers) == ["T001", "T002"]


def test_a_mass_update_larger_than_a_step_is_told_whole(database_url: str) -> None:
    base = make_base(database_url, tiers=1203)
    caller = Caller(base)
    caller.pull()

    caller.clock.advance(hours=1)
    with writing(base) as connection:
        mass = update(F_COMPTET).where(F_COMPTET.c.CT_Type == 0)
        connection.execute(mass.values(CT_Pays="France", cbModification=caller.clock.wall()))
    told = caller.pull(page_size=100)

    assert len(told.tiers) == 1203
    assert caller.pull().nothing
    base.dispose()


def test_what_changed_without_a_mark_is_found_by_the_full_comparison(base: Engine) -> None:
    caller = Caller(base)
    caller.pull()
    with writing(base) as connection:
        connection.execute(update(F_COMPTET).where(F_COMPTET.c.CT_Num == "T005").values(CT_Ville="Metz"))
    caller.clock.advance(hours=1)
    assert caller.pull().nothing

    assert caller.log.compare_all(Event())

    assert list(caller.pull().tiers) == ["T005"]


def test_the_full_comparison_is_due_once_a_day_and_can_be_stopped(base: Engine) -> None:
    caller = Caller(base)
    day = dt.timedelta(hours=24)
    assert not caller.log.compare_due(day)
    caller.pull()
    assert not caller.log.compare_due(day)
    caller.clock.advance(hours=25)
    assert caller.log.compare_due(day)

    stop = Event()
    stop.set()
    assert not caller.log.compare_all(stop)
    assert caller.log.compare_due(day)
    assert caller.log.compare_all(Event())
    assert not caller.log.compare_due(day)


def test_a_deletion_and_a_creation_at_once_are_both_told(base: Engine) -> None:
    caller = Caller(base, clock=Clock(START))
    caller.pull()

    with writing(base) as connection:
        delete_tiers(connection, "T001")
        insert_tiers(connection, "NEUF", "Nouveau", at=caller.clock.wall())
    told = caller.pull()

    assert list(told.tiers) == ["NEUF"]
    assert told.gone == {"T001": "deleted"}
