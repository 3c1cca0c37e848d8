"""The autonomy ladder: raised by hand, proposed by proofs, taken back by one relapse, and never above policy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops import steps
from aiops.domain.autonomy import RUNGS, Rung, limited
from aiops.domain.event import Event
from aiops.domain.handover import Handover
from aiops.domain.host import Host
from aiops.domain.incident import State
from aiops.domain.outcome import Outcome
from aiops.domain.policy import Decision, Policy, Rule
from aiops.errors import RefusedError, UnknownError
from tests.incident_world import RESTART, Hosts, World

ORDER: tuple[Decision, ...] = ("auto", "ask", "never")
HOSTS = Hosts(*[Host(name=f"ct{n}", role="web") for n in range(200, 240)], Host(name="db1", role="db"))


def ladder(folder: Path, decision: Decision = "auto", rung: Rung = "observe", **more: Any) -> World:
    policy = Policy(mode="ladder", raise_after=3, rules=(Rule(decision=decision),))
    world = World(folder, **{"policy": policy, "inventory": HOSTS, **more})
    for _ in range(RUNGS.index(rung)):
        steps.raise_rung("restart_service", "web", "marie", "trusted", world.services)
    return world


def opened(world: World, host: str = "ct201") -> Handover:
    handed = steps.correlate(world.sweep(world.finding(host), hosts=(host,)), world.services)
    verdicts, before = handed.verdicts, Handover(notices=handed.notices)
    return before + steps.authorise(verdicts[0], world.services)


def repaired(world: World, host: str, *, gone: bool = True) -> Handover:
    """One incident from its sweep to the look after its repair, with a human where one is asked."""
    world.later(days=3)
    handed = opened(world, host)
    (incident,) = world.ledger.search(host=host, limit=1)
    if incident.state is State.AWAITING_APPROVAL:
        steps.dispatch(steps.approve(incident.id, "marie", world.services).id, world.services)
    plan = world.ledger.plan_of(incident.id)
    steps.settle(Outcome(plan=plan.id, incident=incident.id, status="success", finished_at=world.now), world.services)
    seen = () if gone else (world.finding(host),)
    look = world.sweep(*seen, hosts=(host,), incident=incident.id, name=f"look-{host}-{world.now}")
    return handed + steps.close(look, world.services)


def standing(world: World) -> Any:
    return world.ledger.standing("restart_service", "web")


def types(notices: Sequence[Event]) -> list[str]:
    return [notice.type for notice in notices]


def test_a_fresh_ladder_only_observes_and_says_what_would_raise_it(tmp_path: Path) -> None:
    world = ladder(tmp_path)
    handed = opened(world)

    assert handed.plans == ()
    assert world.only().state is State.ESCALATED
    assert "aiops autonomy raise restart_service web" in handed.notices[0].symptom
    with pytest.raises(RefusedError, match="only observe"):
        steps.replan(world.only().id, "restart_service", world.services)


def test_what_may_suggest_is_planned_only_for_a_human_who_asks(tmp_path: Path) -> None:
    world = ladder(tmp_path, rung="suggest")
    assert opened(world).plans == ()
    assert world.only().state is State.ESCALATED

    _, handed = steps.replan(world.only().id, "", world.services)
    assert types(handed.notices) == ["plan.made"]
    assert world.only().state is State.AWAITING_APPROVAL


@pytest.mark.parametrize(("rung", "state"), [("ask", State.AWAITING_APPROVAL), ("auto", State.REMEDIATING)])
def test_the_upper_rungs_ask_and_act(tmp_path: Path, rung: Rung, state: State) -> None:
    world = ladder(tmp_path, rung=rung)
    opened(world)
    assert world.only().state is state


@pytest.mark.parametrize("decision", ["ask", "never"])
def test_the_top_of_the_ladder_is_never_above_policy(tmp_path: Path, decision: Decision) -> None:
    world = ladder(tmp_path, decision, rung="auto")
    assert opened(world).plans == ()
    assert world.only().state is (State.AWAITING_APPROVAL if decision == "ask" else State.ESCALATED)


def test_a_rung_is_for_one_playbook_on_one_role(tmp_path: Path) -> None:
    world = ladder(tmp_path, rung="auto")
    assert opened(world, "db1").plans == ()
    assert world.ledger.standing("restart_service", "db").rung == "observe"


def test_a_human_raises_one_rung_at_a_time_and_not_above_the_manifest(tmp_path: Path) -> None:
    careful = RESTART.model_copy(update={"approval": "human"})
    world = ladder(tmp_path, rung="ask", catalogue={"restart_service": careful})
    with pytest.raises(RefusedError, match="always needs a human"):
        steps.raise_rung("restart_service", "web", "marie", "", world.services)
    with pytest.raises(UnknownError):
        steps.raise_rung("restart_service", "no such role", "marie", "", world.services)
    with pytest.raises(UnknownError):
        steps.raise_rung("no_such_playbook", "web", "marie", "", world.services)
    assert [line.what for line in world.ledger.audit()] == ["autonomy suggest", "autonomy ask"]
    assert steps.lower_rung("restart_service", "web", "marie", "", world.services).rung == "suggest"
    steps.lower_rung("restart_service", "web", "marie", "", world.services)
    with pytest.raises(RefusedError, match="only observes"):
        steps.lower_rung("restart_service", "web", "marie", "", world.services)


def test_the_next_rung_is_proposed_once_after_enough_proofs_and_taken_by_a_human_only(tmp_path: Path) -> None:
    world = ladder(tmp_path, rung="ask")
    told = [types(repaired(world, f"ct{n}").notices) for n in range(201, 206)]

    assert [kinds.count("autonomy.proposed") for kinds in told] == [0, 0, 1, 0, 0]
    assert (standing(world).rung, standing(world).closures, standing(world).proved) == ("ask", 5, 5)
    steps.raise_rung("restart_service", "web", "marie", "proved", world.services)
    assert (standing(world).rung, standing(world).closures, standing(world).proposed) == ("auto", 0, False)


def test_one_relapse_takes_what_was_automatic_back_to_asking(tmp_path: Path) -> None:
    world = ladder(tmp_path, rung="auto")
    repaired(world, "ct201")
    world.later(hours=2)

    handed = opened(world)

    assert "autonomy.lowered" in types(handed.notices)
    assert (standing(world).rung, standing(world).relapses, standing(world).closures) == ("ask", 1, 0)
    world.later(minutes=1)
    assert opened(world, "ct202").plans == ()


def test_a_repair_that_did_not_help_counts_as_one_that_did_not_hold(tmp_path: Path) -> None:
    world = ladder(tmp_path, rung="auto")
    assert "autonomy.lowered" in types(repaired(world, "ct201", gone=False).notices)
    assert standing(world).rung == "ask"


def test_without_the_ladder_the_rules_alone_decide_and_the_proofs_are_counted_all_the_same(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert repaired(world, "ct201").plans
    assert (standing(world).rung, standing(world).proved) == ("observe", 1)


@given(st.sampled_from(ORDER), st.sampled_from(RUNGS), st.booleans())
def test_no_rung_makes_a_decision_more_automatic(decision: Decision, rung: Rung, asked: bool) -> None:  # noqa: FBT001
    left = limited(decision, rung, asked=asked)
    assert ORDER.index(left) >= ORDER.index(decision)
    assert rung == "auto" or left != "auto"
