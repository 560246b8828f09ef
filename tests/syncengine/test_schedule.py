"""When cycles are due, as arithmetic: intervals, back-off, times of day in zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.core.schedule import FIRST_BACK_OFF, SPREAD, Daily, Timetable, spread

ZONES = ("Europe/Paris", "America/Martinique", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "UTC")
DAY = timedelta(days=1)

EPOCH = datetime(2005, 1, 1, tzinfo=UTC)

instants = st.timedeltas(timedelta(), timedelta(days=32 * 365)).map(lambda since: EPOCH + since)
times = st.times().map(lambda at: at.replace(fold=0))
intervals = st.integers(30, 7 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
numbers = st.integers(1, 200_000)


@st.composite
def dailies(draw: st.DrawFn) -> Daily:
    """A time of day, anywhere."""
    return Daily(at=draw(times), zone=draw(st.sampled_from(ZONES)), spread=spread(draw(numbers)))


@st.composite
def timetables(draw: st.DrawFn) -> Timetable:
    """With or without a daily totality."""
    return Timetable(number=draw(numbers), interval=draw(intervals), daily=draw(st.none() | dailies()))


@pytest.mark.req("CRM-07", "CRM-09")
@given(timetables(), instants, st.timedeltas(-3 * DAY, DAY))
def test_after_a_success_never_under_the_interval_and_never_later_than_the_daily_totality(
    table: Timetable, ended: datetime, since: timedelta
) -> None:
    due = table.after_success(ended, resynced=ended + since)
    assert ended <= due <= ended + table.interval
    if table.daily is None:
        assert due == ended + table.interval
    elif due < ended + table.interval:
        missed = table.totality_due(ended, resynced=ended + since)
        assert due == (ended if missed else table.daily.next(ended))


@pytest.mark.req("CRM-07", "CRM-09")
@given(timetables(), instants, st.integers(1, 10_000))
def test_after_a_failure_it_backs_off_up_to_the_interval_with_a_bounded_jitter(
    table: Timetable, ended: datetime, failures: int
) -> None:
    due = table.after_failure(ended, failures=failures, passing=True)
    pause = table.back_off(failures)
    plain = FIRST_BACK_OFF * 2 ** min(failures - 1, 20)
    assert min(plain, table.interval) <= pause <= min(plain * 1.5, table.interval)
    assert table.back_off(failures + 1) >= pause
    assert due == min(ended + pause, table.daily.next(ended) if table.daily else ended + pause)
    lasting = table.after_failure(ended, failures=failures, passing=False)
    assert lasting == min(ended + table.interval, table.daily.next(ended) if table.daily else ended + table.interval)


@pytest.mark.req("CRM-07")
def test_a_thousand_that_failed_together_do_not_come_back_together() -> None:
    tables = [Timetable(number=number, interval=timedelta(hours=1)) for number in range(1, 1001)]
    for failures in range(1, 6):
        pauses = sorted(table.back_off(failures).total_seconds() for table in tables)
        plain = 60 * 2 ** (failures - 1)
        busiest = max(sum(1 for pause in pauses if start <= pause < start + plain / 20) for start in pauses[::20])
        assert busiest < 150  # evenly it would be 100 in a tenth of the spread
    assert [table.back_off(3) for table in tables] == [table.back_off(3) for table in tables]


@pytest.mark.req("CRM-09")
@given(dailies(), instants)
def test_the_time_of_day_comes_once_a_local_day_whatever_the_clocks_do(daily: Daily, at: datetime) -> None:
    last, following = daily.last(at), daily.next(at)
    assert last <= at < following
    assert daily.next(last) == following
    assert daily.last(following) == following
    # One a day: an hour less or more where the clocks change, a whole day where a zone changes the side of the date line.
    assert DAY - timedelta(hours=2) <= following - last <= 2 * DAY


@pytest.mark.req("CRM-09")
@pytest.mark.parametrize(
    ("at", "year", "odd", "utc"),
    [
        (time(2, 30), 2027, date(2027, 3, 28), time(1, 30)),  # the clocks leap from 2 to 3 o'clock
        (time(2, 30), 2027, date(2027, 10, 31), time(0, 30)),  # they show 2.30 twice
        (time(3, 0), 2027, date(2027, 3, 28), time(1, 0)),
        (time(0, 0), 2027, date(2027, 10, 31), time(22, 0)),
    ],
)
def test_a_year_in_paris_has_one_occurrence_each_day(at: time, year: int, odd: date, utc: time) -> None:
    daily, zone = Daily(at=at, zone="Europe/Paris"), ZoneInfo("Europe/Paris")
    found = [daily.next(datetime(year - 1, 12, 31, 22, 30, tzinfo=UTC))]
    while found[-1].astimezone(zone).year == year:
        found.append(daily.next(found[-1]))
    days = [moment.astimezone(zone).date() for moment in found[:-1]]
    assert days == [date(year, 1, 1) + timedelta(days=number) for number in range(365)]
    (on_that_day,) = [moment for moment in found if moment.astimezone(zone).date() == odd]
    assert on_that_day.time() == utc


@pytest.mark.req("CRM-09")
def test_the_spread_is_even_and_the_first_integration_is_on_time() -> None:
    shifts = [spread(number) for number in range(1, 1801)]
    assert shifts[0] == timedelta()
    assert sorted(shifts) == [timedelta(seconds=second) for second in range(1800)]
    assert spread(1_000_000) < SPREAD


@pytest.mark.req("CRM-09")
def test_the_totality_is_due_from_its_time_of_day_until_one_has_ended() -> None:
    table = Timetable(
        number=1, interval=timedelta(hours=1), daily=Daily(at=time(3, 0), zone="Europe/Paris", spread=timedelta())
    )
    three = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    yesterday = three - timedelta(hours=23)
    second = timedelta(seconds=1)
    assert not table.totality_due(three - second, resynced=yesterday)
    assert table.totality_due(three, resynced=yesterday)
    assert table.totality_due(three + timedelta(hours=20), resynced=three - second)
    assert not table.totality_due(three + timedelta(hours=20), resynced=three + second)
    # The clock that wrote this has been set back since.
    assert table.totality_due(three, resynced=three + timedelta(days=400))
    assert not Timetable(number=1, interval=DAY).totality_due(three, resynced=yesterday)
