"""Judge an incident that no known fix matches."""

from aiops.domain.event import Event
from aiops.domain.severity import Severity
from aiops.domain.verdict import UNANSWERED, Attempt, Question, Verdict
from aiops.errors import ThinkerError
from aiops.ports import TriageServices


def triage(question: Question, services: TriageServices) -> Verdict:
    """Ask the model; with no usable answer the verdict is that a human looks. Never raises for a dead LLM.

    Every provider's turn becomes an event, and travels with the verdict to the side that keeps the books.
    """
    try:
        verdict = services.thinker.judge(question)
    except ThinkerError as error:
        verdict = Verdict(
            incident=question.incident.id,
            action="alert_human",
            reason=f"{UNANSWERED}{error}",
            confidence="low",
            source="fallback",
            attempts=error.attempts,
        )
    for attempt in verdict.attempts:
        services.events.publish(_event(attempt, question))
    return verdict


def _event(attempt: Attempt, question: Question) -> Event:
    incident = question.incident
    cron, hosts = f"guardian-{incident.findings[0].detector}", ", ".join(incident.hosts)
    return attempt_event(attempt, cron, hosts, incident.id)


def attempt_event(attempt: Attempt, cron: str, host: str, incident: str = "") -> Event:
    """Quiet unless a provider failed: metrics count these, humans read the verdict."""
    said = "not asked" if not attempt.asked else f"{attempt.outcome} after {attempt.seconds:.1f} s"
    return Event(
        source="hermes",
        cron=cron,
        severity=Severity.DEBUG if attempt.outcome == "answered" else Severity.INFO,
        timestamp=attempt.at,
        host=host,
        symptom=f"{attempt.provider}: {said}{': ' * bool(attempt.detail)}{attempt.detail}",
        type="llm.asked",
        incident=incident,
        context=attempt.model_dump(mode="json", exclude={"at"}),
    )
