"""The incident ledger came back from a backup: what was under way is unknown, what waited is asked again, nothing starts."""

from datetime import timedelta
from pathlib import Path

import pytest

from aiops import steps
from aiops.domain.incident import State
from aiops.domain.plan import Approval
from aiops.errors import RefusedError
from tests.incident_world import World


def opened(world: World, host: str) -> str:
    handed = steps.correlate(world.sweep(world.finding(host), hosts=(host,), name=f"sweep of {host}"), world.services)
    steps.authorise(handed.verdicts[0], world.services)
    (incident,) = world.ledger.search(host=host)
    return str(incident.id)


def test_a_repair_that_was_under_way_is_unknown_and_a_humans(tmp_path: Path) -> None:
    world = World(tmp_path)
    incident = opened(world, "ct201")
    plan = world.ledger.plan_of(incident)

    begun = steps.begin_incidents_again("marie", world.services)

    assert (begun.unknown, begun.asked) == (1, 0)
    assert world.ledger.get(incident).state is State.ESCALATED
    assert world.ledger.outcome(plan.id).status == "unknown"
    world.later(minutes=2)
    steps.thaw("marie", world.services)
    assert not steps.sweep_up(world.services).plans
    assert not steps.dispatch(plan.id, world.services).plans


def test_a_plan_that_was_approved_and_not_yet_handed_over_is_unknown_too(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    incident = opened(world, "ct201")
    plan = world.ledger.plan_of(incident)
    approval = Approval(plan_digest=plan.digest, by="marie", mode="human", at=world.now, nonce="0" * 32)
    assert world.ledger.approve(plan.id, approval)
    assert world.ledger.get(incident).state is State.AWAITING_APPROVAL

    assert steps.begin_incidents_again("marie", world.services).unknown == 1

    assert world.ledger.get(incident).state is State.ESCALATED
    world.later(minutes=2)
    assert not steps.sweep_up(world.services).plans


def test_what_waited_for_a_human_is_asked_again_and_not_started_while_frozen(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    incident = opened(world, "ct201")
    world.later(minutes=5)
    told = len(world.ledger.untaken(world.now + timedelta(days=1), 100))

    assert steps.begin_incidents_again("marie", world.services).asked == 1

    notices = world.ledger.untaken(world.now + timedelta(days=1), 100)
    assert len(notices) == told + 1
    assert "restored from a backup" in notices[-1].symptom
    assert world.ledger.get(incident).state is State.AWAITING_APPROVAL
    with pytest.raises(RefusedError, match="frozen"):
        steps.approve(incident, "marie", world.services)
    steps.thaw("marie", world.services)
    plan = steps.approve(incident, "marie", world.services)
    assert steps.dispatch(plan.id, world.services).plans


def test_what_is_still_wrong_after_a_restore_is_asked_and_not_repaired_by_itself(tmp_path: Path) -> None:
    world = World(tmp_path)
    steps.begin_incidents_again("marie", world.services)

    incident = opened(world, "ct202")

    assert world.ledger.get(incident).state is State.AWAITING_APPROVAL
    assert [line.what for line in world.ledger.audit()][:2] == ["frozen", "restored from a backup"]
