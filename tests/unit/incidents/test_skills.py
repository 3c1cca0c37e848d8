"""Skills: the second occurrence of a learned incident costs no question, and a lesson that proved wrong is not used again."""

from dataclasses import replace
from pathlib import Path

import pytest

from aiops import steps
from aiops.domain.handover import Handover
from aiops.domain.incident import State
from aiops.domain.outcome import Outcome
from aiops.domain.remediation import Fix
from aiops.domain.skill import Lesson
from aiops.domain.verdict import Verdict
from aiops.errors import ManifestError, RefusedError, UnknownError
from aiops.remediations import SHIPPED as PLAYBOOKS
from aiops.remediations import load as load_playbooks
from aiops.skills import SHIPPED, load, parse
from aiops.steps.learned import approve_skill, reject_skill, usable
from tests.incident_world import NOON, RESTART, World

NAME = "restart-service-for-service-dead"
OTHER = RESTART.model_copy(update={"id": "reload_service", "title": "Reload one service"})
BOTH = {"restart_service": RESTART, "reload_service": OTHER}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two playbooks fit equally well, so the first time somebody has to judge."""
    return World(tmp_path, llm=True, catalogue=BOTH)


def appears(world: World, host: str = "ct201") -> Handover:
    return steps.correlate(world.sweep(world.finding(host), hosts=(host,)), world.services)


def repaired(world: World, handed: Handover, *, held: bool = True) -> str:
    """Whoever was asked says restart; the repair runs and the detector looks. Returns the incident."""
    verdicts = handed.verdicts or tuple(
        Verdict(
            incident=question.incident.id,
            action="remediate",
            playbook="restart_service",
            reason="it is dead",
            source="llm:test",
        )
        for question in handed.questions
    )
    (verdict,) = verdicts
    steps.authorise(verdict, world.services)
    (host,) = world.ledger.get(verdict.incident).hosts
    plan = world.ledger.plan_of(verdict.incident)
    if world.ledger.approval(plan.id) is None:
        steps.approve(verdict.incident, "anna", world.services)
        steps.dispatch(plan.id, world.services)
    outcome = Outcome(plan=plan.id, incident=verdict.incident, status="success", finished_at=world.now)
    steps.settle(outcome, world.services)
    seen = () if held else (world.finding(host),)
    name = f"verify-{verdict.incident}"
    steps.close(world.sweep(*seen, hosts=(host,), incident=verdict.incident, name=name), world.services)
    return verdict.incident


def taught(world: World) -> str:
    incident = repaired(world, appears(world))
    approve_skill(NAME, "anna", world.services)
    world.later(days=2)
    return incident


def test_a_verified_repair_drafts_a_skill_that_is_not_used_before_a_human_says_so(world: World) -> None:
    first = appears(world)
    assert len(first.questions) == 1
    incident = repaired(world, first)

    assert world.ledger.get(incident).state is State.RESOLVED
    lesson = world.ledger.lesson(NAME)
    assert (lesson.standing, lesson.successes) == ("draft", (incident,))
    assert parse(lesson.draft, BOTH).playbook == "restart_service"
    world.later(minutes=5)
    assert len(appears(world, "ct202").questions) == 1


def test_the_second_occurrence_of_a_learned_incident_asks_nobody(world: World) -> None:
    taught(world)

    handed = appears(world)

    assert not handed.questions
    assert (handed.verdicts[0].playbook, handed.verdicts[0].source) == ("restart_service", f"skill:{NAME}")


def test_a_repair_by_skill_that_was_verified_confirms_it(world: World) -> None:
    first = taught(world)
    second = repaired(world, appears(world, "ct202"))

    lesson = world.ledger.lesson(NAME)
    assert lesson.successes == (first, second)
    assert lesson.confirmed_at == world.now
    assert not lesson.draft


def test_a_skill_whose_repair_relapsed_is_not_used_by_itself_again(world: World) -> None:
    taught(world)
    repaired(world, appears(world))
    world.later(hours=2)

    again = appears(world)
    assert len(again.questions) == 1
    lesson = world.ledger.lesson(NAME)
    assert lesson.standing == "demoted"
    assert lesson.relapses == (again.questions[0].incident.id,)

    world.later(days=9)
    assert len(appears(world, "ct209").questions) == 1


def test_a_relapse_that_is_considered_twice_counts_once(world: World) -> None:
    taught(world)
    repaired(world, appears(world))
    world.later(hours=2)
    incident = appears(world).questions[0].incident

    world.later(seconds=60)
    assert len(steps.sweep_up(world.services).questions) == 1

    assert world.ledger.lesson(NAME).relapses == (incident.id,)


def test_a_repair_that_the_detector_did_not_confirm_contradicts_the_skill(world: World) -> None:
    taught(world)
    incident = repaired(world, appears(world), held=False)

    assert world.ledger.get(incident).state is State.ESCALATED
    assert world.ledger.lesson(NAME).standing == "demoted"


def test_a_failed_repair_teaches_nothing(world: World) -> None:
    repaired(world, appears(world), held=False)
    assert list(world.ledger.lessons()) == []


def test_a_known_fix_of_the_catalogue_needs_no_skill(tmp_path: Path) -> None:
    world = World(tmp_path, llm=True)
    repaired(world, appears(world))
    assert list(world.ledger.lessons()) == []


def test_a_lesson_that_nobody_confirmed_expires(world: World) -> None:
    taught(world)
    world.later(days=170)
    assert not appears(world, "ct210").questions
    world.later(days=9)
    assert len(appears(world, "ct211").questions) == 1


def test_a_demoted_skill_comes_back_only_by_a_humans_word(world: World) -> None:
    taught(world)
    repaired(world, appears(world), held=False)
    assert usable(world.services) == []

    approve_skill(NAME, "anna", world.services)
    assert [skill.name for skill in usable(world.services)] == [NAME]


def test_a_rejected_draft_is_gone_and_not_drafted_again(world: World) -> None:
    repaired(world, appears(world))
    reject_skill(NAME, "anna", world.services)
    world.later(days=2)
    repaired(world, appears(world))

    lesson = world.ledger.lesson(NAME)
    assert (lesson.standing, lesson.draft, len(lesson.successes)) == ("rejected", "", 2)
    with pytest.raises(RefusedError):
        reject_skill(NAME, "anna", world.services)


def test_a_success_on_another_role_refines_the_skill_as_a_draft(world: World) -> None:
    taught(world)
    hosts = world.services.inventory.known  # type: ignore[attr-defined]
    hosts["ct230"] = hosts["ct230"].model_copy(update={"role": "db"})

    asked = appears(world, "ct230")
    assert len(asked.questions) == 1
    repaired(world, asked)

    lesson = world.ledger.lesson(NAME)
    assert lesson.standing == "approved"
    assert parse(lesson.text, BOTH).conditions["role"] == "web"
    assert parse(lesson.draft, BOTH).conditions["role"] == "db|web"


def test_two_skills_that_disagree_need_judgement(world: World) -> None:
    taught(world)
    text = world.ledger.lesson(NAME).text
    other = "reload-service-for-service-dead"
    swapped = text.replace("restart_service", "reload_service").replace(NAME, other)
    world.ledger.store_lesson(
        Lesson(name=other, standing="approved", text=swapped, created_at=NOON, confirmed_at=world.now)
    )

    assert len(appears(world).questions) == 1


def test_a_skill_cannot_choose_what_the_catalogue_does_not_offer(world: World) -> None:
    taught(world)
    narrow = {"restart_service": RESTART.model_copy(update={"fixes": (Fix(kind="other.kind", params={}),)})}

    assert usable(replace(world.services, catalogue=narrow)) == []


def test_nothing_can_be_said_about_a_skill_nobody_learned(world: World) -> None:
    with pytest.raises(UnknownError):
        approve_skill("never-heard-of", "anna", world.services)


def test_the_shipped_skills_agree_with_the_shipped_catalogue() -> None:
    assert len(load(SHIPPED, load_playbooks(PLAYBOOKS))) >= 2


GOOD = """---
name: a-skill
description: Restarts what is dead.
metadata:
  kinds: [service.dead]
  playbook: restart_service
---
## When to use
## Procedure
## Pitfalls
## Verification
"""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("name: a-skill", "name: A Skill"), "name"),
        (("playbook: restart_service", "playbook: rm_all"), "no playbook"),
        (("kinds: [service.dead]", "kinds: [other.kind]"), "does not fix"),
        (("kinds: [service.dead]", "kinds: []"), "kinds"),
        (("description:", "colour: red\ndescription:"), "unknown keys"),
        (("  playbook:", "  parameters: {unit: =x}\n  playbook:"), "parameters must be"),
        (("  playbook:", "  conditions: {host: ct1}\n  playbook:"), "a condition is on"),
        (("  playbook:", "  conditions: {role: '('}\n  playbook:"), "no regular expression"),
        (("## Pitfalls\n", ""), "sections"),
        (("---\nname", "name"), "front matter"),
        (("metadata:", "metadata: [\n"), "no YAML"),
    ],
)
def test_a_skill_is_read_strictly(change: tuple[str, str], complaint: str) -> None:
    assert parse(GOOD, BOTH).name == "a-skill"
    with pytest.raises(ManifestError, match=complaint):
        parse(GOOD.replace(*change, 1), BOTH)


def test_a_skill_lies_in_a_folder_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "another").mkdir()
    (tmp_path / "another" / "SKILL.md").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ManifestError, match="its folder"):
        load(tmp_path, BOTH)
    assert load(tmp_path / "nowhere", BOTH) == ()
