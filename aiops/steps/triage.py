"""Judge an incident that no known fix matches."""

from aiops.domain.event import Event
from aiops.domain.verdict import Question, Verdict
from aiops.errors import ThinkerError
from aiops.ports import TriageServices


def triage(question: Question, services: TriageServices) -> Verdict:
    """Ask the model; with no usable answer the verdict is that a human looks. Never raises for a dead LLM."""
    try:
        verdict = services.thinker.judge(question)
    except ThinkerError as error:
        verdict = Verdict(
            incident=question.incident.id,
            action="alert_human",
            reason=str(error),
            confidence="low",
            source="fallback",
        )
    services.events.publish(_given(verdict, question, services))
    return verdict


def _given(verdict: Verdict, question: Question, services: TriageServices) -> Event:
    incident = question.incident
    return Event(
        source="hermes",
        cron="triage",
        severity=incident.severity,
        timestamp=services.clock(),
        host=incident.hosts[0],
        symptom=f"{incident.title}: {verdict.action}",
        context={
            # The operator's subscribers read this word; in his answers there were three actions and not four.
            "action": "spawn_claude" if verdict.action in {"remediate", "investigate"} else verdict.action,
            "verdict": verdict.action,
            "playbook": verdict.playbook,
            "reason": verdict.reason,
            "confidence": verdict.confidence,
            "evidence": list(verdict.evidence),
            "judged_by": verdict.source,
            "related_hosts": list(incident.hosts),
        },
        type="verdict.given",
        incident=incident.id,
        sweep=incident.sweep,
    )
