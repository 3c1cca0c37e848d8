"""From a verdict to a repair to a closed incident, and every way that can go wrong."""

import json
from pathlib import Path

import pytest

from aiops import steps
from aiops.domain.handover import Handover
from aiops.domain.incident import State
from aiops.domain.rule import Judgement
from aiops.domain.severity import Severity
from aiops.domain.sweep import Blind
from aiops.domain.verdict import Verdict
from aiops.errors import RefusedError
from tests.incident_world import RESTART, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def asking(tmp_path: Path) -> World:
    return World(tmp_path, decision="ask")


def opened(world: World, host: str = "ct201") -> Handover:
    sweep = world.sweep(world.finding(host), hosts=(host,), name=f"sweep of {host}")
    handed = steps.correlate(sweep, world.services)
    return steps.authorise(handed.verdicts[0], world.services)


def test_an_automatic_plan_is_signed_and_verifies(world: World) -> None:
    (signed,) = opened(world).plans

    approved = world.verifier.verify(signed)
    assert approved.plan.params == {"unit": "cron.service"}
    assert approved.plan.hosts == ("ct201",)
    assert approved.approval.mode == "auto"
    assert world.only().state is State.REMEDIATING


def test_a_repair_is_closed_by_the_detector_that_looks_again(world: World) -> None:
    opened(world)
    (look,) = steps.settle(world.outcome("success"), world.services).verify
    assert look.detectors == ("health",)
    assert world.only().state is State.VERIFYING

    steps.close(world.sweep(incident=world.only().id, name=look.sweep), world.services)

    assert world.only().state is State.RESOLVED


def test_a_repair_that_did_not_help_goes_to_a_human(world: World) -> None:
    opened(world)
    steps.settle(world.outcome("success"), world.services)

    handed = steps.close(world.sweep(world.finding(), incident=world.only().id, name="v"), world.services)

    assert world.only().state is State.ESCALATED
    assert "still sees" in handed.notices[0].symptom


def test_a_blind_look_proves_nothing(world: World) -> None:
    opened(world)
    steps.settle(world.outcome("success"), world.services)
    blind = Blind(host="ct201", detector="health", probe="connection", reason="unreachable")

    steps.close(world.sweep(blind=[blind], incident=world.only().id, name="v"), world.services)
    assert world.only().state is State.VERIFYING
    world.later(seconds=30)
    assert steps.sweep_up(world.services).verify
    world.later(minutes=16)
    steps.sweep_up(world.services)

    assert world.only().state is State.ESCALATED


@pytest.mark.parametrize("status", ["failure", "unknown"])
def test_a_failed_or_unknown_run_is_a_humans(world: World, status: str) -> None:
    opened(world)

    handed = steps.settle(world.outcome(status, "it broke"), world.services)

    assert world.only().state is State.ESCALATED
    assert handed.notices
    assert not handed.plans


def test_an_outcome_that_comes_twice_asks_for_one_look(world: World) -> None:
    opened(world)
    assert steps.settle(world.outcome("success"), world.services).verify
    assert not steps.settle(world.outcome("success"), world.services).verify


def test_an_outcome_for_a_plan_we_never_made_changes_nothing(world: World) -> None:
    opened(world)
    foreign = world.outcome("success").model_copy(update={"plan": "plan-of-somebody"})

    assert steps.settle(foreign, world.services) == Handover()
    assert world.only().state is State.REMEDIATING


def test_the_same_trouble_after_a_repair_is_a_relapse_and_asks_a_human(world: World) -> None:
    opened(world)
    steps.settle(world.outcome("success"), world.services)
    steps.close(world.sweep(incident=world.only().id, name="v"), world.services)
    first = world.only().id
    world.later(hours=2)

    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)

    again = world.ledger.by_fingerprint(world.finding().fingerprint)
    assert again.relapse_of == first
    assert again.state is State.AWAITING_APPROVAL


def test_policy_that_asks_waits_for_a_human_and_tells_how(asking: World) -> None:
    handed = opened(asking)

    assert not handed.plans
    assert asking.only().state is State.AWAITING_APPROVAL
    assert f"aiops approve {asking.only().id}" in handed.notices[0].symptom


def test_an_approval_is_bound_to_the_plan_that_was_looked_at_and_good_once(asking: World) -> None:
    opened(asking)
    incident = asking.only().id
    with pytest.raises(RefusedError, match="not the one that was looked at"):
        steps.approve(incident, "marie", asking.services, digest="0000")

    plan = steps.approve(incident, "marie", asking.services, digest=asking.ledger.plan_of(incident).digest)
    with pytest.raises(RefusedError, match="approved already"):
        steps.approve(incident, "marie", asking.services)

    (signed,) = steps.dispatch(plan.id, asking.services).plans
    assert asking.verifier.verify(signed).approval.by == "marie"


def test_a_plan_without_an_approval_is_never_signed(asking: World) -> None:
    opened(asking)

    assert not steps.dispatch(asking.ledger.plan_of(asking.only().id).id, asking.services).plans


def test_a_denied_plan_is_the_humans_and_cannot_be_approved_any_more(asking: World) -> None:
    opened(asking)
    steps.deny(asking.only().id, "marie", "not now", asking.services)

    assert asking.only().state is State.ESCALATED
    with pytest.raises(RefusedError, match="nothing waits"):
        steps.approve(asking.only().id, "marie", asking.services)


def test_an_approval_after_the_plan_has_expired_is_refused(asking: World) -> None:
    opened(asking)
    asking.later(hours=2)

    with pytest.raises(RefusedError, match="waited until"):
        steps.approve(asking.only().id, "marie", asking.services)
    steps.sweep_up(asking.services)
    assert asking.only().state is State.ESCALATED


def test_a_human_can_ask_for_a_new_plan(asking: World) -> None:
    opened(asking)
    asking.later(hours=2)
    steps.sweep_up(asking.services)

    made, _ = steps.replan(asking.only().id, "", asking.services)

    assert asking.only().state is State.AWAITING_APPROVAL
    assert steps.approve(asking.only().id, "marie", asking.services).id == made.id


def test_ringing_again_sends_the_very_same_payload(world: World) -> None:
    (signed,) = opened(world).plans
    world.later(seconds=30)

    (again,) = steps.sweep_up(world.services).plans

    assert again.payload == signed.payload


def test_six_that_wait_for_long_do_not_keep_the_seventh_from_being_rung_for(world: World) -> None:
    hosts = [f"ct{number}" for number in range(201, 211)]
    for host in hosts:
        opened(world, host)
    world.later(seconds=30)
    rung: set[str] = set()
    for _ in range(30):
        world.later(seconds=15)
        plans = steps.sweep_up(world.services).plans
        assert len(plans) <= 6
        rung |= {plan.incident for plan in plans}
    assert rung == {incident.id for incident in world.ledger.live()}


def test_an_approval_whose_ring_was_lost_is_rung_for_although_many_others_wait(asking: World) -> None:
    for number in range(201, 211):
        opened(asking, f"ct{number}")
    newest = asking.ledger.live()[-1]
    steps.approve(newest.id, "marie", asking.services)
    rung: set[str] = set()
    for _ in range(30):
        asking.later(seconds=15)
        rung |= {plan.incident for plan in steps.sweep_up(asking.services).plans}
    assert rung == {newest.id}


def test_a_lost_outcome_is_unknown_after_the_plans_own_time_and_a_human_is_told(world: World) -> None:
    opened(world)
    world.later(minutes=20)

    handed = steps.sweep_up(world.services)

    assert world.only().state is State.ESCALATED
    assert world.ledger.outcome(world.ledger.plan_of(world.only().id).id).status == "unknown"
    assert handed.notices


def test_a_late_outcome_replaces_unknown(world: World) -> None:
    opened(world)
    world.later(minutes=20)
    steps.sweep_up(world.services)

    assert world.ledger.store_outcome(world.outcome("failure", "late"))
    assert not world.ledger.store_outcome(world.outcome("success"))


def test_frozen_nothing_is_dispatched_by_itself(world: World) -> None:
    steps.freeze("marie", "maintenance", world.services)
    handed = opened(world)

    assert not handed.plans
    assert world.only().state is State.AWAITING_APPROVAL
    assert world.office.revoked == 1
    assert not steps.renew_permit(world.services)
    with pytest.raises(RefusedError, match="frozen by marie"):
        steps.approve(world.only().id, "marie", world.services)
    steps.thaw("marie", world.services)
    assert steps.renew_permit(world.services)


def test_a_start_that_a_freeze_stopped_waits_for_a_new_approval(world: World) -> None:
    opened(world)
    steps.freeze("marie", "stop", world.services)

    steps.settle(world.outcome("skipped", "frozen: no permit"), world.services)

    assert world.only().state is State.AWAITING_APPROVAL
    assert world.ledger.approval(world.ledger.plan_of(world.only().id).id) is None


def test_a_permit_that_was_late_only_delays(world: World) -> None:
    opened(world)
    steps.settle(world.outcome("skipped", "frozen: no permit"), world.services)
    world.later(seconds=30)

    assert steps.sweep_up(world.services).plans


def test_a_clock_that_was_set_back_leaves_no_doorbell_unrung(world: World) -> None:
    opened(world)
    assert not steps.sweep_up(world.services).plans
    world.later(minutes=-60)

    assert steps.sweep_up(world.services).plans


@pytest.mark.parametrize("playbook", ["format_disk", ""])
def test_a_playbook_outside_the_catalogue_goes_to_a_human(tmp_path: Path, playbook: str) -> None:
    world = World(tmp_path, catalogue={})
    steps.correlate(world.sweep(world.finding()), world.services)
    verdict = Verdict(
        incident=world.only().id, action="remediate", playbook=playbook, reason="trust me", source="llm:x"
    )

    handed = steps.authorise(verdict, world.services)

    assert world.only().state is State.ESCALATED
    assert not handed.plans


def test_an_older_name_of_a_playbook_is_planned_under_its_own(tmp_path: Path) -> None:
    world = World(tmp_path, catalogue={"restart_service": RESTART.model_copy(update={"aliases": ("restart_ct",)})})
    steps.correlate(world.sweep(world.finding()), world.services)
    incident = world.only()
    verdict = Verdict(incident=incident.id, action="remediate", playbook="restart_ct", reason="x", source="llm:x")
    steps.authorise(verdict, world.services)

    assert world.ledger.plan_of(incident.id).remediation == "restart_service"
    assert world.ledger.verdict(incident.id).playbook == "restart_service"


def test_a_human_may_ask_for_a_playbook_by_an_older_name(tmp_path: Path) -> None:
    renamed = RESTART.model_copy(update={"aliases": ("restart_ct",)})
    world = World(tmp_path, decision="ask", catalogue={"restart_service": renamed})
    opened(world)

    made, _ = steps.replan(world.only().id, "restart_ct", world.services)

    assert made.remediation == "restart_service"


def test_a_second_verdict_changes_nothing(world: World) -> None:
    opened(world)
    late = Verdict(incident=world.only().id, action="drop", reason="late", source="llm:x")

    assert steps.authorise(late, world.services) == Handover()
    assert world.only().state is State.REMEDIATING


def test_a_dropped_finding_stays_quiet_until_it_is_gone(world: World) -> None:
    odd = world.finding(kind="service.odd", severity=Severity.WARNING)
    steps.correlate(world.sweep(odd, kinds=["service.odd"]), world.services)
    steps.authorise(Verdict(incident=world.only().id, action="drop", reason="benign", source="llm:x"), world.services)

    assert not steps.correlate(world.sweep(odd, kinds=["service.odd"], name="b"), world.services).verdicts
    assert world.only().state is State.SUPPRESSED
    steps.correlate(world.sweep(kinds=["service.odd"], name="c"), world.services)
    assert world.only().state is State.RESOLVED


def test_a_question_nobody_answered_goes_to_a_human(tmp_path: Path) -> None:
    world = World(tmp_path, llm=True)
    steps.correlate(world.sweep(world.finding(kind="http.down", subject="https://x")), world.services)
    world.later(seconds=30)
    assert steps.sweep_up(world.services).questions
    world.later(minutes=3)
    steps.sweep_up(world.services)

    assert world.only().state is State.ESCALATED


def test_open_incidents_are_looked_at_again(asking: World) -> None:
    opened(asking)

    (look,) = steps.look_again(asking.services).looks

    assert (look.detectors, look.hosts, look.purpose) == (("health",), ("ct201",), "patrol")


def test_every_step_of_the_way_is_on_the_timeline_and_published(world: World) -> None:
    opened(world)
    steps.settle(world.outcome("success"), world.services)
    steps.close(world.sweep(incident=world.only().id, name="v"), world.services)

    states = [entry.state for entry in world.ledger.timeline(world.only().id) if entry.state]
    assert states == [State.NEW, State.TRIAGED, State.REMEDIATING, State.VERIFYING, State.RESOLVED]
    assert {"incident.opened", "verdict.given", "plan.approved", "outcome.settled", "incident.resolved"} <= set(
        world.events.types()
    )
    assert {event.incident for event in world.events.events} == {world.only().id}
    assert all(json.loads(event.model_dump_json()) for event in world.events.events)


def test_a_verdict_is_published_in_the_operators_words(world: World) -> None:
    opened(world)

    (event,) = [event for event in world.events.events if event.type == "verdict.given"]
    assert event.context["action"] == "spawn_claude"
    assert (event.context["playbook"], event.context["verdict"]) == ("restart_service", "remediate")


def test_a_verdict_that_comes_again_after_a_failed_repair_starts_nothing(world: World) -> None:
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)
    steps.settle(world.outcome("failure", "it broke"), world.services)

    assert steps.authorise(handed.verdicts[0], world.services) == Handover()
    assert world.only().state is State.ESCALATED


def test_the_fix_for_the_cause_goes_before_a_rule_that_would_ask_a_human_about_its_effect(tmp_path: Path) -> None:
    rules = (
        Judgement(
            id="effect",
            tier="fix",
            detectors=("health",),
            kinds=("disk.space",),
            action="alert_human",
            severity=Severity.WARNING,
            reason="nothing that may be cleaned was named",
        ),
    )
    world = World(tmp_path, rules=rules)
    effect = world.finding(kind="disk.space", subject="/var/tmp", cause="c")

    handed = steps.correlate(
        world.sweep(effect, world.finding(cause="c"), kinds=["disk.space", "service.dead"]), world.services
    )

    assert [verdict.playbook for verdict in handed.verdicts] == ["restart_service"]
    alone = World(tmp_path / "alone", rules=rules)
    handed = steps.correlate(alone.sweep(effect, kinds=["disk.space"]), alone.services)
    assert [verdict.action for verdict in handed.verdicts] == ["alert_human"]
