"""listen: hear what humans say, keep it durably, and only then let the messenger forget it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from aiops.domain.event import Event
from aiops.domain.severity import Severity
from aiops.domain.talk import Said, SignedSaid, Unread
from aiops.ports import ListenServices
from aiops.steps.commands import COMMANDS

PATIENCE: Final = timedelta(seconds=30)
"""What was handed over and not answered for so long is handed over again; heard twice, it is done once."""
OLDEST: Final = timedelta(hours=1)
"""What nobody could answer for so long is not handed over any more, and not taken from the queue any more."""
_NAMED: Final = 5


def listen(services: ListenServices) -> None:
    """One poll: who is not on the list is heard once, to be refused; idle talk in the group is nobody's business.

    What cannot be read is passed over, counted and said: it must not keep the next one from being heard.

    :raises ChannelError: it cannot be asked now
    :raises SettingsError: a wrong token
    :raises LedgerBusyError: nothing was taken: it comes again with the next poll
    """
    poll = services.ears.hear(services.inbox.offset())
    ours = [said for one in poll.said if (said := _ours(one, services))]
    if poll.newest > services.inbox.offset() or ours:
        so_far = services.inbox.take(poll.newest, ours, len(poll.unread))
        if poll.unread:
            _passed_over(poll.unread, so_far, services)


def to_hand(services: ListenServices) -> Sequence[Said]:
    """What the incidents' side has to hear now."""
    now = services.clock()
    return services.inbox.unhanded(now - PATIENCE, now - OLDEST)


def signed(said: Said, services: ListenServices) -> SignedSaid:
    """As it travels: others may push to the incidents' queue too, and must not be able to say that a human spoke."""
    return services.mouthpiece.sign_said(said)


def handed(said: Said, services: ListenServices) -> None:
    """It is in the incidents' queue."""
    services.inbox.handed(said.update, services.clock())


def introduce(services: ListenServices) -> None:
    """Tell the messenger which commands there are.

    :raises ChannelError: not now
    """
    services.ears.introduce([(name, services.words(f"command.{name}")) for name in COMMANDS])


def _passed_over(unread: Sequence[Unread], so_far: int, services: ListenServices) -> None:
    listed = ", ".join(f"{one.update} ({one.reason})" for one in unread[:_NAMED])
    services.events.publish(
        Event(
            source="hermes",
            cron="guardian-voice",
            severity=Severity.WARNING,
            timestamp=services.clock(),
            host="hermes",
            symptom=f"{len(unread)} updates of Telegram cannot be read and were passed over: {listed}",
            type="voice.unread",
            context={
                "updates": [one.update for one in unread],
                "reasons": [one.reason for one in unread],
                "so_far": so_far,
            },
        )
    )


def _ours(said: Said, services: ListenServices) -> Said | None:
    if said.chat not in services.chats and said.chat != said.user:
        return None  # the bot was added to a group of others: nothing of ours is told there
    incident = services.inbox.incident_of(said.chat, said.about) if said.about else ""
    private = said.chat > 0
    if not (said.callback or said.text.startswith("/") or incident or private):
        return None
    if said.user not in services.users and not services.inbox.stranger(said.user, said.at):
        return None
    return said.model_copy(update={"incident": incident})
