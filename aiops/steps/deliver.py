"""deliver: send what is due to the human. Rather twice than never."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiops.domain.event import Event
from aiops.domain.notice import Bundle, Route, bundles
from aiops.domain.pace import MOST, NOTICES
from aiops.domain.severity import Severity
from aiops.domain.talk import Shown
from aiops.errors import ChannelError, PermanentError, TransientError
from aiops.ports import Channel, NotifyServices
from aiops.steps.converse import failed, pointless, say_answers, show_cards, speak

LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries: the back-off doubles from one second up to here."""


def deliver(services: NotifyServices) -> None:
    """Answer what was asked, send every bundle that is due, the most severe first, then bring the cards up to date.

    A channel that failed is left alone for the rest of the round, or a hundred messages would wait for it a hundred times.

    :raises LedgerBusyError: the mailbox cannot be read or written now
    """
    down: set[str] = set()
    if services.talker and services.pace.resting(services.clock()):
        down.add(services.talker.name)
    say_answers(services, down)
    words = services.words
    wording = {"heading": words.template("digest.heading"), "rest": words.template("digest.rest")}
    for bundle in bundles(services.mailbox.due(services.clock()), services.voice.digest_from):
        _deliver(bundle.model_copy(update=wording), down, services)
    show_cards(services, down)


def _deliver(bundle: Bundle, down: set[str], services: NotifyServices) -> None:
    ids = [notice.id for notice in bundle.notices]
    shown = _card_of(bundle, services)
    if pointless(bundle, shown):
        services.mailbox.delivered(ids, "nobody", "decided already", services.clock())
        return
    if _crowded(bundle, services):
        return
    late = _late(bundle, services.clock(), services.voice.second_after)
    tries: list[_Try] = []
    for place, channel in enumerate(services.channels):
        if place and not late:
            break
        if channel.name in down:
            tries.append(_Try(f"{channel.name} has just failed"))
            continue
        tries.append(_send(bundle, channel, shown, services, down))
        if tries[-1].receipt is not None:
            _arrived(bundle, channel, tries[-1].receipt, services)
            return
        late = late or tries[-1].forever
        down.add(channel.name)
    attempts = max(notice.attempts for notice in bundle.notices)
    pause = max(*(one.rest for one in tries), min(LONGEST_PAUSE, 2.0**attempts))
    reason = "; ".join(one.reason for one in tries)
    services.mailbox.failed(ids, reason, services.clock() + timedelta(seconds=pause))
    if not attempts:
        _publish(bundle, "notify.failed", f"the human could not be told: {reason}", Severity.WARNING, services)


@dataclass(frozen=True)
class _Try:
    """One channel's part: its receipt, or why there is none, how long to leave it alone, and whether it never will."""

    reason: str = ""
    receipt: str | None = None
    rest: float = 0.0
    forever: bool = False


def _send(bundle: Bundle, channel: Channel, shown: Shown | None, services: NotifyServices, down: set[str]) -> _Try:
    talker = services.talker if services.talker and services.talker.name == channel.name else None
    try:
        if talker is None:
            return _Try(receipt=channel.send(bundle))
        services.pace.sent(talker.chat(direct=bundle.route is Route.DIRECT), services.clock())
        receipt = speak(bundle, talker, shown, services)
        return _Try(receipt=channel.send(bundle) if receipt is None else receipt)
    except ChannelError as error:
        if talker is None:
            return _Try(str(error), rest=error.rest)
        failed(talker, error, services, down)  # the pause it asks for holds for all, not for this message
        return _Try(str(error))
    except TransientError as error:
        return _Try(str(error))
    except PermanentError as error:
        return _Try(str(error), forever=True)


def _arrived(bundle: Bundle, channel: Channel, receipt: str, services: NotifyServices) -> None:
    ids = [notice.id for notice in bundle.notices]
    services.mailbox.delivered(ids, channel.name, receipt, services.clock())
    if services.talker and channel.name != services.talker.name and len(ids) == 1:
        services.mailbox.owe(bundle.notices[0].event.incident)
    _publish(bundle, "notify.sent", f"told the human by {channel.name}", Severity.DEBUG, services)


def _card_of(bundle: Bundle, services: NotifyServices) -> Shown | None:
    return services.mailbox.card(bundle.notices[0].event.incident) if services.talker else None


def _crowded(bundle: Bundle, services: NotifyServices) -> bool:
    """Whether its chat has had all it may have within this minute: it waits, and nothing has failed."""
    if services.talker is None:
        return False
    direct = bundle.route is Route.DIRECT
    return not services.pace.room(services.talker.chat(direct=direct), services.clock(), MOST if direct else NOTICES)


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
