"""brief: what triage has to know besides the findings. It holds no ledger, so all of it travels with the question."""

from datetime import datetime, timedelta

from aiops.domain.incident import Incident
from aiops.domain.verdict import Question
from aiops.ports import IncidentServices
from aiops.steps.memory import recall

SIMILAR = 3
CHANGES = 12
LATELY = timedelta(hours=48)
"""How far back a change may lie that explains a fault: two nights, so that the nightly upgrade before the last is in it."""
_LOOKED_AT = 200
"""How many incidents similar ones are searched among, the newest first."""
_WEIGHTS = {"kind": 2, "subject": 3, "cause": 3}


def brief(question: Question, services: IncidentServices) -> Question:
    """The same question with the nearest similar incidents, what changed lately on its hosts, and what may still be spent."""
    now = services.clock()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    left = services.llm_budget.minus(services.ledger.spent(midnight), services.ledger.spent(midnight.replace(day=1)))
    return question.model_copy(
        update={
            "similar": _similar(question.incident, services),
            "changes": _changes(question.incident, now - LATELY, services),
            "facts": recall(question.incident, services),
            "budget": left,
        }
    )


def _similar(incident: Incident, services: IncidentServices) -> tuple[str, ...]:
    """The incidents on other hosts that share most with this one, and what became of them."""
    others = [
        (score, other)
        for other in services.ledger.search(limit=_LOOKED_AT)
        if other.id != incident.id and not set(other.hosts) & set(incident.hosts)
        if (score := _likeness(incident, other))
    ]
    nearest = sorted(others, key=lambda pair: -pair[0])[:SIMILAR]
    return tuple(
        f"{other.opened_at:%Y-%m-%d %H:%M} {other.state.value}: {other.title}{_repair(other, services)}"
        for _, other in nearest
    )


def _likeness(incident: Incident, other: Incident) -> int:
    """Identity labels that both have, weighed; text is never compared."""
    shared = 0
    for label, weight in _WEIGHTS.items():
        ours = {getattr(finding, label) for finding in incident.findings} - {""}
        shared += weight * bool(ours & {getattr(finding, label) for finding in other.findings})
    return shared


def _changes(incident: Incident, since: datetime, services: IncidentServices) -> tuple[str, ...]:
    """Occurrences (apt's history, tasks) and our own repairs on the incident's hosts, the newest first."""
    told: list[tuple[datetime, str]] = []
    known = [incident]
    for host in incident.hosts[:3]:
        known += services.ledger.search(host=host, since=since, limit=50)
    for one in {one.id: one for one in known}.values():
        told += [
            (finding.seen_at, f"{finding.seen_at:%Y-%m-%d %H:%M} {finding.host}: {finding.summary}")
            for finding in one.findings
            if finding.persistence == "occurrence" and finding.host in incident.hosts and finding.seen_at >= since
        ]
        plan = services.ledger.plan_of(one.id)
        outcome = services.ledger.outcome(plan.id) if plan else None
        if plan and outcome and outcome.finished_at >= since:
            text = f"{outcome.finished_at:%Y-%m-%d %H:%M} we ran {plan.remediation} on {', '.join(plan.hosts)}"
            told.append((outcome.finished_at, f"{text}: {outcome.status}"))
    newest = sorted(told, key=lambda pair: pair[0], reverse=True)
    return tuple(dict.fromkeys(text for _, text in newest))[:CHANGES]


def _repair(incident: Incident, services: IncidentServices) -> str:
    plan = services.ledger.plan_of(incident.id)
    outcome = services.ledger.outcome(plan.id) if plan else None
    return f" ({plan.remediation}: {outcome.status})" if plan and outcome else ""
