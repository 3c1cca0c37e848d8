"""prune: forget what is older than the settings say, and tell others where the audit log stands."""

from aiops.domain.event import Event
from aiops.domain.severity import Severity
from aiops.ports import IncidentServices
from aiops.steps.record import SOURCE


def prune(services: IncidentServices) -> int:
    """Delete old resolved incidents, old sweeps and whole outputs that nobody asked for lately; returns how many incidents.

    The audit log is never pruned; its head is published, so that somebody else holds it too.
    """
    now = services.clock()
    head = f"decided:{services.ledger.audit_head()}"
    services.events.publish(
        Event(
            source=SOURCE,
            cron="guardian-records",
            severity=Severity.DEBUG,
            timestamp=now,
            host="fleet",
            symptom=f"the audit log ends at {head}",
            type="audit.head",
            context={"head": head},
        )
    )
    if services.archive:
        services.archive.prune(now - services.keep_sweeps)
    return services.ledger.prune(now - services.keep_incidents, now - services.keep_sweeps)
