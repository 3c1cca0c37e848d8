"""export: an incident as a test case, in the form that ``aiops triage-eval`` reads."""

from typing import Any

from aiops.domain.incident import Incident, State
from aiops.domain.severity import Severity
from aiops.ports import IncidentServices


def export(incident: str, services: IncidentServices) -> dict[str, Any]:
    """The case with what was recorded. Right is what proved right: a repair that a detector confirmed, or what was done.

    ``findings`` hold the whole facts beside the text, so that nothing is lost.

    :raises UnknownError: no such incident
    """
    known = services.ledger.get(incident)
    acceptable, severity, why = _label(known, services)
    lead = known.findings[0]
    return {
        "id": known.id,
        "detection": lead.detector,
        "host": lead.host if len(known.hosts) == 1 else f"{len(known.hosts)} hosts",
        "evidence": "\n".join(_text(known)),
        "severity": severity.value,
        "acceptable": acceptable,
        "must_not": [],
        "why": why,
        "source": f"incident {known.id}, opened {known.opened_at:%Y-%m-%d}",
        "tags": ["exported", *(["false-positive"] if acceptable == ["drop"] else [])],
        "findings": [finding.model_dump(mode="json") for finding in known.findings],
    }


def _label(incident: Incident, services: IncidentServices) -> tuple[list[str], Severity, str]:
    plan, verdict = services.ledger.plan_of(incident.id), services.ledger.verdict(incident.id)
    outcome = services.ledger.outcome(plan.id) if plan else None
    if incident.state is State.RESOLVED and plan and outcome and outcome.status == "success":
        why = f"{plan.remediation} ran and {', '.join(plan.verify)} found it gone"
        return [plan.remediation], incident.severity, why
    if verdict and verdict.action == "drop":
        low = min(incident.severity, Severity.INFO, key=lambda severity: severity.rank)
        return ["drop"], low, verdict.reason
    return ["notify_human"], incident.severity, verdict.reason if verdict else "nobody has judged it; check this label"


def _text(incident: Incident) -> list[str]:
    lines: list[str] = []
    for finding in incident.findings:
        lines.append(finding.summary)
        for key, value in finding.evidence.items():
            shown = ", ".join(value) if isinstance(value, list) else value
            if shown not in (None, ""):
                lines.append(f"{key}: {shown}")
    return lines
