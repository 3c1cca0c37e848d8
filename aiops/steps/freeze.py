"""freeze, thaw: the kill switch. Without a permit nothing starts, and a freeze takes the permit away at once."""

from aiops.domain.event import Event
from aiops.domain.severity import Severity
from aiops.ports import IncidentServices
from aiops.steps.record import SOURCE


def freeze(who: str, why: str, services: IncidentServices) -> str:
    """Stop every start; what runs is not touched. Returns who froze it first, when and why."""
    services.ledger.freeze(who, why, services.clock())
    services.permits.revoke()
    _tell("freeze.set", Severity.WARNING, f"{who} froze every repair: {why}", services)
    return services.ledger.frozen()


def thaw(who: str, services: IncidentServices) -> None:
    """Allow starts again. Plans that waited keep waiting for their approval."""
    services.ledger.thaw(who, services.clock())
    _tell("freeze.lifted", Severity.INFO, f"{who} allowed repairs again", services)


def renew_permit(services: IncidentServices) -> bool:
    """Issue the permit unless frozen; returns whether it was issued."""
    if services.ledger.frozen():
        services.permits.revoke()
        return False
    services.permits.renew()
    return True


def _tell(kind: str, severity: Severity, text: str, services: IncidentServices) -> None:
    services.events.publish(
        Event(
            source=SOURCE,
            cron="guardian-freeze",
            severity=severity,
            timestamp=services.clock(),
            host="fleet",
            symptom=text,
            type=kind,
        )
    )
