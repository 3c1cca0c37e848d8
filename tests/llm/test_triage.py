from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.null_thinker import NullThinker
from aiops.domain.verdict import Question, Verdict
from aiops.ports import TriageServices
from aiops.steps.triage import triage
from tests.llm.questions import question


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
    verdict = triage(question(), TriageServices(NullThinker(), MemoryEvents()))
    assert verdict.action == "alert_human"
    assert verdict.source == "fallback"
    assert verdict.incident == question().incident.id
    assert "no LLM is configured" in verdict.reason


def test_what_the_model_decided_is_handed_on_as_it_is() -> None:
    verdict = triage(question(), TriageServices(Decided(), MemoryEvents()))
    assert (verdict.action, verdict.playbook, verdict.source) == ("remediate", "restart_service", "llm:x")
