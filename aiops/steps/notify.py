"""notify: tell the human. Rather twice than never."""

from aiops.domain.event import Event
from aiops.domain.severity import Severity
from aiops.ports import NotifyServices


def notify(event: Event, services: NotifyServices) -> None:
    """Deliver the event by severity: debug is kept only.

    :raises TransientError: it could not be delivered now; the queue tries again
    """
    if event.severity is Severity.DEBUG:
        return
    services.notifier.tell(event)
    services.events.publish(
        Event(
            source="hermes",
            cron=event.cron,
            severity=Severity.DEBUG,
            timestamp=services.clock(),
            host=event.host,
            symptom=f"told the human: {event.symptom}",
            type="notify.sent",
            incident=event.incident,
        )
    )
