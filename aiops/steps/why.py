"""why: which rule of the policy would decide about an incident's repair, and what speaks above it."""

from dataclasses import dataclass

from aiops.domain.incident import Incident
from aiops.domain.policy import Decision
from aiops.errors import AiopsError, UnknownError
from aiops.ports import IncidentServices
from aiops.steps.authorise import decide, plan_for
from aiops.steps.known_fixes import candidates


@dataclass(frozen=True)
class Because:
    """What policy says now about one playbook for an incident."""

    playbook: str
    hosts: tuple[str, ...]
    decision: Decision
    reason: str
    answers: tuple[str, ...]


def why(what: str, services: IncidentServices) -> tuple[Incident, tuple[Because, ...]]:
    """The incident, or the one that holds the finding of that fingerprint, and policy's answer for every playbook that fits.

    :raises UnknownError: no such incident, and no open one holds such a finding
    """
    incident = services.ledger.get(what) if what.startswith("inc-") else _holder(what, services)
    verdict = services.ledger.verdict(incident.id)
    chosen = [verdict.playbook] if verdict and verdict.playbook else []
    fitting = dict.fromkeys([*chosen, *(remediation.id for remediation, _, _ in candidates(incident, services))])
    return incident, tuple(_because(incident, playbook, services) for playbook in fitting)


def _because(incident: Incident, playbook: str, services: IncidentServices) -> Because:
    try:
        plan = plan_for(incident, playbook, services)
        remediation = services.catalogue[playbook]
        decision, reason = decide(incident, plan, remediation, services)
    except AiopsError as error:
        return Because(playbook, incident.hosts, "never", f"it cannot be planned: {error}", ())
    hosts = [services.inventory.find(name) for name in plan.hosts]
    fixable = {fix.kind for fix in remediation.fixes}
    kinds = list(dict.fromkeys(finding.kind for finding in incident.findings if finding.kind in fixable))
    answers = services.policy.answers(kinds, remediation, hosts, incident.severity, services.clock())
    return Because(playbook, plan.hosts, decision, reason, tuple(str(answer) for answer in answers))


def _holder(finding: str, services: IncidentServices) -> Incident:
    held = services.ledger.by_fingerprint(finding)
    if held is None:
        raise UnknownError("open incident with the finding", finding, "`aiops incidents --json` shows fingerprints")
    return held
