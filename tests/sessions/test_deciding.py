"""CT190's side of a session: when one is granted, what it brings, and what comes of its end."""

from pathlib import Path
from typing import Any

import pytest

from aiops import steps
from aiops.domain.incident import Incident, State
from aiops.domain.session import Grant, ProposedPlan, SessionEnd, SessionLimits
from aiops.domain.verdict import Verdict
from aiops.errors import RefusedError
from tests.incident_world import World

LIMITS = SessionLimits(per_day=3)
MEND = ProposedPlan(
    playbook="restart_service", host="ct201", params={"unit": "php.service"}, reason="it hangs: restart it"
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, sessions=LIMITS)


def investigated(world: World) -> tuple[Incident, Grant]:
    """An incident of which a model said that somebody should look closer."""
    steps.correlate(world.sweep(world.finding(subject="moon", kind="moon.full")), world.services)
    incident = world.only()
    verdict = Verdict(incident=incident.id, action="investigate", reason="nobody knows it", source="llm:scripted")
    handed = steps.authorise(verdict, world.services)
    (signed,) = handed.grants
    return world.only(), world.verifier.verify_grant(signed)


def ended(grant: Grant, world: World, ending: str = "proposed", **more: Any) -> SessionEnd:
    fields = {
        "session": grant.id,
        "incident": grant.incident,
        "ending": ending,
        "reason": "so it is",
        "finished_at": world.now,
    }
    return SessionEnd.model_validate({**fields, "calls": 4, "tokens_in": 900, "tokens_out": 100, **more})


def texts(world: World, step: str) -> list[str]:
    return [entry.text for entry in world.ledger.timeline(world.only().id) if entry.step == step]


def test_a_verdict_that_wants_a_closer_look_grants_one_session_with_all_it_may_know(world: World) -> None:
    incident, grant = investigated(world)

    assert incident.state is State.TRIAGED
    assert grant.question.incident.findings[0].kind == "moon.full"
    assert [host.name for host in grant.hosts] == ["ct201"]
    assert grant.budget == LIMITS.budget
    assert "granted to an agent" in texts(world, "session")[0]
    assert world.ledger.under_way(incident.id) == grant


def test_without_an_agent_the_verdict_goes_to_a_human_as_before(tmp_path: Path) -> None:
    world = World(tmp_path)
    steps.correlate(world.sweep(world.finding(subject="moon", kind="moon.full")), world.services)
    verdict = Verdict(incident=world.only().id, action="investigate", reason="nobody knows it", source="llm:scripted")

    handed = steps.authorise(verdict, world.services)

    assert handed.grants == ()
    assert world.only().state is State.ESCALATED


def test_a_verdict_that_comes_twice_grants_one_session(world: World) -> None:
    incident, _ = investigated(world)
    verdict = Verdict(incident=incident.id, action="investigate", reason="nobody knows it", source="llm:scripted")

    assert steps.authorise(verdict, world.services).grants == ()
    assert world.ledger.granted_since(world.now) == 1


def test_a_proposed_plan_waits_for_a_human_even_where_policy_says_auto(world: World) -> None:
    incident, grant = investigated(world)

    handed = steps.conclude(ended(grant, world, plan=MEND), world.services)

    assert world.only().state is State.AWAITING_APPROVAL
    plan = world.ledger.plan_of(incident.id)
    assert (plan.remediation, plan.hosts, plan.params) == ("restart_service", ("ct201",), {"unit": "php.service"})
    assert plan.verify == ("health",)
    assert world.ledger.approval(plan.id) is None
    assert handed.plans == ()
    assert [notice.type for notice in handed.notices] == ["plan.made"]
    assert steps.conclude(ended(grant, world, plan=MEND), world.services).notices == ()


def test_an_approved_proposal_is_dispatched_like_every_plan(world: World) -> None:
    incident, grant = investigated(world)
    steps.conclude(ended(grant, world, plan=MEND), world.services)

    plan = steps.approve(incident.id, "operator", world.services)
    (signed,) = steps.dispatch(plan.id, world.services).plans

    assert world.verifier.verify(signed).plan == plan


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (MEND.model_copy(update={"host": "ct202"}), "there is no host of the incident 'ct202'"),
        (MEND.model_copy(update={"playbook": "wipe"}), "there is no playbook 'wipe'"),
        (MEND.model_copy(update={"params": {"unit": "{{ lookup('pipe', 'id') }}"}}), "holds a template"),
        (MEND.model_copy(update={"params": {"unit": "a.service", "become": True}}), "has no parameter 'become'"),
    ],
)
def test_a_proposal_that_does_not_fit_goes_to_a_human_and_no_plan_is_kept(
    world: World, plan: ProposedPlan, why: str
) -> None:
    incident, grant = investigated(world)

    steps.conclude(ended(grant, world, plan=plan), world.services)

    assert world.only().state is State.ESCALATED
    assert world.ledger.plan_of(incident.id) is None
    assert why in texts(world, "session")[-1]


@pytest.mark.parametrize("ending", ["nothing", "stopped", "lost", "refused"])
def test_every_other_end_goes_to_a_human_with_its_reason(world: World, ending: str) -> None:
    _, grant = investigated(world)

    steps.conclude(ended(grant, world, ending, plan=MEND), world.services)

    assert world.only().state is State.ESCALATED
    assert f"ended {ending}: so it is" in texts(world, "session")[-1]


def test_a_new_playbook_goes_to_a_human_with_its_branch(world: World) -> None:
    _, grant = investigated(world)

    steps.conclude(ended(grant, world, branch="session/x-mend_moon"), world.services)

    assert world.only().state is State.ESCALATED
    assert "review the branch session/x-mend_moon" in texts(world, "session")[-1]


def test_a_session_nobody_hears_of_is_rung_for_again_and_then_given_to_a_human(world: World) -> None:
    _, grant = investigated(world)

    world.later(seconds=30)
    assert world.verifier.verify_grant(steps.sweep_up(world.services).grants[0]) == grant
    world.later(seconds=LIMITS.start_within)
    assert steps.sweep_up(world.services).grants == ()
    assert world.only().state is State.TRIAGED
    world.later(seconds=LIMITS.budget.seconds + 120)
    steps.sweep_up(world.services)

    assert world.only().state is State.ESCALATED
    assert "CT196 never said how it ended" in texts(world, "session")[-1]


def test_an_end_that_comes_after_the_fault_is_gone_is_noted_and_changes_nothing(world: World) -> None:
    incident, grant = investigated(world)
    steps.close(world.sweep(kinds=("moon.full",), incident=incident.id), world.services)
    before = world.only().state

    steps.conclude(ended(grant, world, plan=MEND), world.services)

    assert world.only().state is before
    assert world.ledger.plan_of(incident.id) is None


def test_a_human_may_ask_for_a_session_about_what_waits_for_him_and_for_nothing_else(world: World) -> None:
    incident, grant = investigated(world)
    with pytest.raises(RefusedError, match="under way"):
        steps.request_session(incident.id, "operator", "", world.services)
    steps.conclude(ended(grant, world, "nothing"), world.services)

    (signed,) = steps.request_session(incident.id, "operator", "look at the moon", world.services).grants

    again = world.verifier.verify_grant(signed)
    assert (again.by, again.why) == ("operator", "look at the moon")
    assert world.only().state is State.TRIAGED
    steps.conclude(ended(again, world, plan=MEND), world.services)
    with pytest.raises(RefusedError, match="awaiting_approval"):
        steps.request_session(incident.id, "operator", "", world.services)


def test_the_days_sessions_are_limited(world: World) -> None:
    incident, grant = investigated(world)
    for _ in range(LIMITS.per_day - 1):
        steps.conclude(ended(grant, world, "nothing"), world.services)
        (signed,) = steps.request_session(incident.id, "operator", "", world.services).grants
        grant = world.verifier.verify_grant(signed)
    steps.conclude(ended(grant, world, "nothing"), world.services)

    with pytest.raises(RefusedError, match="3 sessions were granted within a day"):
        steps.request_session(incident.id, "operator", "", world.services)

    assert world.only().state is State.ESCALATED


def test_over_ssh_a_refusal_is_told_to_the_human_and_not_raised(world: World) -> None:
    incident, _ = investigated(world)

    handed = steps.ask_session(incident.id, "ssh:key1", world.services)

    assert handed.grants == ()
    assert "refused: a session about" in texts(world, "session")[-1]
    assert steps.ask_session("inc-20261123-zzzzzz", "ssh:key1", world.services).grants == ()


def test_what_a_session_used_is_booked_and_a_session_that_could_cost_more_than_is_left_is_not_granted(
    tmp_path: Path,
) -> None:
    priced = SessionLimits(dollars_in=5.0, dollars_out=10.0)
    world = World(tmp_path, sessions=priced)
    incident, grant = investigated(world)
    steps.conclude(ended(grant, world, "nothing", tokens_in=50_000, tokens_out=20_000), world.services)

    ((_, booked),) = world.ledger.booked(world.now, incident.id)
    assert (booked.provider, booked.cost) == ("session", pytest.approx(0.45))
    with pytest.raises(RefusedError, match=r"may cost 0\.60 EUR, and 0\.55 are left"):
        steps.request_session(incident.id, "operator", "", world.services)


def test_the_audit_log_tells_of_grant_and_end(world: World) -> None:
    _, grant = investigated(world)
    steps.conclude(ended(grant, world, "nothing"), world.services)

    lines = [(line.what, line.plan, line.outcome) for line in world.ledger.audit() if "session" in line.what]
    assert lines == [("session granted", grant.id, ""), ("session ended", grant.id, "nothing")]
    assert world.ledger.broken() == []


def test_a_grant_never_passes_for_a_plan(world: World) -> None:
    from aiops.domain.plan import SignedPlan  # noqa: PLC0415 - this test alone forges one

    incident, _ = investigated(world)
    (signed,) = steps.sweep_up(world.services).grants or (
        world.services.signer.sign_grant(world.ledger.under_way(incident.id)),
    )

    with pytest.raises(RefusedError, match="signature"):
        world.verifier.verify(SignedPlan(**signed.model_dump()))
