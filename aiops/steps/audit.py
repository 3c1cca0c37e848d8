"""audit: what a read-only playbook has seen returns to the incident. It repairs nothing; what would is only proposed."""

from typing import Final

from aiops.domain.handover import Handover
from aiops.domain.incident import Entry, Incident
from aiops.domain.outcome import Outcome
from aiops.domain.plan import Plan
from aiops.errors import AiopsError
from aiops.ports import IncidentServices
from aiops.steps.audits import AUDIT
from aiops.steps.authorise import await_approval, decide, escalate, plan_for
from aiops.steps.known_fixes import candidates
from aiops.steps.record import happened

PROPOSAL_REASON: Final = "the audit is done; this changes the host, so a human decides"


def report_back(incident: Incident, plan: Plan, outcome: Outcome, services: IncidentServices) -> Handover:
    """Put the report into the incident, and propose the one playbook that fixes what it is about, if there is one."""
    report = outcome.report or "the playbook told nothing; its transcript has what it did"
    services.ledger.note(incident.id, Entry(at=services.clock(), step=AUDIT, text=report, who="CT196"))
    happened(
        incident,
        "audit.reported",
        f"{plan.remediation} has looked at {', '.join(plan.hosts)}; its report is in the incident",
        services,
        plan=plan.id,
        report=report,
    )
    changing = sorted(
        {remediation.id for remediation, _, _ in candidates(incident, services) if remediation.risk != "read_only"}
    )
    seen = f"{plan.remediation} has looked and changed nothing; its report is in the timeline"
    if len(changing) != 1:
        return escalate(incident, "audit", seen, services)
    (playbook,) = changing
    try:
        proposed = plan_for(incident, playbook, services)
        decision, reason = decide(incident, proposed, services.catalogue[playbook], services, asked=True)
    except AiopsError as error:
        return escalate(incident, "audit", f"{seen}; {playbook} cannot be planned: {error}", services)
    if decision == "never":
        return escalate(incident, "audit", f"{seen}; {playbook} would fit: {reason}", services)
    services.ledger.store_plan(proposed)
    return await_approval(incident, proposed, PROPOSAL_REASON, services)
