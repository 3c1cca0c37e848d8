"""deliver: send what is due to the human. Rather twice than never."""

from datetime import datetime, timedelta
from typing import Final

from aiops.domain.event import Event
from aiops.domain.notice import Bundle, bundles
from aiops.domain.severity import Severity
from aiops.errors import ChannelError, PermanentError, TransientError
from aiops.ports import NotifyServices

LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries: the back-off doubles from one second up to here."""


def deliver(services: NotifyServices) -> None:
    """Send every bundle that is due, the most severe first.

    A channel that failed is left alone for the rest of the round, or a hundred messages would wait for it a hundred times.

    :raises LedgerBusyError: the mailbox cannot be read or written now
    """
    down: set[str] = set()
    for bundle in bundles(services.mailbox.due(services.clock()), services.voice.digest_from):
        _deliver(bundle, down, services)


def _deliver(bundle: Bundle, down: set[str], services: NotifyServices) -> None:
    ids = [notice.id for notice in bundle.notices]
    late = _late(bundle, services.clock(), services.voice.second_after)
    reasons: list[str] = []
    rest = 0.0
    for place, channel in enumerate(services.channels):
        if place and not late:
            break
        if channel.name in down:
            reasons.append(f"{channel.name} has just failed")
            continue
        try:
            receipt = channel.send(bundle)
        except TransientError as error:
            rest = max(rest, error.rest) if isinstance(error, ChannelError) else rest
            reasons.append(str(error))
        except PermanentError as error:
            late = True
            reasons.append(str(error))
        else:
            services.mailbox.delivered(ids, channel.name, receipt, services.clock())
            _publish(bundle, "notify.sent", f"told the human by {channel.name}", Severity.DEBUG, services)
            return
        down.add(channel.name)
    attempts = max(notice.attempts for notice in bundle.notices)
    pause = max(rest, min(LONGEST_PAUSE, 2.0**attempts))
    reason = "; ".join(reasons)
    services.mailbox.failed(ids, reason, services.clock() + timedelta(seconds=pause))
    if not attempts:
        _publish(bundle, "notify.failed", f"the human could not be told: {reason}", Severity.WARNING, services)


def _late(bundle: Bundle, now: datetime, seconds: float) -> bool:
    return now - min(notice.due_at for notice in bundle.notices) >= timedelta(seconds=seconds)


def _publish(bundle: Bundle, kind: str, text: str, severity: Severity, services: NotifyServices) -> None:
    for notice in bundle.notices:
        event = notice.event
        services.events.publish(
            Event(
                source="hermes",
                cron=event.cron,
                severity=severity,
                timestamp=services.clock(),
                host=event.host,
                symptom=f"{text}: {event.symptom}",
                type=kind,
                incident=event.incident,
                context={"notice": notice.id},
            )
        )
