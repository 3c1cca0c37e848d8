"""hear: alerts of other systems become findings, deduplicated and grouped like our own.

What a source calls resolved is the end of that finding's state, since nobody else can say so. It proves no repair of ours:
an incident that is being repaired or verified does not move by it.
"""

from aiops.domain.event import Event
from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.heard import INGEST, Heard
from aiops.domain.incident import Entry, State
from aiops.domain.severity import Severity
from aiops.domain.sweep import Patrol, Sweep
from aiops.ports import IncidentServices
from aiops.steps.correlate import correlate
from aiops.steps.hush import UNDER_REPAIR
from aiops.steps.outbox import whole
from aiops.steps.record import move

_CLOSABLE = (State.NEW, State.TRIAGED, State.AWAITING_APPROVAL, State.ESCALATED, State.SUPPRESSED)


def hear(heard: Heard, services: IncidentServices) -> Handover:
    """Work through one message; the same one again changes nothing."""
    known = {host.name for host in services.inventory.hosts()}
    strange = sorted({alert.host for alert in heard.alerts} - known)
    if strange:
        _refuse(heard, f"it speaks of {len(strange)} hosts that the inventory does not know", services)
    alerts = [alert for alert in heard.alerts if alert.host in known]
    with whole(services) as inside:
        for alert in alerts:
            if not alert.firing:
                _over(alert.finding(heard.source, heard.at), heard.source, inside)
    firing = {
        finding.fingerprint: finding for finding in (a.finding(heard.source, heard.at) for a in alerts if a.firing)
    }
    if not firing:
        return Handover()
    return correlate(_sweep(heard, tuple(firing.values()), services), services)


def _sweep(heard: Heard, findings: tuple[Finding, ...], services: IncidentServices) -> Sweep:
    """It has looked at nothing, so the absence of an alert means nothing."""
    now = services.clock()
    patrol = Patrol(
        sweep=heard.id,
        detectors=(INGEST,),
        hosts=tuple(dict.fromkeys(finding.host for finding in findings)),
        started_by=f"ingest:{heard.source}",
        requested_at=heard.at,
    )
    return Sweep(patrol=patrol, findings=findings, started_at=now, finished_at=now)


def _over(finding: Finding, source: str, services: IncidentServices) -> None:
    incident = services.ledger.by_fingerprint(finding.fingerprint)
    if incident is None:
        return
    now, text = services.clock(), f"{source} says that it is over"
    left = services.ledger.mark(incident.id, gone=[finding.fingerprint], back=(), at=now)
    if incident.state in UNDER_REPAIR:
        text = f"{text}; that proves nothing about the repair"
        services.ledger.note(incident.id, Entry(at=now, step="hear", text=text, who=source))
    elif not left:
        move(incident, _CLOSABLE, State.RESOLVED, "hear", text, services, who=source)


def _refuse(heard: Heard, why: str, services: IncidentServices) -> None:
    services.events.publish(
        Event(
            source="hermes",
            cron="guardian-ingest",
            severity=Severity.WARNING,
            timestamp=services.clock(),
            host="hermes",
            symptom=f"a message of {heard.source} was not taken: {why}",
            type="ingest.refused",
            context={"source": heard.source, "reason": why},
        )
    )
