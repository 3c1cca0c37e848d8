"""ripen: what is more severe the longer it lasts. A detector has no memory, so the incident that holds the finding counts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from aiops.domain.fact import iso
from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.incident import Entry
from aiops.domain.severity import worst
from aiops.domain.sweep import Sweep
from aiops.ports import IncidentServices
from aiops.steps.record import happened
from aiops.steps.tell import tell

_SINCE: Final = "since"
"""In the evidence: the first of the looks that all found it."""
_BREAK: Final = timedelta(hours=36)
"""Nobody has looked for longer than a daily line takes: then it counts anew."""


def ripen(sweep: Sweep, services: IncidentServices) -> tuple[Sweep, Sequence[Finding]]:
    """The sweep with every finding as severe as its age makes it, and the findings that became more severe by that."""
    findings, ripened = [], []
    for finding in sweep.findings:
        if not finding.ripens:
            findings.append(finding)
            continue
        before = _before(finding, services)
        aged = _aged(finding, before)
        findings.append(aged)
        if before and aged.severity.rank > before.severity.rank:
            ripened.append(aged)
    return sweep.model_copy(update={"findings": tuple(findings)}), ripened


def tell_ripened(ripened: Sequence[Finding], services: IncidentServices) -> Handover:
    """Say it once for each incident, unless somebody has it in hand or it is quiet for a reason of its own."""
    handed = Handover()
    by_incident: dict[str, list[Finding]] = {}
    for finding in ripened:
        home = services.ledger.by_fingerprint(finding.fingerprint)
        if home and home.state.open:
            by_incident.setdefault(home.id, []).append(finding)
    for name, findings in by_incident.items():
        hosts = ", ".join(dict.fromkeys(finding.host for finding in findings))
        text = f"it has lasted too long on {hosts}: {findings[0].summary}"
        services.ledger.note(name, Entry(at=services.clock(), step="ripen", text=text))
        if not services.ledger.acknowledged(name):
            severity = worst([finding.severity for finding in findings])
            event = happened(services.ledger.get(name), "incident.ripened", text, services, severity=severity)
            handed += Handover(notices=tell(event, services))
    return handed


def _before(finding: Finding, services: IncidentServices) -> Finding | None:
    """The same finding as it was seen last, if no look has found it gone since and that was not too long ago."""
    home = services.ledger.by_fingerprint(finding.fingerprint)
    # Marking nothing gives what is not known to be gone: an incident stays open for its other hosts.
    there = services.ledger.mark(home.id, gone=(), back=(), at=finding.seen_at) if home else ()
    last = {one.fingerprint: one for one in there}.get(finding.fingerprint)
    period = services.periods.get(finding.detector, timedelta())
    return last if last and finding.seen_at - last.seen_at <= max(_BREAK, 1.5 * period) else None


def _aged(finding: Finding, before: Finding | None) -> Finding:
    told = str(before.evidence.get(_SINCE) or "") if before else ""
    since = datetime.fromisoformat(told) if told else finding.seen_at
    hours = (finding.seen_at - since).total_seconds() / 3600
    reached = [severity for severity, limit in finding.ripens.items() if hours >= limit]
    lasts = f" (for {hours / 24:.0f} days)" if reached else ""
    return finding.model_copy(
        update={
            "severity": worst([finding.severity, *reached]),
            "summary": finding.summary + lasts,
            "evidence": {**finding.evidence, _SINCE: iso(since)},
        }
    )
