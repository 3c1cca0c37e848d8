"""consider: known fixes first, at zero tokens; a question to triage on a miss; a human where neither helps."""

from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.incident import Incident
from aiops.domain.remediation import Fix, Remediation
from aiops.domain.severity import Severity
from aiops.domain.verdict import Choice, Question, Verdict
from aiops.errors import AiopsError
from aiops.ports import IncidentServices
from aiops.remediations import bind
from aiops.steps.blindness import WATCH

_ASK_FROM = Severity.WARNING


def consider(incident: Incident, services: IncidentServices) -> Handover:
    """A verdict by rule, or a question for the LLM, or a verdict that hands the incident to a human."""
    if incident.findings[0].detector == WATCH:
        # A model cannot bring a process of ours back, and asking it would take time that a human needs.
        reason = "a part of aiops itself is dead or did not look"
        return Handover(
            verdicts=(Verdict(incident=incident.id, action="alert_human", reason=reason, source="rule:watch"),)
        )
    known = known_fix(incident, services)
    if known:
        return Handover(verdicts=(known,))
    if services.llm and incident.severity.rank >= _ASK_FROM.rank:
        return Handover(questions=(question(incident, services),))
    reason = "no known fix" if services.llm else "no known fix, and no LLM is configured"
    return Handover(verdicts=(Verdict(incident=incident.id, action="alert_human", reason=reason, source="fallback"),))


def known_fix(incident: Incident, services: IncidentServices) -> Verdict | None:
    """The remediation whose manifest names one of the findings with the highest precedence.

    Two different ones of equal precedence are no known fix: that needs judgement.
    """
    fits = candidates(incident, services)
    if not fits:
        return None
    best = max(fix.precedence for _, fix, _ in fits)
    chosen = {remediation.id: finding for remediation, fix, finding in fits if fix.precedence == best}
    if len(chosen) != 1:
        return None
    ((playbook, finding),) = chosen.items()
    return Verdict(
        incident=incident.id,
        action="remediate",
        playbook=playbook,
        confidence="high",
        reason=f"{playbook} is the known fix for {finding.kind}",
        evidence=(finding.fingerprint,),
        source=f"rule:{playbook}",
    )


def candidates(incident: Incident, services: IncidentServices) -> list[tuple[Remediation, Fix, Finding]]:
    """Every remediation that fixes one of the incident's findings and whose parameters the finding can fill."""
    return [
        (remediation, fix, finding)
        for remediation in services.catalogue.values()
        for fix in remediation.fixes
        for finding in incident.findings
        if finding.kind == fix.kind and _fills(remediation, finding)
    ]


def question(incident: Incident, services: IncidentServices) -> Question:
    """What the LLM is asked: the incident, the last three on its hosts, and the choices with our own parameter values."""
    earlier = [other for host in incident.hosts[:1] for other in services.ledger.search(host=host, limit=4)]
    history = tuple(
        f"{other.opened_at:%Y-%m-%d %H:%M} {other.state.value}: {other.title}"
        for other in earlier
        if other.id != incident.id
    )[:3]
    choices = {
        remediation.id: Choice(
            playbook=remediation.id, description=remediation.title, params=bind(remediation, finding)
        )
        for remediation, _, finding in candidates(incident, services)
    }
    return Question(incident=incident, history=history, choices=tuple(choices.values()))


def _fills(remediation: Remediation, finding: Finding) -> bool:
    try:
        bind(remediation, finding)
    except AiopsError:
        return False
    return True
