"""freeze, thaw: the kill switch. Without a permit nothing starts, and a freeze takes the permit away at once."""

from aiops.domain.event import Event
from aiops.domain.severity import Severity
from aiops.ports import IncidentServices
from aiops.steps.record import SOURCE


def freeze(who: str, why: str, services: IncidentServices, *, backups: bool = False) -> str:
    """Stop every start; what runs is not touched, and the nightly backup starts all the same unless ``backups`` is set.

    Returns who froze it first, when and why.
    """
    services.ledger.freeze(who, why, services.clock())
    services.permits.revoke()
    if backups:
        services.ledger.freeze_backups(who, why, services.clock())
        if services.backup_permits:
            services.backup_permits.revoke()
        _tell("freeze.set", Severity.WARNING, f"{who} froze the nightly backup: {why}", services)
    _tell("freeze.set", Severity.WARNING, f"{who} froze every repair: {why}", services)
    return services.ledger.frozen()


def thaw(who: str, services: IncidentServices) -> None:
    """Allow starts again, backups too. Plans that waited keep waiting for their approval."""
    services.ledger.thaw(who, services.clock())
    services.ledger.thaw_backups(who, services.clock())
    _tell("freeze.lifted", Severity.INFO, f"{who} allowed repairs again", services)


def renew_permit(services: IncidentServices) -> bool:
    """Issue the permit unless frozen, and the one for backups unless these are; returns whether the first was issued."""
    if services.backup_permits:
        if services.ledger.backups_frozen():
            services.backup_permits.revoke()
        else:
            services.backup_permits.renew()
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
