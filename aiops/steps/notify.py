"""notify: take a message for the human. Where it goes and when is a table; nothing is asked, nothing is spent."""

from aiops.domain.event import Event
from aiops.domain.notice import Notice, Route
from aiops.ports import NotifyServices


def notify(event: Event, services: NotifyServices) -> None:
    """Put the event into the mailbox, by severity; debug is dropped.

    :raises LedgerBusyError: it could not be kept; the queue tries again
    """
    due = services.voice.due(event.severity, services.clock(), services.timezone)
    notice = Notice.of(event, due)
    if notice.route is not Route.NOBODY:
        services.mailbox.put(notice)
