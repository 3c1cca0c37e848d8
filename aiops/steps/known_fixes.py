"""What is known already: rules, the catalogue's own fixes, learned skills. In that order, at zero tokens."""

from collections.abc import Collection, Sequence

from aiops.domain.finding import Finding
from aiops.domain.heard import INGEST
from aiops.domain.incident import Incident
from aiops.domain.remediation import Fix, Remediation
from aiops.domain.rule import Ruling
from aiops.domain.verdict import Verdict
from aiops.errors import AiopsError
from aiops.ports import IncidentServices
from aiops.remediations import names, resolve
from aiops.rules import judge
from aiops.steps.blindness import WATCH
from aiops.steps.bound import fills
from aiops.steps.learned import learned_fix


def own_judgement(incident: Incident, services: IncidentServices) -> Verdict | None:
    """What this side decides without asking anybody; None where the question goes to a model, or to a human."""
    if incident.findings[0].detector == WATCH:
        # A model cannot bring a process of ours back, and asking it would take time that a human needs.
        reason = "a part of aiops itself is dead or did not look"
        return Verdict(incident=incident.id, action="alert_human", reason=reason, source="rule:watch")
    if incident.findings[0].detector == INGEST:
        # Rules read what our own detectors print. A stranger's words must not make an alert benign, or look like a known fault.
        return None
    return known(incident, services)


def known(incident: Incident, services: IncidentServices) -> Verdict | None:
    """The verdict that needs no judgement; None when nobody knows this incident.

    What a human has to see goes before what is benign, and an incident is benign only when all of it is. A rule never adds
    a fix: its playbook counts only where the catalogue offers it for the finding, with the finding's own parameters.
    """
    rulings = judged(incident, services)
    certain = [(finding, ruling) for finding, ruling in rulings if ruling.certain]
    for finding, ruling in certain:
        if ruling.action == "alert_human" and ruling.guard:
            return _verdict(incident, finding, ruling, ruling.reason)
    if rulings and len(certain) == len(incident.states) and all(ruling.action == "drop" for _, ruling in certain):
        return _verdict(incident, *certain[0], certain[0][1].reason)
    offered = {remediation.id for remediation, _, _ in candidates(incident, services)}
    return (
        known_fix(incident, services)
        or _ruled(incident, certain, offered, services)
        or learned_fix(incident, offered, services)
    )


def _ruled(
    incident: Incident, certain: Sequence[tuple[Finding, Ruling]], offered: Collection[str], services: IncidentServices
) -> Verdict | None:
    """What the rules say that are neither guards nor about what is benign; a playbook counts only where it is offered."""
    for finding, ruling in certain:
        if ruling.action == "drop":
            continue
        if ruling.action == "remediate" and resolve(services.catalogue, ruling.playbook) not in offered:
            reason = f"{ruling.reason}. {ruling.playbook} would fit, but nothing we measured gives it its parameters"
            return _verdict(incident, finding, ruling.model_copy(update={"action": "alert_human"}), reason)
        return _verdict(incident, finding, ruling, ruling.reason)
    return None


def fallback_reason(incident: Incident, services: IncidentServices) -> str:
    """Why a human is asked, where nobody knows better: the default rule's words, or our own."""
    reasons = [ruling.reason for _, ruling in judged(incident, services) if not ruling.certain]
    return next(iter(reasons), "no known fix")


def judged(incident: Incident, services: IncidentServices) -> Sequence[tuple[Finding, Ruling]]:
    """What the rules say about each state of the incident, where they say anything."""
    playbooks = names(services.catalogue)
    return [
        (finding, ruling)
        for finding in incident.states
        if (ruling := judge(finding, services.rules, role=_role(finding.host, services), playbooks=playbooks))
    ]


def known_fix(incident: Incident, services: IncidentServices) -> Verdict | None:
    """The remediation whose manifest names one of the findings with the highest precedence.

    Two different ones of equal precedence are no known fix: that needs judgement. So does one below 0.
    """
    fits = [fit for fit in candidates(incident, services) if fit[1].precedence >= 0]
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
    """Every remediation that fixes one of the incident's findings and whose parameters are all known."""
    return [
        (remediation, fix, finding)
        for remediation in services.catalogue.values()
        for finding in incident.findings
        if (fix := remediation.fix_for(finding.kind, finding.subject)) and fills(remediation, finding, services)
    ]


def _verdict(incident: Incident, finding: Finding, ruling: Ruling, reason: str) -> Verdict:
    return Verdict(
        incident=incident.id,
        action=ruling.action,
        playbook=ruling.playbook if ruling.action == "remediate" else "",
        reason=reason,
        confidence="high",
        evidence=(finding.fingerprint,),
        source=f"rule:{ruling.rule}",
    )


def _role(host: str, services: IncidentServices) -> str:
    try:
        return services.inventory.find(host).role
    except AiopsError:
        return ""
