"""aiops undo: a plan like any other, and every reason for which there is none."""

from pathlib import Path

import pytest

from aiops import steps
from aiops.domain.incident import Incident, State
from aiops.domain.outcome import Outcome
from aiops.domain.plan import Plan
from aiops.domain.policy import Policy, Rule
from aiops.domain.remediation import Param, Undo
from aiops.errors import RefusedError, UnknownError
from tests.incident_world import RESTART, World

PARAMS = {"unit": Param(description="the unit", required=True, pattern=r"[a-z0-9@.-]+\.service")}
BACK = RESTART.model_copy(
    update={"id": "undo_restart", "title": "Stop it again", "approval": "human", "fixes": (), "params": PARAMS}
)
REPAIR = RESTART.model_copy(update={"undo": Undo(playbook="undo_restart", params={"unit": "unit"})})
CATALOGUE = {"restart_service": REPAIR, "undo_restart": BACK}
WIPE = RESTART.model_copy(update={"id": "wipe", "approval": "human", "fixes": (), "params": {}, "destructive": True})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, catalogue=CATALOGUE)


def ended(world: World, plan: Plan, status: str) -> Outcome:
    return Outcome.model_validate(
        {"plan": plan.id, "incident": plan.incident, "status": status, "finished_at": world.now}
    )


def repaired(world: World) -> Incident:
    """An incident that was repaired, proved and resolved."""
    before = {incident.id for incident in world.ledger.search()}
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)
    (new,) = [incident for incident in world.ledger.search() if incident.id not in before]
    steps.settle(ended(world, world.ledger.plan_of(new.id), "success"), world.services)
    steps.close(world.sweep(incident=new.id, name=f"verify-{new.id}"), world.services)
    resolved: Incident = world.ledger.get(new.id)
    assert resolved.state is State.RESOLVED
    return resolved


def taken_back(world: World, incident: str) -> Plan:
    """An undo that was asked for, approved and has succeeded."""
    world.later(minutes=5)
    plan, _ = steps.undo(incident, "operator", "", world.services)
    steps.approve(plan.incident, "operator", world.services)
    steps.dispatch(plan.id, world.services)
    world.later(seconds=30)
    steps.settle(ended(world, plan, "success"), world.services)
    return plan


def test_a_repair_is_taken_back_by_a_plan_that_a_human_approves_and_that_is_signed(world: World) -> None:
    incident = repaired(world)
    plan, handed = steps.undo(incident.id, "operator", "it broke the shop", world.services)

    assert (plan.remediation, plan.hosts, plan.params) == ("undo_restart", ("ct201",), {"unit": "cron.service"})
    assert incident.id in plan.rationale
    assert "it broke the shop" in plan.rationale
    assert plan.incident != incident.id
    assert world.ledger.get(plan.incident).state is State.AWAITING_APPROVAL
    assert handed.plans == ()
    assert f"aiops approve {plan.incident}" in handed.notices[0].symptom

    steps.approve(plan.incident, "operator", world.services, digest=plan.digest)
    (signed,) = steps.dispatch(plan.id, world.services).plans
    approved = world.verifier.verify(signed)
    assert (approved.plan, approved.approval.mode) == (plan, "human")


def test_what_was_taken_back_is_a_human_s_and_is_not_repaired_again_by_itself(world: World) -> None:
    plan = taken_back(world, repaired(world).id)
    held = world.ledger.get(plan.incident)
    assert held.state is State.ESCALATED
    assert [finding.kind for finding in held.states] == ["service.dead"]

    world.later(minutes=10)
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    assert (handed.verdicts, handed.plans) == ((), ())
    assert world.ledger.by_fingerprint(world.finding().fingerprint).id == plan.incident

    world.later(minutes=10)
    steps.correlate(world.sweep(), world.services)
    assert world.ledger.get(plan.incident).state is State.RESOLVED, "only the detector closes"


def test_it_is_taken_back_once(world: World) -> None:
    incident = repaired(world)
    steps.undo(incident.id, "operator", "", world.services)
    with pytest.raises(RefusedError, match="there to take it back already"):
        steps.undo(incident.id, "operator", "", world.services)


def test_what_is_taken_back_cannot_be_taken_back_again(world: World) -> None:
    incident = repaired(world)
    taken_back(world, incident.id)
    with pytest.raises(RefusedError, match="is taken back already"):
        steps.undo(incident.id, "operator", "", world.services)


def test_an_undo_that_failed_is_the_human_s_and_may_be_asked_for_again(world: World) -> None:
    incident = repaired(world)
    plan, _ = steps.undo(incident.id, "operator", "", world.services)
    steps.approve(plan.incident, "operator", world.services)
    steps.dispatch(plan.id, world.services)
    failed = ended(world, plan, "failure").model_copy(update={"reason": "it has changed since"})
    handed = steps.settle(failed, world.services)
    assert world.ledger.get(plan.incident).state is State.ESCALATED
    assert "it has changed since" in handed.notices[0].symptom

    steps.deny(plan.incident, "operator", "", world.services)
    assert world.ledger.get(plan.incident).state is State.RESOLVED
    again, _ = steps.undo(incident.id, "operator", "", world.services)
    assert again.incident != plan.incident


def test_a_later_repair_of_the_same_host_has_to_be_taken_back_first(world: World) -> None:
    first = repaired(world)
    world.later(hours=30)
    second = repaired(world)
    with pytest.raises(RefusedError, match=f"has changed since: restart_service ran there again for {second.id}"):
        steps.undo(first.id, "operator", "", world.services)
    assert steps.undo(second.id, "operator", "", world.services)


def test_what_was_not_repaired_has_nothing_to_take_back(world: World) -> None:
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)
    incident = world.only()
    with pytest.raises(RefusedError, match="never repaired"):
        steps.undo(incident.id, "operator", "", world.services)
    steps.settle(world.outcome("failure", "it broke"), world.services)
    with pytest.raises(RefusedError, match="never repaired"):
        steps.undo(incident.id, "operator", "", world.services)
    with pytest.raises(UnknownError):
        steps.undo("inc-nothere", "operator", "", world.services)


def test_without_a_way_back_the_manifest_s_own_words_are_said(tmp_path: Path) -> None:
    world = World(tmp_path)
    incident = repaired(world)
    with pytest.raises(RefusedError, match=r"cannot be taken back by a playbook\. Its rollback: none: a human looks"):
        steps.undo(incident.id, "operator", "", world.services)


def test_a_run_whose_parameters_leave_no_way_back_says_so(tmp_path: Path) -> None:
    lacking = RESTART.model_copy(update={"undo": Undo(playbook="undo_restart")})
    world = World(tmp_path, catalogue={"restart_service": lacking, "undo_restart": BACK})
    incident = repaired(world)
    with pytest.raises(RefusedError, match=r"as it ran cannot be taken back .*needs 'unit'"):
        steps.undo(incident.id, "operator", "", world.services)


def test_policy_may_forbid_the_way_back(tmp_path: Path) -> None:
    rules = (
        Rule(playbooks=("undo_restart",), decision="never", why="not here"),
        Rule(kinds=("service.dead",), decision="auto"),
    )
    world = World(tmp_path, catalogue=CATALOGUE, policy=Policy(rules=rules))
    incident = repaired(world)
    with pytest.raises(RefusedError, match="not here"):
        steps.undo(incident.id, "operator", "", world.services)
    assert [one.id for one in world.ledger.search()] == [incident.id], "nothing was opened for it"


def test_a_playbook_that_is_asked_for_is_planned_approved_and_over_when_it_has_succeeded(world: World) -> None:
    made = {"restart_service": REPAIR, "undo_restart": BACK}
    plan, handed = steps.request("restart_service", ["ct205"], {"unit": "cron.service"}, "operator", world.services)
    assert made[plan.remediation].digest == plan.playbook_digest
    assert handed.notices
    steps.approve(plan.incident, "operator", world.services)
    assert steps.dispatch(plan.id, world.services).plans
    steps.settle(ended(world, plan, "success"), world.services)
    assert world.ledger.get(plan.incident).state is State.RESOLVED


@pytest.mark.parametrize(
    ("playbook", "host", "params", "reason"),
    [
        ("restart_service", "ct205", {"unit": "{{ x }}"}, "holds a template"),
        ("restart_service", "ct205", {}, "needs 'unit'"),
        ("undo_restart", "ct205", {"unit": "cron.service"}, "aiops undo"),
        ("nosuch", "ct205", {}, "nosuch"),
        ("restart_service", "nosuch", {"unit": "cron.service"}, "nosuch"),
    ],
)
def test_what_is_asked_for_wrongly_opens_nothing(
    world: World, playbook: str, host: str, params: dict[str, str], reason: str
) -> None:
    with pytest.raises((RefusedError, UnknownError), match=reason):
        steps.request(playbook, [host], params, "operator", world.services)
    assert world.ledger.search() == []


def test_what_is_destructive_needs_the_host_s_name_typed(tmp_path: Path) -> None:
    world = World(tmp_path, catalogue={"wipe": WIPE})
    plan, _ = steps.request("wipe", ["ct201"], {}, "operator", world.services)
    for typed in ("", "ct20", "yes", "CT201"):
        with pytest.raises(RefusedError, match="type the name of its host"):
            steps.approve(plan.incident, "operator", world.services, typed=typed)
    steps.approve(plan.incident, "operator", world.services, typed="ct201")
    (signed,) = steps.dispatch(plan.id, world.services).plans
    assert world.verifier.verify(signed).approval.typed == "ct201"
