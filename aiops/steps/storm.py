"""A storm: so many incidents at once that one cause lies behind them, and that a message about each would hide it.

One message when it begins, one when it is over, no repair by itself in between. It ends by itself.
"""

from aiops.domain.event import Event
from aiops.domain.handover import Handover
from aiops.domain.incident import State
from aiops.domain.severity import Severity
from aiops.ports import IncidentServices
from aiops.steps.outbox import whole
from aiops.steps.record import SOURCE
from aiops.steps.tell import tell

_CALM = 0.25
"""The share of a storm's incidents below which it is over: a storm that hovers at its threshold is one storm."""
_WAITING = (State.ESCALATED, State.AWAITING_APPROVAL)


def watch_storm(services: IncidentServices) -> Handover:
    """Begin or end the storm as the number of new incidents says; asked after every sweep and by the sweeper."""
    with whole(services) as inside:
        return _watch(inside)


def _watch(services: IncidentServices) -> Handover:
    now, quiet = services.clock(), services.quiet
    opened = services.ledger.opened_since(now - quiet.storm_window)
    if opened >= quiet.storm_incidents:
        if not services.ledger.begin_storm(now):
            return Handover()
        text = (
            f"storm: {opened} new incidents within {quiet.storm_minutes} min. Nothing is repaired by itself and no single "
            "message is sent until it is over; `aiops incidents` shows them all"
        )
        return _tell("storm.began", Severity.CRITICAL, text, services)
    since = services.ledger.storm()
    if since is None or opened > quiet.storm_incidents * _CALM or not services.ledger.end_storm():
        return Handover()
    waiting = sum(incident.state in _WAITING for incident in services.ledger.live())
    minutes = (now - since).total_seconds() / 60
    text = f"the storm is over after {minutes:.0f} min; {waiting} incident(s) wait for a human: `aiops incidents`"
    return _tell("storm.ended", Severity.WARNING, text, services)


def _tell(kind: str, severity: Severity, text: str, services: IncidentServices) -> Handover:
    event = Event(
        source=SOURCE,
        cron="guardian-storm",
        severity=severity,
        timestamp=services.clock(),
        host="fleet",
        symptom=text,
        type=kind,
    )
    services.events.publish(event)
    return Handover(notices=tell(event, services))
