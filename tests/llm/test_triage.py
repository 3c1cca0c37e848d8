import json

from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.null_thinker import NullThinker
from aiops.domain.verdict import Question, Verdict
from aiops.ports import TriageServices
from aiops.steps.triage import triage
from tests.llm.questions import NOW, question


class Decided:
    """A thinker that has decided already."""

    def judge(self, question: Question) -> Verdict:
        return Verdict(
            incident=question.incident.id,
            action="remediate",
            playbook="restart_service",
            reason="it hangs",
            source="llm:x",
        )


def test_without_an_llm_a_human_is_called_and_told_why() -> None:
    events = MemoryEvents()
    verdict = triage(question(), TriageServices(NullThinker(), events, clock=lambda: NOW))
    assert verdict.action == "alert_human"
    assert verdict.source == "fallback"
    assert verdict.incident == question().incident.id
    assert "no LLM is configured" in verdict.reason
    assert events.types() == ["verdict.given"]


def test_the_verdict_is_published_in_the_words_subscribers_know() -> None:
    events = MemoryEvents()
    verdict = triage(question(), TriageServices(Decided(), events, clock=lambda: NOW))
    assert (verdict.action, verdict.playbook) == ("remediate", "restart_service")
    (entry,) = events.entries
    said = json.loads(entry.payload)
    assert (said["type"], said["incident"], said["host"]) == ("verdict.given", verdict.incident, "ct234")
    assert said["context"]["action"] == "spawn_claude"
    assert said["context"]["playbook"] == "restart_service"
    assert said["context"]["reason"] == "it hangs"
