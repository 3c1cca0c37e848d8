"""Judge an incident that no known fix matches."""

from aiops.domain.verdict import Question, Verdict
from aiops.errors import ThinkerError
from aiops.ports import TriageServices


def triage(question: Question, services: TriageServices) -> Verdict:
    """Ask the model; with no usable answer the verdict is that a human looks. Never raises for a dead LLM."""
    try:
        return services.thinker.judge(question)
    except ThinkerError as error:
        return Verdict(
            incident=question.incident.id,
            action="alert_human",
            reason=str(error),
            confidence="low",
            source="fallback",
        )
