"""A question that no model answered stays open: asked again, answered late, and never over a human's head."""

from pathlib import Path

import pytest

from aiops import steps
from aiops.domain.fact import new_id
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.severity import Severity
from aiops.domain.verdict import Attempt, Verdict
from tests.incident_world import RESTART, World

RELOAD = RESTART.model_copy(update={"id": "reload_service", "title": "Reload one service"})


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two playbooks fit equally well, so that nothing but a model can choose."""
    return World(tmp_path, llm=True, catalogue={one.id: one for one in (RESTART, RELOAD)})


def an_incident(world: World, *, host: str = "ct201", kind: str = "service.dead") -> Incident:
    incident = Incident(
        id=new_id("inc", world.now),
        state=State.NEW,
        severity=Severity.CRITICAL,
        title=f"{host}: cron.service is dead",
        findings=(world.finding(host=host, kind=kind),),
        opened_at=world.now,
        changed_at=world.now,
        last_seen_at=world.now,
    )
    world.ledger.open(incident, Entry(at=world.now, step="correlate", text="seen", state=State.NEW))
    return incident


def silence(incident: Incident) -> Verdict:
    return Verdict(
        incident=incident.id, action="alert_human", reason="llm: all four are down", confidence="low", source="fallback"
    )


def answered(incident: Incident, *attempts: Attempt) -> Verdict:
    return Verdict(
        incident=incident.id,
        action="remediate",
        playbook="restart_service",
        reason="it is dead",
        source="llm:groq/x",
        attempts=attempts,
    )


def asked(world: World) -> list[str]:
    return [question.incident.id for question in steps.sweep_up(world.services).questions]


def test_silence_reaches_a_human_at_once(world: World) -> None:
    incident = an_incident(world)
    handed = steps.authorise(silence(incident), world.services)
    assert world.ledger.get(incident.id).state is State.ESCALATED
    assert "all four are down" in handed.notices[0].symptom


def test_an_open_question_is_asked_again_every_ten_minutes_until_it_is_answered_once(world: World) -> None:
    incident = an_incident(world)
    steps.authorise(silence(incident), world.services)
    world.later(seconds=30)
    assert asked(world) == [incident.id]
    rounds = []
    for _ in range(40):
        world.later(seconds=30)
        rounds += asked(world)
        handed = steps.authorise(silence(incident), world.services)
        assert (handed.notices, handed.plans) == ((), ())
    assert rounds == [incident.id] * 2

    (signed,) = steps.authorise(answered(incident), world.services).plans
    assert world.verifier.verify(signed).plan.hosts == ("ct201",)
    assert world.ledger.verdict(incident.id).source == "llm:groq/x"
    world.later(minutes=30)
    assert asked(world) == []


def test_a_late_answer_that_comes_twice_starts_one_plan(world: World) -> None:
    incident = an_incident(world)
    steps.authorise(silence(incident), world.services)
    assert len(steps.authorise(answered(incident), world.services).plans) == 1
    assert steps.authorise(answered(incident), world.services).plans == ()


def test_a_crash_between_the_late_answers_move_and_its_record_leaves_the_question_open(world: World) -> None:
    incident = an_incident(world)
    steps.authorise(silence(incident), world.services)
    entry = Entry(at=world.now, step="triage", text="moved, then killed")
    assert world.ledger.move(incident.id, [State.ESCALATED], State.TRIAGED, entry)
    world.later(minutes=1)
    steps.sweep_up(world.services)
    assert world.ledger.get(incident.id).state is State.ESCALATED
    world.later(minutes=11)
    assert asked(world) == [incident.id]


def test_a_triage_that_never_answered_is_an_open_question_too(world: World) -> None:
    incident = an_incident(world, kind="service.odd")
    world.later(minutes=3)
    steps.sweep_up(world.services)
    assert world.ledger.get(incident.id).state is State.ESCALATED
    world.later(minutes=1)
    assert asked(world) == [incident.id]


@pytest.mark.parametrize(
    "verdict",
    [
        {"action": "alert_human", "source": "llm:groq/x", "reason": "llm: a human should look"},
        {"action": "investigate", "source": "llm:groq/x", "reason": "look closer"},
        {"action": "alert_human", "source": "fallback", "reason": "no known fix"},
    ],
)
def test_what_was_escalated_for_another_reason_is_not_asked_again_nor_moved_by_a_late_verdict(
    world: World, verdict: dict[str, str]
) -> None:
    incident = an_incident(world)
    steps.authorise(Verdict.model_validate({"incident": incident.id, **verdict}), world.services)
    world.later(minutes=30)
    assert asked(world) == []
    assert steps.authorise(answered(incident), world.services).plans == ()
    assert world.ledger.get(incident.id).state is State.ESCALATED


def test_once_a_human_has_planned_and_said_no_a_late_answer_changes_nothing(world: World) -> None:
    incident = an_incident(world)
    steps.authorise(silence(incident), world.services)
    steps.replan(incident.id, "restart_service", world.services)
    steps.deny(incident.id, "ferr", "not now", world.services)
    assert world.ledger.get(incident.id).state is State.ESCALATED
    world.later(minutes=30)
    assert asked(world) == []
    assert steps.authorise(answered(incident), world.services).plans == ()


def test_an_outage_with_many_open_questions_is_asked_about_in_small_rounds_and_none_is_forgotten(world: World) -> None:
    incidents = [an_incident(world, host=f"ct{200 + n}", kind="service.odd") for n in range(20)]
    for incident in incidents:
        steps.authorise(silence(incident), world.services)
    seen: list[str] = []
    for _ in range(5):
        world.later(seconds=30)
        round_ = asked(world)
        assert len(round_) <= 6
        seen += round_
    assert sorted(seen) == sorted(incident.id for incident in incidents)


def test_without_an_llm_nothing_is_asked_again(tmp_path: Path) -> None:
    world = World(tmp_path, llm=False)
    steps.authorise(silence(an_incident(world)), world.services)
    world.later(minutes=30)
    assert asked(world) == []
