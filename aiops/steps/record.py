"""Writes a step down twice: into the incident's timeline, and as an event for everybody who watches."""

from collections.abc import Sequence

from aiops.domain.event import Event
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.severity import Severity
from aiops.ports import IncidentServices
from aiops.steps.shadow import below

SOURCE = "hermes"


def happened(
    incident: Incident,
    kind: str,
    text: str,
    services: IncidentServices,
    /,
    *,
    severity: Severity | None = None,
    **context: object,
) -> Event:
    """Publish an event of that type about the incident, and return it."""
    lead = incident.findings[0]
    event = Event(
        source=SOURCE,
        cron=f"guardian-{lead.detector}",
        severity=severity or incident.severity,
        timestamp=services.clock(),
        host=", ".join(incident.hosts),
        symptom=text,
        type=kind,
        incident=incident.id,
        context={"title": incident.title, "state": incident.state.value, **context},
        shadow=below(incident.findings, services),
    )
    services.events.publish(event)
    return event


def move(
    incident: Incident,
    expected: Sequence[State],
    to: State,
    step: str,
    text: str,
    services: IncidentServices,
    *,
    who: str = "",
) -> Incident | None:
    """Move the incident if it stands where expected; None when somebody else got there first."""
    entry = Entry(at=services.clock(), step=step, text=text, who=who)
    if not services.ledger.move(incident.id, expected, to, entry):
        return None
    moved = services.ledger.get(incident.id)
    kind = "incident.resolved" if to is State.RESOLVED else "incident.moved"
    lasted = {"seconds": round((entry.at - moved.opened_at).total_seconds(), 3)} if to is State.RESOLVED else {}
    said = f"{moved.title}: {text}"
    happened(moved, kind, said, services, severity=_loudness(moved, to), step=step, who=who, **lasted)
    return moved


def _loudness(incident: Incident, to: State) -> Severity:
    """Only what needs a human keeps the incident's severity; the ordinary course of things is information."""
    return incident.severity if to in {State.ESCALATED, State.AWAITING_APPROVAL} else Severity.INFO
