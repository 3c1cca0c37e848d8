"""consider: known fixes first, at zero tokens; a question to triage on a miss; a human where neither helps."""

from aiops.domain.handover import Handover
from aiops.domain.incident import Incident
from aiops.domain.severity import Severity
from aiops.domain.verdict import Choice, Question, Verdict
from aiops.ports import IncidentServices
from aiops.steps.abridge import abridge
from aiops.steps.autonomy import not_held
from aiops.steps.bound import bound
from aiops.steps.known_fixes import candidates, fallback_reason, own_judgement
from aiops.steps.learned import heed_relapse

_ASK_FROM = Severity.WARNING


def consider(incident: Incident, services: IncidentServices) -> Handover:
    """A verdict by rule or skill, or a question for the LLM, or a verdict that hands the incident to a human."""
    heed_relapse(incident, services)
    taken_back = not_held(incident.relapse_of, incident, services)
    return taken_back + _judge(incident, services)


def _judge(incident: Incident, services: IncidentServices) -> Handover:
    verdict = own_judgement(incident, services)
    if verdict:
        return Handover(verdicts=(verdict,))
    if services.llm and incident.severity.rank >= _ASK_FROM.rank:
        return Handover(questions=(question(incident, services),))
    reason = fallback_reason(incident, services)
    if not services.llm:
        reason = f"{reason}, and no LLM is configured"
    return Handover(verdicts=(Verdict(incident=incident.id, action="alert_human", reason=reason, source="fallback"),))


def question(incident: Incident, services: IncidentServices) -> Question:
    """What the LLM is asked: the incident with long outputs condensed, the last three on its hosts, and the choices.

    Parameter values are our own.
    """
    earlier = [other for host in incident.hosts[:1] for other in services.ledger.search(host=host, limit=4)]
    history = tuple(
        f"{other.opened_at:%Y-%m-%d %H:%M} {other.state.value}: {other.title}"
        for other in earlier
        if other.id != incident.id
    )[:3]
    choices: dict[str, Choice] = {}
    for remediation, _, finding in candidates(incident, services):
        # The first finding that fits is the one a plan would be made for.
        choice = Choice(
            playbook=remediation.id, description=remediation.title, params=bound(remediation, finding, services)
        )
        choices.setdefault(remediation.id, choice)
    return Question(incident=abridge(incident, services), history=history, choices=tuple(choices.values()))
