"""What a span of time came to: the figures by hand and by the step, on the real ledger."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops import steps
from aiops.domain.report import Report, Spread
from aiops.domain.verdict import Attempt, Verdict
from aiops.errors import SettingsError
from tests.incident_world import NOON, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def the_day(world: World) -> Report:
    return steps.report_figures("daily", *steps.last_day(world.now), world.ledger)


def repair(world: World, seconds: float) -> None:
    """The only finding, repaired and looked at again after so long."""
    incident = world.only().id
    steps.authorise(
        Verdict(incident=world.only().id, action="remediate", playbook="restart_service", reason="r", source="rule:x"),
        world.services,
    )
    steps.settle(world.outcome("success"), world.services)
    world.later(seconds=seconds)
    steps.close(world.sweep(incident=incident, name=f"verify-{world.now}"), world.services)
    world.later(seconds=1)


def test_a_day_without_anything_divides_by_nothing(world: World) -> None:
    report = the_day(world)
    assert (report.seen, report.detection, report.repair.median) == (0, Spread(), None)
    assert "(nothing to count)" in "\n".join(steps.report_lines(report))


def test_what_was_seen_and_repaired_is_counted_with_its_seconds(world: World) -> None:
    steps.correlate(world.sweep(name="before"), world.services)
    world.later(minutes=5)
    steps.correlate(world.sweep(world.finding(), name="after"), world.services)
    repair(world, 48)
    report = the_day(world)
    assert (report.seen, report.critical, report.repaired, report.resolved, report.with_human) == (1, 1, 1, 1, 0)
    assert report.repair == Spread(count=1, mean=48.0, median=48.0, p95=48.0)
    assert report.detection == Spread(count=1, mean=300.0, median=300.0, p95=300.0)
    assert [(one.guardian, one.seen, one.repaired) for one in report.guardians] == [("health", 1, 1)]


def test_a_fault_nobody_looked_for_before_has_no_time_of_detection(world: World) -> None:
    steps.correlate(world.sweep(world.finding()), world.services)
    assert the_day(world).detection.count == 0


def test_a_relapse_and_what_waits_for_a_human_are_counted(world: World) -> None:
    steps.correlate(world.sweep(world.finding(), name="one"), world.services)
    repair(world, 10)
    world.later(minutes=30)
    steps.correlate(world.sweep(world.finding(), name="two"), world.services)
    world.later(seconds=1)
    report = the_day(world)
    assert (report.seen, report.relapsed) == (2, 1)


def test_what_the_models_cost_is_in_it_and_what_has_no_price_is_counted_apart(world: World) -> None:
    for number, cost in enumerate((0.25, None)):
        attempt = Attempt(id=str(number), at=world.now, provider="p", model="m", outcome="answered", cost=cost)
        world.ledger.book("i", [attempt])
    world.later(minutes=1)
    spending = the_day(world).spending
    assert (spending.asked, spending.eur, spending.unpriced) == (2, 0.25, 1)


def test_the_security_digest_is_silent_when_nothing_was_seen(world: World) -> None:
    steps.correlate(world.sweep(world.finding()), world.services)
    assert not steps.security_digest(world.services).notices
    guessed = world.finding(kind="auth.guessed", detector="soc", subject="203.0.113.9")
    steps.correlate(world.sweep(guessed, name="soc"), world.services)
    world.later(minutes=1)
    (notice,) = steps.security_digest(world.services).notices
    assert "seen 1" in notice.context["lines"][0]


def test_a_report_that_is_rung_for_twice_is_one_message(world: World) -> None:
    first, second = steps.daily_report(world.services), steps.daily_report(world.services)
    assert first.notices[0].id == second.notices[0].id
    assert len(world.ledger.untaken(world.now + timedelta(days=1), 10)) == 1


@pytest.mark.parametrize(
    ("now", "begin", "end"),
    [
        (
            datetime(2026, 1, 1, 7, 5, tzinfo=UTC),
            datetime(2025, 11, 30, 23, tzinfo=UTC),
            datetime(2025, 12, 31, 23, tzinfo=UTC),
        ),
        (
            datetime(2026, 4, 10, tzinfo=UTC),
            datetime(2026, 2, 28, 23, tzinfo=UTC),
            datetime(2026, 3, 31, 22, tzinfo=UTC),
        ),
    ],
)
def test_the_last_month_is_a_whole_one_on_the_operators_clock(now: datetime, begin: datetime, end: datetime) -> None:
    assert steps.month("", now, "Europe/Paris") == (begin, end)


def test_a_month_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="is no month"):
        steps.month("2026-13", NOON, "UTC")


@given(st.lists(st.floats(min_value=0, max_value=1e9), min_size=1))
def test_a_median_and_a_p95_are_figures_that_happened(seconds: list[float]) -> None:
    spread = Spread.of(seconds)
    rounded = {round(one, 3) for one in seconds}
    assert {spread.median, spread.p95} <= rounded
    assert spread.median is not None
    assert spread.p95 is not None
    assert spread.median <= spread.p95
