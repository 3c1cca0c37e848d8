"""The crontab through both changes of the clock, as beat itself would live it: a simulated clock over real schedule objects."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab
from hypothesis import given
from hypothesis import strategies as st

from beat_schedule import GUARDIANS, HOUSEKEEPING
from tasks.moments import AtLocalTime, Due, When, moments

PARIS = ZoneInfo("Europe/Paris")
SPRING = datetime(2027, 3, 28, 1, tzinfo=UTC)
"""02:00 becomes 03:00."""
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)
"""03:00 becomes 02:00."""
both_changes = pytest.mark.parametrize("change", [SPRING, AUTUMN], ids=["spring", "autumn"])


def fired(when: When, begin: datetime, end: datetime, step: timedelta = timedelta(seconds=30)) -> Iterator[datetime]:
    """What a beat that looks every ``step`` would start, in UTC."""
    now = begin
    due = Due(moments(when, "Europe/Paris"), nowfun=lambda: now)
    last = begin
    while now < end:
        if due.is_due(last).is_due:
            yield now
            last = now
        now += step


def local(found: Iterator[datetime]) -> list[str]:
    return [moment.astimezone(PARIS).strftime("%d %H:%M") for moment in found]


@both_changes
@pytest.mark.parametrize(("hour", "minute"), [(0, 8), (8, 30), (9, 0), (10, 0), (16, 0)])
def test_a_daily_line_fires_once_a_day_at_the_operators_local_time(change: datetime, hour: int, minute: int) -> None:
    begin, end = change - timedelta(days=1, hours=13), change + timedelta(days=2, hours=11)
    seen = local(fired(crontab(hour=hour, minute=minute), begin, end))
    assert [moment[3:] for moment in seen] == [f"{hour:02d}:{minute:02d}"] * len(seen)
    assert len({moment[:2] for moment in seen}) == len(seen) >= 3


def test_a_line_in_the_hour_that_does_not_exist_fires_once_an_hour_later_by_the_wall() -> None:
    seen = local(fired(crontab(hour=2, minute=30), SPRING - timedelta(days=1), SPRING + timedelta(days=1, hours=6)))
    assert seen == ["27 02:30", "28 03:30", "29 02:30"]


def test_a_line_in_the_repeated_hour_fires_once() -> None:
    seen = local(
        fired(crontab(hour=2, minute=30), AUTUMN - timedelta(days=1, hours=1), AUTUMN + timedelta(days=1, hours=6))
    )
    assert seen == ["24 02:30", "25 02:30", "26 02:30"]


@both_changes
def test_a_line_for_every_hour_fires_every_real_hour(change: datetime) -> None:
    seen = list(fired(crontab(minute=0), change - timedelta(hours=6), change + timedelta(hours=6)))
    assert {later - earlier for earlier, later in pairwise(seen)} == {timedelta(hours=1)}
    assert len(seen) == 11


@both_changes
@pytest.mark.parametrize("minutes", [1, 5, 15, 360])
def test_an_interval_never_skips_and_never_doubles(change: datetime, minutes: int) -> None:
    period = timedelta(minutes=minutes)
    seen = list(fired(period, change - timedelta(hours=13), change + timedelta(hours=13)))
    assert {later - earlier for earlier, later in pairwise(seen)} == {period}


@both_changes
@pytest.mark.parametrize("name", [*GUARDIANS, *HOUSEKEEPING])
def test_every_line_of_the_shipped_crontab_keeps_its_rhythm(change: datetime, name: str) -> None:
    when = {**GUARDIANS, **HOUSEKEEPING}[name]
    line = moments(when, "Europe/Paris")
    moment, seen = change - timedelta(days=8), []
    while moment < change + timedelta(days=8):
        moment = line.after(moment)
        seen.append(moment)
        assert line.upto(moment) == moment
    if isinstance(when, timedelta):
        assert {later - earlier for earlier, later in pairwise(seen)} <= {when}
    else:
        assert len({found.astimezone(PARIS).time() for found in seen}) == len(when.hour) * len(when.minute)


def test_a_weekly_line_and_a_monthly_line_fall_on_their_days() -> None:
    begin = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert AtLocalTime(crontab(hour=6, minute=0, day_of_week="sun"), "Europe/Paris").after(begin).isoweekday() == 7
    assert AtLocalTime(crontab(hour=6, minute=0, day_of_month=29, month_of_year=2), "UTC").after(begin) == datetime(
        2028, 2, 29, 6, tzinfo=UTC
    )


def test_what_was_missed_is_caught_up_once() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    due = Due(moments(crontab(hour=9, minute=0), "Europe/Paris"), nowfun=lambda: now)
    assert due.is_due(now - timedelta(days=5)).is_due
    assert not due.is_due(now).is_due


def test_what_may_not_be_late_waits_for_its_next_moment() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    line = moments(crontab(hour=0, minute=8), "Europe/Paris")
    state = Due(line, late=timedelta(hours=1), nowfun=lambda: now).is_due(now - timedelta(days=1))
    assert not state.is_due
    assert now + timedelta(seconds=state.next) == datetime(2026, 11, 23, 23, 8, tzinfo=UTC)


@given(
    st.integers(1577836800, 2051222400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_the_next_and_the_last_moment_enclose_every_moment(moment: datetime, hour: int, minute: int) -> None:
    line = AtLocalTime(crontab(hour=hour, minute=minute), "Europe/Paris")
    before, after = line.upto(moment), line.after(moment)
    assert before <= moment < after
    assert timedelta(hours=22) <= after - before <= timedelta(hours=26)
    assert line.after(before) == after
