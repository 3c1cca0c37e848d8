"""Quiet hours: nobody is asked at night, and in the morning only what a detector still sees."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aiops import rules, steps
from aiops.domain.event import Event
from aiops.domain.handover import Handover
from aiops.domain.host import Host
from aiops.domain.incident import State
from aiops.domain.outcome import Outcome
from aiops.domain.policy import Policy, Rule
from aiops.errors import RefusedError
from tests.incident_world import Hosts, World

MIDNIGHT = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)


@pytest.fixture
def night(tmp_path: Path) -> World:
    policy = Policy(quiet_hours="22:30-07:00", rules=(Rule(roles=("web",), decision="ask"),))
    world = World(tmp_path, policy=policy)
    world.now = MIDNIGHT
    return world


def opened(world: World) -> Handover:
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    return steps.authorise(handed.verdicts[0], world.services)


def told(world: World, kind: str) -> int:
    return world.events.types().count(kind)


def to_the_look(world: World) -> str:
    """The night passes; returns the sweep that looks again."""
    for _ in range(20):
        handed = steps.sweep_up(world.services)
        assert handed.notices == ()
        if handed.looks:
            assert world.now.hour == 7
            return handed.looks[0].sweep
        world.later(minutes=30)
    raise AssertionError


def test_nobody_is_asked_at_night_and_the_plan_does_not_run_out(night: World) -> None:
    assert opened(night) == Handover()
    assert night.only().state is State.AWAITING_APPROVAL
    assert (told(night, "plan.held"), told(night, "plan.made")) == (1, 0)

    to_the_look(night)

    assert night.only().state is State.AWAITING_APPROVAL


def test_what_still_holds_in_the_morning_is_asked_once_with_a_plan_made_then(night: World) -> None:
    opened(night)
    old = night.ledger.plan_of(night.only().id)
    name = to_the_look(night)
    assert steps.sweep_up(night.services) == Handover(), "the look has not come back"
    steps.correlate(night.sweep(night.finding(), name=name), night.services)

    (notice,) = steps.sweep_up(night.services).notices

    plan = night.ledger.plan_of(night.only().id)
    assert "it still holds" in notice.symptom
    assert (notice.type, notice.context["digest"]) == ("plan.made", plan.digest)
    assert plan.id != old.id
    assert plan.expires_at > night.now
    assert steps.sweep_up(night.services) == Handover()
    assert steps.approve(night.only().id, "marie", night.services, digest=plan.digest) == plan


def test_what_is_gone_in_the_morning_is_closed_and_nobody_is_asked(night: World) -> None:
    opened(night)
    name = to_the_look(night)
    handed = steps.correlate(night.sweep(name=name), night.services)

    assert (handed + steps.sweep_up(night.services)).notices == ()
    assert night.only().state is State.RESOLVED
    assert night.ledger.held() == []


def test_a_host_nobody_could_look_at_is_asked_about_and_the_question_says_so(night: World) -> None:
    opened(night)
    to_the_look(night)
    night.later(minutes=6)

    (notice,) = steps.sweep_up(night.services).notices
    assert "nobody could look again" in notice.symptom


def test_a_human_who_is_awake_may_approve_and_may_ask_for_a_new_plan(night: World) -> None:
    opened(night)
    plan = steps.approve(night.only().id, "marie", night.services)
    assert steps.dispatch(plan.id, night.services).plans
    steps.sweep_up(night.services)
    assert night.ledger.held() == []

    steps.settle(night.outcome("failure", "it broke"), night.services)
    _, handed = steps.replan(night.only().id, "restart_service", night.services)
    assert [notice.type for notice in handed.notices] == ["plan.made"]


def test_a_human_who_says_no_at_night_is_not_asked_in_the_morning(night: World) -> None:
    opened(night)
    steps.deny(night.only().id, "marie", "I will", night.services)
    steps.sweep_up(night.services)

    assert night.ledger.held() == []
    with pytest.raises(RefusedError):
        steps.approve(night.only().id, "marie", night.services)


def test_what_policy_allows_by_day_is_done_in_the_morning_without_a_tap(tmp_path: Path) -> None:
    by_day = (Rule(hours="22:30-07:00", decision="ask"), Rule(decision="auto"))
    world = World(tmp_path, policy=Policy(quiet_hours="22:30-07:00", rules=by_day))
    world.now = MIDNIGHT
    opened(world)
    name = to_the_look(world)
    steps.correlate(world.sweep(world.finding(), name=name), world.services)

    handed = steps.sweep_up(world.services)
    assert (len(handed.plans), handed.notices) == (1, ())
    assert world.only().state is State.REMEDIATING


def test_with_the_shipped_policy_three_close_at_night_without_a_tap_and_a_fourth_is_asked_in_the_morning(
    tmp_path: Path,
) -> None:
    hosts = [*[Host(name=f"ct{n}", role="web") for n in (201, 202, 203)], Host(name="ct111", role="dns")]
    world = World(tmp_path, policy=rules.load_policy("homelab"), inventory=Hosts(*hosts))
    world.now = MIDNIGHT
    notices: list[Event] = []
    for host in hosts:
        world.later(minutes=10)
        handed = steps.correlate(world.sweep(world.finding(host.name), hosts=(host.name,)), world.services)
        handed += steps.authorise(handed.verdicts[0], world.services)
        (incident,) = world.ledger.search(host=host.name)
        if handed.plans:
            plan = world.ledger.plan_of(incident.id)
            ended = Outcome(plan=plan.id, incident=incident.id, status="success", finished_at=world.now)
            handed += steps.settle(ended, world.services)
            look = world.sweep(hosts=(host.name,), incident=incident.id, name=f"look-{host.name}")
            handed += steps.close(look, world.services)
        notices += handed.notices
    assert notices == []
    states = [world.ledger.search(host=host.name)[0].state for host in hosts]
    assert states == [State.RESOLVED] * 3 + [State.AWAITING_APPROVAL]

    name = to_the_look(world)
    steps.correlate(world.sweep(world.finding("ct111"), hosts=("ct111",), name=name), world.services)
    (notice,) = steps.sweep_up(world.services).notices
    assert "it still holds" in notice.symptom
    assert notice.host == "ct111"
