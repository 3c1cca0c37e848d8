"""Beside an old system: nothing is said and nothing is done, what would have been is kept, and guardians are taken one by one."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aiops import steps
from aiops.domain.backup import Scope
from aiops.domain.handover import Handover
from aiops.domain.incident import State
from aiops.domain.night import NightReport
from aiops.domain.shadow import Shadow
from aiops.errors import RefusedError, UnknownError
from tests.incident_world import World


def world_in(folder: Path, shadow: Shadow, decision: str = "auto") -> World:
    return World(folder, decision=decision, shadow=shadow)


def decided(world: World) -> Handover:
    """A dead service is seen, judged by the catalogue, and decided on."""
    seen = steps.correlate(world.sweep(world.finding()), world.services)
    return sum((steps.authorise(verdict, world.services) for verdict in seen.verdicts), seen)


def would(world: World) -> list[tuple[str, str]]:
    kept = world.ledger.shadowed(world.now - timedelta(days=1), 100)
    return [(one.what, one.text) for one in kept]


@pytest.mark.parametrize(
    ("decision", "words"), [("auto", "would have been run"), ("ask", "would have been asked about")]
)
@pytest.mark.parametrize("shadow", ["all", "untaken"])
def test_in_shadow_nothing_is_signed_or_said_and_what_would_have_been_is_kept(
    tmp_path: Path, shadow: Shadow, decision: str, words: str
) -> None:
    world = world_in(tmp_path, shadow, decision)

    handed = decided(world)

    assert (handed.plans, handed.notices) == ((), ())
    assert world.ledger.untaken(world.now + timedelta(days=1), 10) == []
    assert world.only().state is State.ESCALATED
    kept = would(world)
    assert [what for what, _ in kept] == ["done", "said"]
    assert words in kept[0][1]
    assert "restart_service on ct201" in kept[0][1]
    assert "cron.service is dead" in kept[1][1]


def test_without_shadow_the_same_finding_is_repaired(tmp_path: Path) -> None:
    world = world_in(tmp_path, "off")
    assert len(decided(world).plans) == 1
    assert would(world) == []


def test_in_shadow_the_detector_still_closes(tmp_path: Path) -> None:
    world = world_in(tmp_path, "all")
    decided(world)
    world.later(minutes=5)
    steps.correlate(world.sweep(), world.services)
    assert world.only().state is State.RESOLVED


def test_no_humans_word_lifts_the_shadow_of_the_whole_system(tmp_path: Path) -> None:
    world = world_in(tmp_path, "all")
    decided(world)
    incident = world.only().id
    for asked in (
        lambda: steps.replan(incident, "restart_service", world.services),
        lambda: steps.request("restart_service", ["ct201"], {"unit": "cron.service"}, "ben", world.services),
        lambda: steps.undo(incident, "ben", "", world.services),
        lambda: steps.take_over("health", "ben", "", world.services),
    ):
        with pytest.raises(RefusedError, match="shadow"):
            asked()


def test_a_plan_that_was_approved_before_the_shadow_fell_is_not_signed(tmp_path: Path) -> None:
    world = world_in(tmp_path, "off", "ask")
    decided(world)
    plan = steps.approve(world.only().id, "ben", world.services)

    assert steps.dispatch(plan.id, replace(world.services, shadow="all")) == Handover()
    assert len(steps.dispatch(plan.id, world.services).plans) == 1


def test_a_guardian_that_was_taken_over_speaks_and_acts_and_the_others_do_not(tmp_path: Path) -> None:
    world = world_in(tmp_path, "untaken")
    told = steps.take_over("health", "ben", "its cron is gone", world.services)
    assert [notice.type for notice in told.notices] == ["guardian.taken"]

    assert len(decided(world).plans) == 1
    other = steps.correlate(
        world.sweep(world.finding(host="ct202", detector="disk"), hosts=["ct202"], name="other"), world.services
    )
    second = sum((steps.authorise(verdict, world.services) for verdict in other.verdicts), Handover())

    assert (second.plans, second.notices) == ((), ())
    assert all("ct202" in text for _, text in would(world))


def test_the_events_of_what_was_not_taken_over_lie_below_the_shadow(tmp_path: Path) -> None:
    world = world_in(tmp_path, "untaken")
    decided(world)
    seen = {event.topic() for event in world.events.events if event.incident}
    assert seen
    assert all(topic.startswith("pixelium/shadow/guardian/health/") for topic in seen)

    steps.take_over("health", "ben", "", world.services)
    before = len(world.events.events)
    world.later(minutes=5)
    steps.correlate(world.sweep(), world.services)
    after = {event.topic() for event in world.events.events[before:]}
    assert after
    assert all(topic.startswith("pixelium/guardian/health/") for topic in after)


def test_taking_over_tells_what_is_open_and_repairs_none_of_it_by_itself(tmp_path: Path) -> None:
    world = world_in(tmp_path, "untaken")
    decided(world)
    handed = steps.take_over("health", "ben", "", world.services)
    (notice,) = handed.notices
    assert world.only().id in notice.symptom
    assert handed.plans == ()

    plan, _ = steps.replan(world.only().id, "restart_service", world.services)
    steps.approve(world.only().id, "ben", world.services)
    assert len(steps.dispatch(plan.id, world.services).plans) == 1


def test_the_way_back_withdraws_what_waits(tmp_path: Path) -> None:
    world = world_in(tmp_path, "untaken", "ask")
    steps.take_over("health", "ben", "", world.services)
    decided(world)
    assert world.only().state is State.AWAITING_APPROVAL

    handed = steps.give_back("health", "ben", "too loud", world.services)

    assert [notice.type for notice in handed.notices] == ["guardian.given_back"]
    assert world.only().state is State.ESCALATED
    with pytest.raises(RefusedError):
        steps.approve(world.only().id, "ben", world.services)
    assert world.ledger.takeovers() == []
    written = [line.what for line in world.ledger.audit()]
    assert [what for what in written if what in {"take over", "give back"}] == ["take over", "give back"]


def test_what_is_no_guardian_of_the_old_system_is_always_said(tmp_path: Path) -> None:
    world = world_in(tmp_path, "untaken")
    seen = steps.correlate(world.sweep(world.finding(detector="watch", kind="guardian.missed")), world.services)
    handed = sum((steps.authorise(verdict, world.services) for verdict in seen.verdicts), seen)
    assert len(handed.notices) == 1


@pytest.mark.parametrize("shadow", ["off", "all"])
def test_guardians_are_taken_over_only_while_moving(tmp_path: Path, shadow: Shadow) -> None:
    world = world_in(tmp_path, shadow)
    with pytest.raises(RefusedError):
        steps.take_over("health", "ben", "", world.services)
    with pytest.raises(RefusedError):
        steps.give_back("health", "ben", "", world.services)


def test_taking_over_twice_or_something_unknown_is_refused(tmp_path: Path) -> None:
    world = world_in(tmp_path, "untaken")
    steps.take_over("disk", "ben", "", world.services)
    with pytest.raises(RefusedError, match="already"):
        steps.take_over("disk", "ben", "", world.services)
    with pytest.raises(RefusedError, match="not taken over"):
        steps.give_back("certs", "ben", "", world.services)
    with pytest.raises(UnknownError):
        steps.take_over("dsik", "ben", "", world.services)


def test_the_nightly_backup_is_ordered_only_when_its_guardian_was_taken_over(tmp_path: Path) -> None:
    scope = Scope(store="ct239", nodes=("ct238",), storage="pbs")
    world = World(tmp_path, shadow="untaken", backup=scope)
    steps.approve_backups("ben", 30, world.services)

    assert steps.order_backup("clock", world.services).backups == ()
    with pytest.raises(RefusedError, match="not taken over"):
        steps.order_backup("ben", world.services, by_hand=True)

    steps.take_over("backup", "ben", "", world.services)
    assert len(steps.order_backup("clock", world.services).backups) == 1


def test_night_work_that_the_old_system_tells_of_too_is_kept_until_it_is_taken_over(tmp_path: Path) -> None:
    world = world_in(tmp_path, "untaken")
    for day, told in (("23", 0), ("24", 1)):
        report = NightReport(name="doc-sync", at=world.now + timedelta(days=int(day)), lines=("3 deltas", "one"))
        assert len(steps.tell_night(report, world.services).notices) == told
        if not told:
            assert would(world)[-1][0] == "said"
            steps.take_over("doc-sync", "ben", "", world.services)
