"""The rule for floods of errors, on series whose answer is plain."""

from collections.abc import Callable

import pytest

from aiops.domain.spike import DAY, Rule, spike

WEEK = 7 * DAY
HOUR = DAY // 24


def series(count: Callable[[int], int], bins: int = WEEK) -> dict[int, int]:
    return {age: count(age) for age in range(bins) if count(age)}


def test_a_flood_on_a_quiet_host_is_seen_at_once() -> None:
    seen = spike({0: 90}, WEEK, Rule())
    assert seen is not None
    assert (seen.lines, seen.usual) == (90, 0)


def test_a_smaller_flood_is_seen_when_it_lasts_for_two_bins() -> None:
    assert spike({0: 40}, WEEK, Rule()) is None
    assert spike({0: 40, 1: 45}, WEEK, Rule()) is not None


@pytest.mark.parametrize("lines", [1, 5, 9])
def test_fewer_lines_than_the_least_are_never_a_flood(lines: int) -> None:
    assert spike({0: lines, 1: lines, 2: lines}, WEEK, Rule()) is None


def test_what_is_usual_at_this_hour_is_no_flood() -> None:
    nightly = series(lambda age: 200 if age % DAY < 3 else 1)
    assert spike(nightly, WEEK, Rule()) is None
    assert spike(nightly, WEEK, Rule(), at=1) is None


def test_the_same_lines_at_another_hour_are_one() -> None:
    nightly = series(lambda age: 200 if age % DAY in range(6 * HOUR, 6 * HOUR + 3) or age == 0 else 1)
    assert spike(nightly, WEEK, Rule()) is not None


def test_a_steady_stream_of_errors_is_no_flood() -> None:
    assert spike(series(lambda _: 300), WEEK, Rule()) is None


def test_a_host_that_just_started_is_judged_by_the_number_alone() -> None:
    assert spike({0: 29}, HOUR, Rule()) is None
    assert spike({0: 30}, HOUR, Rule()) is not None


def test_the_bin_before_the_newest_can_be_judged_too() -> None:
    assert spike({1: 90}, WEEK, Rule()) is None
    assert spike({1: 90}, WEEK, Rule(), at=1) is not None
