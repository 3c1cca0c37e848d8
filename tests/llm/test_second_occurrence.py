"""A learned incident that comes again costs no call, counted where calls are counted; a fix that did not hold costs one again."""

import json
from pathlib import Path

import pytest

from aiops import steps
from aiops.adapters.llm_prompt import Prompt
from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.memory_provider_state import MemoryProviderState
from aiops.adapters.provider_chain import Price, ProviderChain, Reply
from aiops.domain.handover import Handover
from aiops.ports import TriageServices
from aiops.steps.brief import brief
from aiops.steps.learned import approve_skill
from tests.incident_world import World
from tests.unit.incidents.test_skills import BOTH, NAME, appears, repaired


class Model:
    """A ``Provider`` that restarts whatever is dead, and counts."""

    name, model, seconds = "counting", "counting", 0.0
    price: Price | None = Price(0, 0)

    def __init__(self) -> None:
        self.calls = 0

    def ask(self, prompt: Prompt, seconds: float) -> Reply:
        self.calls += 1
        answer = {"action": "remediate", "playbook": "restart_service", "reason": "it is dead", "confidence": "high"}
        return Reply(json.dumps({**answer, "evidence": []}))


class House:
    """Both sides: what cannot be decided goes to the model, and its answer comes back."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder, llm=True, catalogue=BOTH)
        self.model, self.events = Model(), MemoryEvents()
        self.triage = TriageServices(ProviderChain([self.model], MemoryProviderState()), self.events)

    def decides(self, handed: Handover) -> Handover:
        asked = [brief(question, self.world.services) for question in handed.questions]
        return Handover(verdicts=(*handed.verdicts, *(steps.triage(question, self.triage) for question in asked)))

    def calls(self) -> tuple[int, int, int]:
        """Made, published as ``llm.asked``, and booked: the three places where calls are counted."""
        booked = self.world.ledger.booked(self.world.now.replace(year=2020))
        return (self.model.calls, self.events.types().count("llm.asked"), sum(one.asked for _, one in booked))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_second_occurrence_of_a_learned_incident_makes_no_call(house: House) -> None:
    repaired(house.world, house.decides(appears(house.world)))
    assert house.calls() == (1, 1, 1)
    approve_skill(NAME, "anna", house.world.services)
    house.world.later(days=2)

    second = repaired(house.world, house.decides(appears(house.world)))

    assert house.calls() == (1, 1, 1)
    assert house.world.ledger.verdict(second).source == f"skill:{NAME}"
    assert house.world.ledger.booked(house.world.now.replace(year=2020), second) == []


def test_a_skill_whose_repair_relapsed_is_asked_about_again_and_is_not_used_by_itself(house: House) -> None:
    repaired(house.world, house.decides(appears(house.world)))
    approve_skill(NAME, "anna", house.world.services)
    house.world.later(days=2)
    repaired(house.world, house.decides(appears(house.world)))
    house.world.later(hours=2)

    house.decides(appears(house.world))
    assert house.world.ledger.lesson(NAME).standing == "demoted"
    assert house.model.calls == 2

    house.world.later(days=9)
    house.decides(appears(house.world, "ct209"))
    assert house.model.calls == 3
