"""Judge an incident that no known fix matches."""

from aiops.domain.event import Event
from aiops.domain.severity import Severity
from aiops.domain.tool import Heard
from aiops.domain.verdict import UNANSWERED, Attempt, Question, Verdict
from aiops.errors import ThinkerError
from aiops.ports import TriageServices
from aiops.rules.suspicion import suspicious


def triage(question: Question, services: TriageServices) -> Verdict:
    """Ask the model; with no usable answer the verdict is that a human looks. Never raises for a dead LLM.

    Before that, servers of others are asked what the settings want known. Each of those turns is an event, and so is every
    provider's, which also travels with the verdict to the side that keeps the books.
    """
    question = _gathered(question, services)
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


def _gathered(question: Question, services: TriageServices) -> Question:
    """The question with what servers of others said. What talks to whoever judges is left out, and said to be."""
    heard = tuple(_safe(one) for one in services.tools.gather(question)) if services.tools else ()
    for one in heard:
        services.events.publish(_asked(one, question, services))
    return question.model_copy(update={"outside": heard}) if heard else question


def _safe(heard: Heard) -> Heard:
    odd = suspicious(heard.text)
    return (
        heard.model_copy(update={"text": "", "cut_off": f"its answer was left out: it holds {odd}"}) if odd else heard
    )


def _asked(heard: Heard, question: Question, services: TriageServices) -> Event:
    incident = question.incident
    said = f"cut off: {heard.cut_off}" if heard.cut_off else f"answered after {heard.seconds:.1f} s"
    return Event(
        source="hermes",
        cron=f"guardian-{incident.findings[0].detector}",
        severity=Severity.INFO if heard.cut_off else Severity.DEBUG,
        timestamp=services.clock(),
        host=", ".join(incident.hosts),
        symptom=f"{heard.server}.{heard.tool}: {said}",
        type="server.asked",
        incident=incident.id,
        context=heard.model_dump(mode="json", exclude={"text"}) | {"characters": len(heard.text)},
    )


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
