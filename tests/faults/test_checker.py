"""The checker itself: a story that holds is accepted, and each way in which it may not hold is found and named."""

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import RULES, Decided, Evidence, Executed, check
from tests.faults.hosts import Effect

PLAN, OTHER = "plan-20261123-aaaaaa", "plan-20261123-bbbbbb"


def did(phase: str, fence: int = 7, *, at: int = 0, host: str = "ct1", stamp: int = 0, plan: str = PLAN) -> Effect:
    return Effect(host, at, phase, fence, stamp or fence, plan)


def event(kind: str, number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": f"{kind}-{number}", "type": kind, "incident": "inc-1", "context": {"plan": PLAN}} | fields


WHOLE = (did("check", at=1), did("begin", at=2), did("end", at=3))
DONE = Executed(PLAN, "inc-1", ("ct1",), "done", "success", began=True, fences=(7,))
CLOSED = Decided("inc-1", ("ct1",), "resolved", {PLAN: "success"})
STORY = Evidence(
    effects=WHOLE,
    executed=[DONE],
    decided=[CLOSED],
    events=[
        event("remediation.started"),
        event("remediation.finished", context={"plan": PLAN, "status": "success"}),
        event("incident.resolved"),
        event("incident.resolved"),
    ],
    journal=[f"clean_vzdump_orphans on ct1\n- evidence: inc-1, {PLAN}"],
    faults=["ct1"],
)
LATER = (did("begin", 9, at=4, plan=OTHER), did("end", 9, at=5, plan=OTHER))
SECOND = Executed(OTHER, "inc-2", ("ct1",), "done", "success", began=True, fences=(9,))


def test_a_story_that_holds_is_accepted() -> None:
    assert check(STORY) == []


def test_what_a_kill_may_take_is_no_contradiction() -> None:
    lost = replace(DONE, status="unknown", began=False)
    handed_over = replace(CLOSED, state="escalated", outcomes={PLAN: "unknown"}, broken=True)
    assert check(replace(STORY, effects=WHOLE[:2], executed=[lost], decided=[handed_over], events=[])) == []


def test_a_plan_that_was_given_back_and_claimed_again_has_two_fences_and_one_start() -> None:
    again = (did("check", 5, at=0), *WHOLE)
    assert check(replace(STORY, effects=again, executed=[replace(DONE, fences=(5, 7))])) == []


SEEDED = {
    "started more than once": [
        {"effects": (*WHOLE, did("begin", at=4))},
        {"effects": (*WHOLE, did("begin", 9, at=4)), "executed": [replace(DONE, fences=(7, 9))]},
    ],
    "an effect without a claim": [
        {"effects": (*WHOLE, did("check", 8, at=4))},
        {"effects": (*WHOLE, did("check", host="ct2", at=4))},
        {"executed": [replace(DONE, fences=())], "events": []},
    ],
    "an effect against the fence": [
        {"effects": (*WHOLE, did("end", at=4, stamp=9))},
        {"effects": (did("check", 9, at=0), *WHOLE), "executed": [replace(DONE, fences=(7, 9))]},
    ],
    "two runs at once on a host": [
        {"effects": (*WHOLE[:2], did("check", 9, at=3, plan=OTHER), replace(WHOLE[2], at=4))},
    ],
    "CT196 and the hosts differ": [
        {"effects": WHOLE[:2]},
        {"executed": [replace(DONE, status="failure", began=False)]},
        {"executed": [replace(DONE, state="received", status="", began=False)]},
    ],
    "the ledgers differ": [
        {"decided": [replace(CLOSED, outcomes={PLAN: "failure"})]},
        {"decided": [replace(CLOSED, outcomes={OTHER: "success"})]},
        {"decided": [replace(CLOSED, outcomes={PLAN: "skipped"})]},
        {"decided": [], "events": []},
    ],
    "lost": [{"faults": ["ct1", "ct2"]}, {"faults": ["ct1", "ct1"]}],
    "not ended": [
        {"decided": [replace(CLOSED, state="remediating")], "events": []},
        {"executed": [replace(DONE, state="claimed", status="")]},
    ],
    "resolved and still broken": [{"decided": [replace(CLOSED, broken=True)]}],
    "an event without a fact": [
        {"events": [event("remediation.started", context={"plan": OTHER})]},
        {"events": [event("remediation.finished", context={"plan": PLAN, "status": "failure"})]},
        {"events": [event("incident.resolved", incident="inc-9")]},
        {"decided": [replace(CLOSED, state="escalated")]},
    ],
    "the journal differs": [
        {"journal": []},
        {"journal": [*STORY.journal, *STORY.journal]},
        {"journal": [*STORY.journal, f"- evidence: inc-1, {OTHER}"]},
    ],
}
CASES = [
    pytest.param(kind, change, id=f"{kind}-{n}") for kind, changes in SEEDED.items() for n, change in enumerate(changes)
]


@pytest.mark.parametrize(("kind", "change"), CASES)
def test_a_seeded_contradiction_is_found_and_named(kind: str, change: dict[str, Any]) -> None:
    assert kind in {found.kind for found in check(replace(STORY, **change))}


def test_every_rule_has_a_seeded_contradiction() -> None:
    assert set(SEEDED) == set(RULES)


def test_two_runs_one_after_the_other_are_fine() -> None:
    journal = [*STORY.journal, f"- evidence: inc-2, {OTHER}"]
    story = replace(
        STORY,
        effects=(*WHOLE, did("check", 9, at=4, plan=OTHER), *LATER),
        executed=[DONE, SECOND],
        decided=[CLOSED, Decided("inc-2", ("ct1",), "resolved", {OTHER: "success"})],
        journal=journal,
        faults=["ct1", "ct1"],
    )
    assert check(story) == []
